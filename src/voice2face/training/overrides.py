"""Changing single settings of a preset from the command line: `gan.batch_size=64`."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

from voice2face.errors import ConfigError, unknown_name
from voice2face.networks import DISCRIMINATORS, GENERATORS, VOICE_ENCODERS
from voice2face.ranges import problems, unread
from voice2face.training.gan.settings import GanSettings
from voice2face.training.presets import TrainSettings

__all__ = ["override"]

# Settings that are a network's: a name stands for that network at its published size.
_NETWORKS = {
    "speaker.encoder": VOICE_ENCODERS,
    "gan.generator": GENERATORS,
    "gan.discriminator": DISCRIMINATORS,
}


def override(settings: TrainSettings, assignments: list[str]) -> TrainSettings:
    """Change settings by name.

    Args:
        assignments: Each NAME=VALUE; a dot leads into a part, commas part the items of a list, and
            the name of a network takes its published size.

    Raises:
        ConfigError: A setting does not exist, is not read with the others as they are, or has a
            value that is not of its kind or out of range; all are told at once.
    """
    told, names = [], []
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        try:
            if not equals:
                raise ConfigError(f"--set {assignment}: give NAME=VALUE")
            settings = _replaced(settings, name.split("."), value, name)
            names.append(name)
        except ConfigError as error:
            told.append(str(error))
    told += [line for name in names if (line := unread(settings, name))]
    told += problems(settings)
    if told:
        raise ConfigError("; ".join(dict.fromkeys(told)))
    return settings


def _replaced(part: Any, path: list[str], value: str, name: str) -> Any:
    first, *rest = path
    names = [field.name for field in dataclasses.fields(part)]
    if first not in names:
        if owner := _objective_of(part, first):
            raise ConfigError(
                f"--set {name}: is a setting of the objective {owner!r}, and this preset has "
                f"{part.objective!r}"
            )
        raise unknown_name("setting", name, [name.removesuffix(first) + known for known in names])
    before = getattr(part, first)
    kinds = get_args(get_type_hints(type(part))[first])
    has_parts = any(dataclasses.is_dataclass(kind) for kind in kinds)
    if rest:
        if before is None and has_parts:
            owner = name.removesuffix("." + ".".join(rest))
            raise ConfigError(f"--set {name}: is not used: {owner} is None in this preset")
        if not dataclasses.is_dataclass(before):
            raise ConfigError(
                f"--set {name}: {first!r} is a single value, without settings of its own"
            )
        after = _replaced(before, rest, value, name)
    elif name in _NETWORKS:
        registry = _NETWORKS[name]
        if value not in registry:
            raise unknown_name(name, value, registry)
        after = registry[value][1]()
        if not isinstance(after, kinds := kinds or (get_type_hints(type(part))[first],)):
            fit = [known for known, (_, make) in registry.items() if isinstance(make(), kinds)]
            raise ConfigError(
                f"--set {name}={value}: is not a network of this preset's objective: "
                f"give {' or '.join(fit)}, or start from another preset"
            )
    elif has_parts or dataclasses.is_dataclass(before):
        raise ConfigError(f"--set {name}={value}: is a group of settings; set one of them")
    else:
        after = _read(value, before, name, kinds)
    return dataclasses.replace(part, **{first: after})


def _objective_of(part: Any, name: str) -> str | None:
    """Another objective of the adversarial stage that has a setting of a name."""
    others = GanSettings.__subclasses__() if isinstance(part, GanSettings) else ()
    return next((kind.objective for kind in others if name in kind.__dataclass_fields__), None)


def _read(value: str, before: Any, name: str, kinds: tuple[Any, ...]) -> Any:
    """Read a value of the kind that the setting has, or, where it is None, may have."""
    words = [kind for kind in kinds if isinstance(kind, str)]  # of a Literal
    if words and value not in words:
        raise unknown_name(name, value, words)
    items = [item for item in value.split(",") if item]
    if isinstance(before, tuple) and kinds[-1] is not ... and len(items) != len(kinds):
        raise ConfigError(f"--set {name}={value}: give {len(kinds)} values")
    try:
        if before is None or (type(None) in kinds and value == "None"):
            return None if value == "None" else kinds[0](value)
        if isinstance(before, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(before, (int, float, str)):
            return type(before)(value)
        if isinstance(before, tuple):
            return tuple(kinds[0](item) for item in items)
    except (KeyError, ValueError):
        pass
    if before is None:
        raise ConfigError(f"--set {name}={value}: give {kinds[0].__name__} or None")
    shown = ",".join(map(str, before)) if isinstance(before, tuple) else before
    raise ConfigError(f"--set {name}={value}: give a value like {shown!r}")
