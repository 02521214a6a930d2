"""The stages of a run: store -> speaker stage -> adversarial stage -> bundle."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from voice2face.audio.settings import preset as front_end_preset
from voice2face.data.pairing import Pairing, pair, pairing_fields
from voice2face.data.store import Store, StoreSettings
from voice2face.errors import ConfigError, DataError
from voice2face.export import export_bundle, write_card
from voice2face.files import locked, write_atomically
from voice2face.networks.artifact_critic import THRESHOLD
from voice2face.ranges import refuse_problems
from voice2face.runtime.bundle_file import SPEECH_DETECTOR_FILE
from voice2face.runtime.description import ModelDescription, Redraw
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.runtime.shipped_detector import DECISION_FILE, shipped_detector
from voice2face.runtime.voices import TWO_VOICES_FILE, two_voices_threshold
from voice2face.training.engine import Engine
from voice2face.training.gan.clear_faces import clearest
from voice2face.training.gan.stage import CHECKPOINT_FILE, begin_with, train_gan
from voice2face.training.gan.trial_export import exported, try_networks
from voice2face.training.gan.voice_noise_fit import fit_voice_noise
from voice2face.training.model_card import card_of_run, measured_quality
from voice2face.training.overrides import override
from voice2face.training.presets import TrainSettings, preset
from voice2face.training.run_folder import open_run, record_settings
from voice2face.training.speaker.gender_fit import EVIDENCE_FILE
from voice2face.training.speaker.stage import train_speaker
from voice2face.training.speaker.trained_encoder import TrainedEncoder, trained_encoder
from voice2face.training.speech.clips import ClipPool, Sources, make_clips
from voice2face.training.speech.stage import DETECTOR_FOLDER, train_detector


@dataclasses.dataclass(frozen=True)
class OtherRuns:
    """Runs of which an adversarial stage uses something; None uses nothing of another run.

    Attributes:
        speaker: The voice encoder; None takes this run's.
        speech: The speech detector; None takes this run's, and where it has none that which ships.
        init: Networks and optimisers to begin with, such as those of a run on other data or with
            another voice encoder; None begins with random ones.
    """

    speaker: Path | None = None
    speech: Path | None = None
    init: Path | None = None


def settings_of(preset_name: str, seed: int, changed: list[str]) -> TrainSettings:
    """Take a preset and change it.

    Args:
        changed: Single settings, each NAME=VALUE; see `overrides.override`.

    Raises:
        ConfigError: The preset or a setting does not exist, or a value cannot be used.
    """
    return override(dataclasses.replace(preset(preset_name), seed=seed), changed)


def run_speaker(store: Store, settings: TrainSettings, run: Path) -> TrainedEncoder:
    """Train the voice encoder.

    The same call again goes on. Under `torchrun`, all processes call it.

    Raises:
        ConfigError: The run began with other settings.
        DataError: The store changed, or the run diverged.
        OutputError: The folder cannot be written.
    """
    refuse_problems(settings)
    engine = Engine(settings.precision, settings.compiled)
    with locked(run) if engine.is_first else contextlib.nullcontext():
        if engine.is_first:
            open_run(run, "speaker", store, None, settings)
        engine.barrier()
        return train_speaker(store, settings, run, engine)


def run_speech(sources: Sources, settings: TrainSettings, run: Path) -> Path:
    """Train the detector that tells a person speaking from other sounds.

    The same call again goes on. Under `torchrun`, all processes call it.

    Returns:
        The folder of the detector, inside the run's; `run_gan` puts it into a bundle.

    Raises:
        ConfigError: The run began with other settings, or one side has no clips.
        DataError: The recordings changed, or the run diverged.
        MissingDependencyError: There are to be variants, and `pyworld-prebuilt` is not installed.
        OutputError: The folder cannot be written.
    """
    refuse_problems(settings)
    engine = Engine(settings.precision, settings.compiled)
    name, stage = settings.store.front_end, settings.speech
    front_end = front_end_preset(name)
    for store in sources.stores:
        store.require_front_end(front_end, "the speech detector")
    with locked(run) if engine.is_first else contextlib.nullcontext():
        if engine.is_first:
            record_settings(run, "speech", settings, sources.facts())
            make_clips(run, sources, stage, front_end, settings.seed)
        engine.barrier()
        pool = ClipPool.read(make_clips(run, sources, stage, front_end, settings.seed))
        return train_detector(pool, stage, run, engine, name, settings.seed)


def run_gan(
    store: Store,
    settings: TrainSettings,
    run: Path,
    others: OtherRuns = OtherRuns(),
    pair_by: str | None = None,
) -> Path:
    """Train the generator against discriminator and classifier, and export a bundle.

    The same call again goes on. Under `torchrun`, all processes call it.

    Args:
        pair_by: Pairing key; None takes that which the store was prepared for.

    Returns:
        The bundle's folder, inside the run's.

    Raises:
        ConfigError: An argument cannot be used, or the run began with other settings.
        DataError: There is no trained voice encoder, the store changed, or the run diverged.
        OutputError: The folder cannot be written.
    """
    refuse_problems(settings)
    encoder = trained_encoder(others.speaker or run)
    key = pair_by or store.card["settings"].get("pair_by")
    if key is None:
        raise ConfigError(f"{store.folder}: does not say how to pair; give --pair-by KEY")
    pairing = pair(store, key, "train")
    engine = Engine(settings.precision, settings.compiled)
    with locked(run) if engine.is_first else contextlib.nullcontext():
        if engine.is_first:
            size = store.images.shape[1]
            try_networks(encoder.config, settings.gan, store.log_mels.shape[1], size)
            open_run(run, "gan", store, key, settings, encoder.path)
            if others.speech is not None:
                _take_detector(others.speech, run)
            if others.init is not None and not (run / CHECKPOINT_FILE).exists():
                begin_with(others.init, run)
        engine.barrier()
        if "identity" not in pairing_fields(key):
            pairing = clearest(store, pairing, settings.gan.confident_fraction, engine.is_first)
        held_out = _held_out(store, key)
        generator = train_gan(store, pairing, encoder.network, settings, run, engine, held_out)
        folder = run / "bundle"
        if engine.is_first:
            card = _export(store, pairing, key, settings, run, encoder, generator)
            write_card(folder, {**card, "quality": measured_quality(folder, store)})
        engine.barrier()
        return folder


def _take_detector(speech_run: Path, run: Path) -> None:
    """Copy the speech detector of another run into this one."""
    source, target = speech_run / DETECTOR_FOLDER, run / DETECTOR_FOLDER
    if not (source / DECISION_FILE).exists():
        raise DataError(
            f"{speech_run}: holds no trained speech detector; voice2face train speech trains one"
        )
    target.mkdir(exist_ok=True)
    for name in (SPEECH_DETECTOR_FILE, DECISION_FILE):
        write_atomically(target / name, (source / name).read_bytes())


def _held_out(store: Store, key: str) -> Pairing | None:
    """The validation split's voices and faces, if they have labels in common."""
    try:
        return pair(store, key, "val")
    except DataError:
        return None


def _export(
    store: Store,
    pairing: Pairing,
    key: str,
    settings: TrainSettings,
    run: Path,
    encoder: TrainedEncoder,
    generator: nn.Module,
) -> dict[str, Any]:
    """Write the bundle, with whatever evidence of gender and of speech there is; give its card."""
    front_end = front_end_preset(store.card["settings"]["front_end"])
    trained = run / DETECTOR_FOLDER
    detector, decision = (
        shipped_detector(front_end, trained) if trained.is_dir() else shipped_detector(front_end)
    )
    evidence = encoder.path.parent / EVIDENCE_FILE
    knows_speech = decision is not None
    card = card_of_run(store, pairing, key, settings, run, encoder, knows_speech)
    description = ModelDescription(
        name=settings.name,
        front_end=front_end,
        crop_frames=settings.gan.further_frames,
        jitter=settings.gan.jitter,
        embedding_dim=encoder.config.embedding_dim,
        image_size_px=store.images.shape[1],
        pixel_range="fixed",
        card=card,
        noise_dim=settings.gan.noise_dim,
        gender=GenderEvidence.read(evidence) if evidence.exists() else None,
        speech=decision,
        voice_noise=(
            fit_voice_noise(store, encoder.network, front_end.min_frames)
            if settings.gan.noise_dim
            else None
        ),
        two_voices=two_voices_threshold(encoder.path.parent / TWO_VOICES_FILE),
        redraw=Redraw(THRESHOLD, redraws) if (redraws := settings.gan.exported_redraws) else None,
    )
    face_generator = exported(generator, settings.gan)
    bits = settings.gan.exported_weight_bits
    voice = encoder.network.cpu()
    export_bundle(voice, face_generator, run / "bundle", description, detector, bits)
    return card


def run_all(
    make_store: Callable[[StoreSettings, Path], Store],
    settings: TrainSettings,
    run: Path,
) -> Path:
    """Train a model from data folders, and export it. The same call again goes on.

    Args:
        make_store: Prepares the store by some settings in a folder, or finds it there.
        run: The run's folder; the store is made in it.

    Returns:
        The bundle's folder, inside the run's.

    Raises:
        ConfigError: An argument cannot be used, or differs from those that the run began with.
        DataError: The data cannot be used, or the run diverged.
        OutputError: The folder cannot be written.
    """
    refuse_problems(settings)
    engine = Engine(settings.precision, settings.compiled)
    if engine.is_first:
        n_mels = front_end_preset(settings.store.front_end).n_mels
        try_networks(settings.speaker.encoder, settings.gan, n_mels, settings.store.image_size_px)
        make_store(settings.store, run / "store")
    engine.barrier()
    store = Store.open(run / "store")
    run_speaker(store, settings, run)
    return run_gan(store, settings, run)
