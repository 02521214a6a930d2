"""Changing single settings of a preset from the command line: `gan.batch_size=64`."""

from __future__ import annotations

import dataclasses
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from voice2face.errors import ConfigError, unknown_name
from voice2face.networks import DISCRIMINATORS, GENERATORS, VOICE_ENCODERS
from voice2face.ranges import problems, unread, value_problems
from voice2face.training.gan.settings import GanSettings
from voice2face.training.presets import TrainSettings

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
    wrong, names = [], []
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        try:
            if not equals:
                raise ConfigError(f"--set {assignment!r}: give NAME=VALUE")
            settings = _replaced(settings, name.split("."), value, name)
            names.append(name)
        except ConfigError as error:
            wrong.append(str(error))
    wrong += [line for name in names if (line := unread(settings, name))]
    wrong += problems(settings)
    if wrong:
        raise ConfigError("; ".join(dict.fromkeys(wrong)))
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
    hint = get_type_hints(type(part), include_extras=True)[first]
    kinds = get_args(hint) or (hint,)
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
        if not isinstance(after, kinds):
            fit = [known for known, (_, make) in registry.items() if isinstance(make(), kinds)]
            raise ConfigError(
                f"--set {name}={value}: is not a network of this preset's objective: "
                f"give {' or '.join(fit)}, or start from another preset"
            )
    elif has_parts or dataclasses.is_dataclass(before):
        raise ConfigError(f"--set {name}={value}: is a group of settings; set one of them")
    else:
        after = _read(value, hint)
        if wrong := value_problems(after, hint, name):
            raise ConfigError("; ".join(wrong))
    return dataclasses.replace(part, **{first: after})


def _objective_of(part: Any, name: str) -> str | None:
    """Another objective of the adversarial stage that has a setting of a name."""
    others = GanSettings.__subclasses__() if isinstance(part, GanSettings) else ()
    return next((kind.objective for kind in others if name in kind.__dataclass_fields__), None)


def _read(text: str, hint: Any) -> Any:
    """What a text says, by a setting's type; the text itself where it says nothing of that kind."""
    origin, kinds = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _read(text, kinds[0])
    if origin in (Union, UnionType):  # with None
        return None if text == "None" else _read(text, kinds[0])
    if origin is tuple:
        return tuple(_read(item, kinds[0]) for item in text.split(",") if item)
    kind = type(kinds[0]) if origin is Literal else hint
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text
