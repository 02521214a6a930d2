"""What a run folder says of its own settings, so that it is only gone on with under the same."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Literal

from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError
from voice2face.files import read_json, sha256, write_atomically
from voice2face.networks import DISCRIMINATORS, GENERATORS
from voice2face.networks.pretrained_discriminator import PretrainedDiscriminatorConfig
from voice2face.training.presets import PRESETS, TrainSettings

StageName = Literal["speaker", "gan", "speech"]

CONFIG_FILE = "config.json"
_ENDING_FILE = "gan.ended.json"

# How long it goes on, what is exported, and which of the same faces it goes on with; and where a
# file of weights lies, whose content is compared.
_WEIGHTS = "gan.discriminator.weights"
_MAY_CHANGE = (
    "gan.images",
    "gan.lr_decay_fraction",
    "gan.noise_scale",
    "gan.confident_fraction",
    "gan.weight_bits",
    "gan.redraws",
    "speech.false_acceptance",
    _WEIGHTS,
)
# Settings of the adversarial stage in runs of earlier versions: parts whose settings now stand
# beside the others, and names that every objective had.
_OLD_PARTS = ("relativistic", "projected")
_OLD_OTHERS = {"classifiers", "classifier_first_images", "generator_loss", "initialisation",
               "noise_scale", "sample_frames"}  # fmt: skip
# Settings that have another name since.
_RENAMED = {
    "cool_down": "lr_decay_fraction",
    "clear_share": "confident_fraction",
    "alteration": "augment_probability",
    "steps_an_epoch": "steps_per_epoch",
}
# Both stages depend on these; only the path may differ, since folders are moved.
_STORE_FACTS = ("content_sha256", "n_recordings", "n_speakers", "n_faces")


def preset_of(run: Path) -> str | None:
    """Name the preset that a run began with; None where there is no run."""
    path = run / CONFIG_FILE
    return read_json(path, DataError).get("preset") if path.exists() else None


def open_run(
    run: Path,
    stage: StageName,
    store: Store,
    pair_by: str | None,
    settings: TrainSettings,
    encoder: Path | None = None,
) -> None:
    """Write a stage's settings into the run folder, or compare them with those that it began with.

    Args:
        pair_by: The pairing key; None in the speaker stage.

    Raises:
        ConfigError: The stage began with other settings; all differences are named. Only the
            length of the adversarial stage, its learning-rate decay, what share of the faces it
            sees, and what is only of the export may change.
        DataError: The store, or the voice encoder, changed since it began.
        OutputError: The folder cannot be written.
    """
    store.verify()
    facts: dict[str, Any] = {key: store.card.get(key) for key in _STORE_FACTS}
    facts["n_train_faces"] = store.faces["split"].count("train")
    if encoder is not None:
        facts["encoder_sha256"] = sha256(encoder)
    if stage == "gan" and isinstance(settings.gan.discriminator, PretrainedDiscriminatorConfig):
        facts["trunk_sha256"] = settings.gan.discriminator.weights_sha256()
    record_settings(run, stage, settings, facts, pair_by, os.path.relpath(store.folder, run))


def record_settings(
    run: Path,
    stage: StageName,
    settings: TrainSettings,
    facts: dict[str, Any],
    pair_by: str | None = None,
    store: str | None = None,
) -> None:
    """Write a stage's settings into the run folder, or compare them with those that it began with.

    Args:
        facts: What the stage learns from, which may not change.
        store: Where the store lies, from the run folder.

    Raises:
        ConfigError, DataError, OutputError: See `open_run`.
    """
    path = run / CONFIG_FILE
    before = read_json(path, DataError) if path.exists() else {}
    for part in (stage, f"{stage}_data"):
        if not isinstance(before.get(part, {}), dict):
            raise DataError(f"{path}: {part} is not an object")
    run_settings: dict[str, Any] = {"preset": settings.name, "seed": settings.seed}
    if store is not None:
        run_settings["store"] = {"path": store, **facts}
    of_stage = _of_stage(settings, stage)
    if pair_by is not None:
        run_settings["pair_by"] = of_stage["pair_by"] = pair_by
    now = json.loads(json.dumps({stage: of_stage, f"{stage}_data": facts}))
    if stage in before:
        before[stage] = _of_now(before[stage], settings, stage)
    earlier = before.get(f"{stage}_earlier", [])
    if (run / f"{stage}.safetensors").exists() and stage in before:
        _refuse(path, f"{stage}_data", before, now, DataError, "the data changed")
        changed = _refuse(
            path, stage, before, now, ConfigError, "the run began with other settings"
        )
        earlier = [*earlier, changed] if changed else earlier
    merged = {**before, **run_settings, **now}
    if earlier:
        merged[f"{stage}_earlier"] = earlier
    write_atomically(path, (json.dumps(merged, indent=2) + "\n").encode())


def command_of(run: Path, stage: StageName, settings: TrainSettings) -> list[str]:
    """Write the command that trains a stage with the settings of a run.

    Args:
        settings: What networks the adversarial stage has.

    Returns:
        Its words, with STORE for the store, as far as they follow from the settings.
    """
    config = read_json(run / CONFIG_FILE, DataError)
    name = config.get("preset", settings.name)
    start = PRESETS[name]() if name in PRESETS else TrainSettings(name)
    changed = []
    if stage == "gan":
        if type(start.gan) is not type(settings.gan):
            start = dataclasses.replace(start, gan=type(settings.gan)())
        for part, registry in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS)):
            kind = type(getattr(settings.gan, part))
            if kind is not type(getattr(start.gan, part)):
                gan = dataclasses.replace(start.gan, **{part: kind()})
                start = dataclasses.replace(start, gan=gan)
                known = next(key for key, (_, sizes) in registry.items() if sizes is kind)
                changed.append(f"gan.{part}={known}")
    recorded = _of_now(config[stage], start, stage)
    of_preset = json.loads(json.dumps(_of_stage(start, stage)))
    for key, _, value in _differences(of_preset, {**of_preset, **recorded}):
        if key not in ("seed", "pair_by"):
            whole = key if key in ("precision", "compiled") else f"{stage}.{key}"
            changed.append(
                f"{whole}={Path(str(value)).name if whole == _WEIGHTS else _as_text(value)}"
            )
    words = ["voice2face", "train", stage, "STORE", "--preset", name]
    words += ["--seed", str(recorded.get("seed", 0))]
    return [*words, *(word for one in changed for word in ("--set", one))]


def _as_text(value: Any) -> str:
    """A value as `overrides.override` reads it."""
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_stage(settings: TrainSettings, stage: StageName) -> dict[str, Any]:
    """The settings of a stage as they are recorded."""
    whole = {name: getattr(settings, name) for name in ("seed", "precision", "compiled")}
    return {**whole, **dataclasses.asdict(getattr(settings, stage))}


def _defaults(part: Any) -> dict[str, Any]:
    """What settings of these kinds are by default, parts within parts."""
    defaults = type(part)()
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    return {
        name: _defaults(value) if dataclasses.is_dataclass(value) else getattr(defaults, name)
        for name, value in values.items()
    }


def _of_now(before: dict[str, Any], settings: TrainSettings, stage: str) -> dict[str, Any]:
    """Settings that a run began with, under the names that they have now."""
    known = {field.name for field in dataclasses.fields(getattr(settings, stage))}
    own = [before.get(part) or {} for part in _OLD_PARTS]
    # Those of other objectives were there too, and read by nothing.
    others = {*_OLD_PARTS, *(_OLD_OTHERS - known)}
    renamed = {
        _RENAMED.get(name, name): value
        for part in (before, *own)
        for name, value in part.items()
        if name not in others
    }
    # A setting that is newer than the run had its default's effect.
    return _filled(renamed, json.loads(json.dumps(_defaults(getattr(settings, stage)))))


def _filled(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Add what is new to settings, and to the parts that they have."""
    parts = {
        name: _filled(value, new[name])
        for name, value in before.items()
        if isinstance(value, dict) and isinstance(new.get(name), dict)
    }
    return {**new, **before, **parts}


def _refuse(
    path: Path,
    part: str,
    before: dict[str, Any],
    now: dict[str, Any],
    kind: type[ConfigError] | type[DataError],
    what: str,
) -> dict[str, object]:
    """Refuse what may not change; give the earlier values of what may, and did."""
    told = _differences(before.get(part, {}), now[part], part.removesuffix("_data"))
    found = [one for one in told if one[0] not in _MAY_CHANGE and not _of_older_kind(*one)]
    if found:
        changed = "; ".join(f"{name} was {was}, is {is_now}" for name, was, is_now in found)
        raise kind(f"{path}: {what} ({changed}); give another run folder")
    return {name: was for name, was, _ in told if name != _WEIGHTS}


def _of_older_kind(name: str, was: object, now: object) -> bool:
    """Whether two hashes of a store's content are of two versions, so that they say nothing."""
    kinds = [str(one).startswith("v2:") for one in (was, now)]
    return name.endswith("content_sha256") and kinds == [False, True]


def earlier_settings(run: Path) -> list[dict[str, Any]]:
    """Tell under which settings an adversarial stage was run before those that it ended with.

    Returns:
        For each time that it was gone on with under others, what was changed then: the value
        before, by name; the first change first.
    """
    changes: list[dict[str, Any]] = read_json(run / CONFIG_FILE, DataError).get("gan_earlier", [])
    names = {f"gan.{old}": f"gan.{new}" for old, new in _RENAMED.items()}
    return [{names.get(name, name): was for name, was in one.items()} for one in changes]


def note_start(run: Path, checkpoint_sha256: str, images: int) -> None:
    """Record whose networks a run's adversarial stage begins with.

    Args:
        checkpoint_sha256: Of the other run's checkpoint.
        images: Images that the networks had seen, in that run and those before it.
    """
    path = run / CONFIG_FILE
    start = {"checkpoint_sha256": checkpoint_sha256, "images": images}
    merged = {**read_json(path, DataError), "gan_start": start}
    write_atomically(path, (json.dumps(merged, indent=2) + "\n").encode())


def images_before(run: Path) -> int:
    """Images that a run's networks had seen in other runs: see `note_start`."""
    path = run / CONFIG_FILE
    config = read_json(path, DataError) if path.exists() else {}
    return config.get("gan_start", {}).get("images", 0)


def tell_ending(run: Path, images: int | None, why: str | None) -> None:
    """Leave in the run's folder why the adversarial stage ended; None: it goes on.

    Args:
        images: Images seen; None where that is not told.
    """
    told = {} if why is None else {"images": images, "why": why}
    write_atomically(run / _ENDING_FILE, (json.dumps(told) + "\n").encode())


def ending(run: Path) -> str | None:
    """Tell why a run's adversarial stage ended; None where it has not, or nothing tells."""
    path = run / _ENDING_FILE
    return read_json(path, DataError).get("why") if path.exists() else None


def _differences(before: object, now: object, name: str = "") -> list[tuple[str, object, object]]:
    """Compare two nested settings.

    Returns:
        Name, old and new value of each leaf that differs.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            difference
            for key in sorted({*before, *now})
            for difference in _differences(
                before.get(key), now.get(key), f"{name}.{key}".strip(".")
            )
        ]
    return [] if before == now else [(name, before, now)]
