"""A whole run: data folders -> store -> speaker stage -> adversarial stage -> bundle."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from voice2face.audio.settings import preset as front_end_preset
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.pairing import Pairing, pair
from voice2face.data.prepare import prepare
from voice2face.data.store import Store
from voice2face.errors import ConfigError, MissingDependencyError
from voice2face.evaluation.gender_agreement import gender_agreement
from voice2face.export import export_bundle, write_card
from voice2face.files import write_atomically
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.training.gan import train_gan
from voice2face.training.presets import TrainSettings, preset
from voice2face.training.progress import seconds_logged
from voice2face.training.speaker import train_speaker

__all__ = ["train"]


def train(
    voices: list[str],
    faces: list[str],
    pair_by: str,
    preset_name: str,
    seed: int,
    run: Path,
) -> Path:
    """Train a model from data folders, and export it. The same call again goes on.

    Args:
        voices: Data sets of recordings, as SET:PATH.
        faces: Data sets of faces, as SET:PATH.
        pair_by: Pairing key; see `data.pairing.pair`.
        preset_name: Training preset.
        seed: Of all random numbers.
        run: The run's folder.

    Returns:
        The bundle's folder, inside the run's.

    Raises:
        ConfigError: An argument cannot be used, or differs from those that the run began with.
        DataError: The data cannot be used, or the run diverged.
        OutputError: The folder cannot be written.
    """
    settings = dataclasses.replace(preset(preset_name), seed=seed)
    voice_sets = [import_rows(spec, VOICES) for spec in voices]
    face_sets = [import_rows(spec, FACES) for spec in faces]
    _check_config(
        run / "config.json",
        {
            "voices": [_without_folders(spec) for spec in voices],
            "faces": [_without_folders(spec) for spec in faces],
            "pair_by": pair_by,
            "settings": dataclasses.asdict(settings),
        },
    )
    if (run / "store" / "store.json").exists():
        store = Store.open(run / "store")
    else:
        store = prepare(voice_sets, face_sets, settings.store, run / "store", pair_by)
    pairing = pair(store, pair_by, "train")
    encoder = train_speaker(store, settings, run)
    generator = train_gan(store, pairing, encoder, settings, run)

    folder = run / "bundle"
    card = _card(store, pairing, pair_by, settings, run)
    export_bundle(
        encoder,
        generator,
        folder,
        name=settings.name,
        front_end=front_end_preset(settings.store.front_end),
        crop_frames=settings.gan.sample_frames,
        jitter=settings.gan.jitter,
        pixel_range="fixed",
        card=card,
    )
    write_card(folder, {**card, "quality": _quality(folder, store)})
    return folder


def _without_folders(spec: str) -> str:
    """Name of a data set and of its last folder: a run tells nothing of the machine's paths."""
    name, _, folder = spec.partition(":")
    return f"{name}:{Path(folder).name}"


def _check_config(path: Path, config: dict) -> None:
    """Write the run's settings, or compare them with those that it began with."""
    text = json.dumps(config, indent=2) + "\n"
    if not path.exists():
        write_atomically(path, text.encode())
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    now = json.loads(text)
    # A setting that is newer than the run, and None, is as if it had been there.
    if differences := _differences(before, now):
        changed = "; ".join(
            f"{name} was {before_value}, is {now_value}"
            for name, before_value, now_value in differences
        )
        raise ConfigError(
            f"{path}: the run began with other settings ({changed}); give another run folder"
        )


def _differences(before: object, now: object, name: str = "") -> list[tuple[str, object, object]]:
    """Leaves of two nested settings that differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            difference
            for key in sorted({*before, *now})
            for difference in _differences(
                before.get(key), now.get(key), f"{name}.{key}".strip(".")
            )
        ]
    return [] if before == now else [(name, before, now)]


def _card(
    store: Store, pairing: Pairing, pair_by: str, settings: TrainSettings, run: Path
) -> dict[str, Any]:
    """Write the model card from what the run did."""
    sources = store.card["sources"]
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    flags = "".join(f" --{kind} {spec}" for kind in ("voices", "faces") for spec in config[kind])
    seconds = {stage: seconds_logged(run / f"{stage}.jsonl") for stage in ("speaker", "gan")}
    same_people = pair_by == "identity"
    return {
        "description": (
            f"Preset {settings.name!r}: voice encoder trained on speaker recognition and frozen, "
            "then a generator against a discriminator and a classifier on one trunk (Wen, Singh "
            "and Raj 2019, arXiv 1905.10604)."
        ),
        "data": [
            f"{source['kind']}: {source['title']}; licence {source['licence']}"
            for source in sources
        ],
        "amount": {
            "recordings": store.card["n_recordings"],
            "hours of speech": store.card["speech_hours"],
            "speakers": store.card["n_speakers"],
            "faces": store.card["n_faces"],
            "faces trained on": len(pairing.face_rows),
            "recordings paired": len(pairing.voice_rows),
        },
        "pairing_key": (
            f"{pair_by}. "
            + (
                "A voice and a face are a pair when they are of the same person."
                if same_people
                else f"Voices and faces are of different people; a voice and a face count as a "
                f"pair when they share {pair_by} ({', '.join(pairing.labels)}). Beyond that, the "
                "model knows nothing of which face goes with which voice."
            )
        ),
        "licence": "Apache-2.0 for the weights; the data keep their own licences, named above.",
        "command": f"voice2face train --preset {settings.name}{flags} --pair-by {pair_by} "
        f"--seed {settings.seed} -o RUN",
        "cost": {
            "speaker stage": f"{settings.speaker.steps} steps, {seconds['speaker'] / 60:.0f} min",
            "adversarial stage": f"{settings.gan.images} images, {seconds['gan'] / 60:.0f} min",
            "machine": f"{os.cpu_count()} {platform.machine()} cores, torch {torch.__version__}",
        },
        "quality": {},
        "limits": [
            "Faces are imagined: typical of such voices, never a likeness of the speaker.",
            "Skin tone, age, hair and expression are invented: nothing in training tied them to "
            "the voice."
            if not same_people
            else "Hair, eye colour and birth marks cannot be heard at all.",
            "Trained on adults only; of a child's voice it draws an adult.",
            "Gender is drawn as the data label it, as one of two.",
            "It does not know what is speech: an animal or music that passes the voice activity "
            "detector gets a face too.",
        ],
    }


def _quality(folder: Path, store: Store) -> dict[str, Any]:
    """Measure what can be measured here, on people who were not trained on."""
    try:
        return gender_agreement(VoiceToFace.load(folder), store, "test")
    except MissingDependencyError as error:
        return {"gender agreement": f"not measured: {error}"}
