"""The model card of a run."""

from __future__ import annotations

import os
import platform
import shlex
from pathlib import Path
from typing import Any

import torch

from voice2face.data.pairing import Pairing, pair
from voice2face.data.store import Store
from voice2face.errors import DataError, MissingDependencyError
from voice2face.files import read_json
from voice2face.networks.pretrained_discriminator import PretrainedDiscriminatorConfig
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.scalar_log import read_log
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gender_agreement import gender_agreement
from voice2face.training.licences import licence_of_weights
from voice2face.training.presets import TrainSettings
from voice2face.training.run_folder import CONFIG_FILE, command_of, earlier_settings, images_before
from voice2face.training.speaker.trained_encoder import TrainedEncoder
from voice2face.training.speech.stage import DETECTOR_FOLDER


def card_of_run(
    store: Store,
    pairing: Pairing,
    pair_by: str,
    settings: TrainSettings,
    run: Path,
    encoder: TrainedEncoder,
    knows_speech: bool,
) -> dict[str, Any]:
    """Describe a run for the model card of its bundle.

    Returns:
        The card, without measured quality.
    """
    sources = store.card["sources"]
    logs = {"speaker": encoder.path.parent / "speaker.jsonl", "gan": run / "gan.jsonl"}
    seconds = {stage: read_log(log).seconds() for stage, log in logs.items()}
    return {
        "description": f"Preset {settings.name!r}: {_recipe(settings.gan)}",
        "data": [
            f"{source['kind']}: {source['title']}; licence {source['licence']}"
            for source in sources
        ],
        "voice_encoder": f"Selected among all epochs of the speaker stage: {encoder.choice}.",
        **_trunk(settings),
        "amount": {
            "recordings": store.card["n_recordings"],
            "hours of speech": store.card["speech_hours"],
            "speakers": store.card["n_speakers"],
            "faces": store.card["n_faces"],
            "faces trained on": len(pairing.face_rows),
            "recordings paired": len(pairing.voice_rows),
        },
        "pairing_key": f"{pair_by}. {_pairing(pair_by, pairing)}{_chosen(store, pairing, pair_by)}",
        "licence": licence_of_weights(sources),
        "command": _commands(store, pair_by, settings, run, encoder.path.parent),
        "cost": {
            "speaker stage": f"{encoder.steps} steps, {seconds['speaker'] / 60:.0f} min",
            "adversarial stage": f"{settings.gan.images} images, {seconds['gan'] / 60:.0f} min"
            f"{_earlier(run)}",
            "machine": f"{os.cpu_count()} {platform.machine()} cores, torch {torch.__version__}",
        },
        "quality": {},
        "limits": _limits(pair_by, knows_speech),
    }


def _trunk(settings: TrainSettings) -> dict[str, str]:
    """The weights of a pretrained discriminator, if there is one."""
    if not isinstance(settings.gan.discriminator, PretrainedDiscriminatorConfig):
        return {}
    about = settings.gan.discriminator.about_weights()
    return {"trunk_of_discriminator_and_classifier": f"{about}."}


def _earlier(run: Path) -> str:
    """Earlier networks and settings, without which the run's command gives another model."""
    start = images_before(run)
    changes = [
        " and ".join(f"{name} {was}" for name, was in change.items())
        for change in earlier_settings(run)
    ]
    begun = f", after {start} images of other runs" if start else ""
    return begun + (f"; earlier settings: {', then '.join(changes)}" if changes else "")


def _recipe(settings: GanSettings) -> str:
    """Describe the objective, and what is only of the export."""
    scaled = _scaled(settings.exported_noise_scale)
    return f"{settings.recipe}{scaled}{_rounded(settings.exported_weight_bits)}"


def _rounded(weight_bits: int) -> str:
    """How the exported model stores its weights."""
    return "" if weight_bits == 32 else f" The weights are stored with {weight_bits} bits each."


def _scaled(noise_scale: float) -> str:
    """How the exported model scales its noise."""
    if noise_scale == 1:
        return ""
    return (
        f" The exported model multiplies its noise by {noise_scale:g}, which makes faces more "
        "typical and less varied."
    )


def _pairing(pair_by: str, pairing: Pairing) -> str:
    """When a voice and a face are a pair."""
    if pair_by == "identity":
        return "A voice and a face are a pair if they are of the same person."
    return (
        "Voices and faces are of different people. A voice and a face are a pair if they share "
        f"{pair_by} ({', '.join(pairing.labels)}). Training says nothing else about which face "
        "belongs to which voice."
    )


def _chosen(store: Store, pairing: Pairing, pair_by: str) -> str:
    """How faces were selected, if they were."""
    of_all = len(pair(store, pair_by, "train").face_rows)
    if len(pairing.face_rows) == of_all:
        return ""
    return (
        f" Of {of_all} faces, only those that show {pair_by} most clearly were used, the same "
        "share of each age. The faces are therefore less diverse than people."
    )


def _limits(pair_by: str, knows_speech: bool) -> list[str]:
    """The limits of the model."""
    invented = "Hair, eye colour and birth marks cannot be heard in a voice."
    if pair_by != "identity":
        invented = (
            "Skin tone, age, hair and expression are invented. Training does not link them to the "
            "voice."
        )
    speech = (
        "There is no speech detector. Animals or music that pass the voice activity detector get "
        "a face too."
    )
    if knows_speech:
        speech = (
            "The speech detector makes errors. It does not distinguish a person who is present "
            "from a recorded, synthetic or imitated voice."
        )
    return [
        "Faces are generated. They are typical of such voices, never a likeness of the speaker.",
        invented,
        "Trained on adults only. A child's voice gives the face of an adult.",
        "Gender is one of two, as labelled in the data.",
        speech,
    ]


def _commands(
    store: Store, pair_by: str, settings: TrainSettings, run: Path, encoder_run: Path
) -> str:
    """All commands from data to model, with names instead of folders."""
    speaker = command_of(encoder_run, "speaker", settings)
    speaker += ["-o", "RUN" if encoder_run == run else "SPEAKER_RUN"]
    gan = command_of(run, "gan", settings)
    gan += [] if encoder_run == run else ["--speaker", "SPEAKER_RUN"]
    if (run / DETECTOR_FOLDER).is_dir() and "speech" not in read_json(run / CONFIG_FILE, DataError):
        gan += ["--speech", "SPEECH_RUN"]
    gan += ["--init", "INIT_RUN"] if images_before(run) else []
    gan += [] if pair_by == store.card["settings"].get("pair_by") else ["--pair-by", pair_by]
    commands = [_preparation(store), shlex.join(speaker), shlex.join([*gan, "-o", "RUN"])]
    return " && ".join(commands)


def _preparation(store: Store) -> str:
    """The command that makes the store, from its card."""
    asked = store.card["settings"]
    if any(one["name"] == "planted" for one in store.card["sources"]):
        return "voice2face planted -o STORE"
    words = ["voice2face", "prepare"]
    for one in store.card["sources"]:
        words += [f"--{one['kind']}", f"{one['name']}:DATA"]
    words += ["--pair-by", asked["pair_by"]]
    words += ["--split", asked["split"]] if asked.get("split") else []
    words += ["--image-size", str(asked["image_size_px"])]
    words += ["--preset", asked["front_end"]]
    words += [] if asked.get("detector") else ["--aligned"]
    words += ["--waveforms"] if asked.get("waveforms") else []
    words += ["--variants", "CSV"] if asked.get("variants") else []
    return shlex.join([*words, "-o", "STORE"])


def measured_quality(folder: Path, store: Store) -> dict[str, Any]:
    """Measure the agreement of gender on people who were not trained on.

    Args:
        store: The store; its recordings are read again.

    Returns:
        Figures by name, or what is missing to measure them.
    """
    try:
        return gender_agreement(VoiceToFace.load(folder), store)
    except MissingDependencyError as error:
        return {"gender agreement": f"not measured: {error}"}
