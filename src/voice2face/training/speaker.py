"""The speaker stage: train F_e on speaker identification, to be frozen afterwards."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from voice2face.audio.settings import preset as front_end_preset
from voice2face.data.store import Store
from voice2face.errors import look_up
from voice2face.networks import VOICE_ENCODERS, VoiceEncoder
from voice2face.training import checkpoint
from voice2face.training.augmented_crops import (
    AugmentedBatches,
    SpeakerBatches,
    StoredBatches,
    TrainingSpeakers,
)
from voice2face.training.presets import SpeakerSettings, TrainSettings
from voice2face.training.progress import ScalarLog, progress_bar
from voice2face.training.speaker_losses import SPEAKER_LOSSES, predicted
from voice2face.training.speaker_trials import SpeakerTrials, speaker_trials

__all__ = [
    "learning_rate",
    "speaker_batches",
    "speaker_update",
    "steps_an_epoch",
    "train_speaker",
]

_CHECKPOINT_STEPS = 250
_LOG_STEPS = 50


def train_speaker(store: Store, settings: TrainSettings, run: Path) -> VoiceEncoder:
    """Train the voice encoder to tell the speakers of the training split apart.

    Identification over the speakers, on crops of random length; after each epoch, verification of
    speakers that are not trained on. A checkpoint of the run is gone on from.

    Args:
        store: A prepared store; with waveforms, if the settings ask for augmentation.
        settings: The run's settings.
        run: The run's folder.

    Returns:
        The trained encoder, frozen.

    Raises:
        ConfigError: There is no such loss.
        DataError: The store holds no waveforms, but augmentation needs them; or the run diverged.

    Source:
        Wen et al. 2019 train theirs with softmax on VoxCeleb1 (authors, in a public answer).
    """
    stage = settings.speaker
    look_up("speaker loss", stage.loss, SPEAKER_LOSSES)
    speakers = TrainingSpeakers.of(store)
    torch.manual_seed(settings.seed)
    network, _ = VOICE_ENCODERS["wen2019"]
    encoder = network(stage.encoder)
    head = nn.Linear(stage.encoder.embedding_dim, len(speakers.names), bias=False)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], stage.learning_rate)
    parts: checkpoint.Parts = {"encoder": encoder, "head": head, "optimizer": optimizer}
    path = run / "speaker.safetensors"
    step = checkpoint.load(path, parts)["step"] if path.exists() else 0
    if step >= stage.steps:
        return encoder.eval().requires_grad_(False)

    epoch = steps_an_epoch(stage, speakers)
    with speaker_batches(store, speakers, settings) as batches:
        trials = _trials(store, settings)
        with (
            ScalarLog(run / "speaker.jsonl", step) as log,
            progress_bar("speaker stage", stage.steps, step, "step") as bar,
        ):
            while step < stage.steps:
                log_mel, labels = batches.batch(step)
                loss, embedding = speaker_update(
                    encoder, head, optimizer, stage, step, log_mel, labels
                )
                step += 1
                bar.update()
                last = step == stage.steps
                scalars = {}
                if step % _LOG_STEPS == 0 or last:
                    right = predicted(stage.loss, embedding, head.weight) == labels
                    scalars["speaker/loss"] = loss.item()
                    scalars["speaker/accuracy"] = right.float().mean().item()
                if trials is not None and (step % epoch == 0 or last):
                    scalars |= trials.measure(encoder)
                if scalars:
                    log.write(step, scalars)
                if step % _CHECKPOINT_STEPS == 0 or last:
                    checkpoint.save(path, parts, {"step": step})
    return encoder.eval().requires_grad_(False)


def speaker_batches(
    store: Store, speakers: TrainingSpeakers, settings: TrainSettings
) -> SpeakerBatches:
    """Choose where batches come from: stored spectrograms, or with augmentation, waveforms.

    Args:
        store: A prepared store.
        speakers: Who is trained on.
        settings: The run's settings.

    Returns:
        The batches, by step; to be entered.

    Raises:
        DataError: The store holds no waveforms, but augmentation needs them.
    """
    stage = settings.speaker
    common = (store, speakers, stage.batch_size, stage.crop_frames, settings.seed)
    if not stage.augment.is_on:
        return StoredBatches(*common)
    return AugmentedBatches(*common, stage.augment, front_end_preset(settings.store.front_end))


def speaker_update(
    encoder: nn.Module,
    head: nn.Linear,
    optimizer: Optimizer,
    stage: SpeakerSettings,
    step: int,
    log_mel: Tensor,
    labels: Tensor,
) -> tuple[Tensor, Tensor]:
    """Do one optimiser step.

    Args:
        encoder: Learns.
        head: Its weight has a row a speaker; learns.
        optimizer: Of both.
        stage: Settings.
        step: From 0; the learning rate follows from it.
        log_mel: (batch, mels, frames).
        labels: (batch,) speakers.

    Returns:
        The loss and the embeddings, from before the step.
    """
    optimizer.param_groups[0]["lr"] = learning_rate(stage, step)
    embedding = encoder(log_mel)
    loss = SPEAKER_LOSSES[stage.loss](embedding, head.weight, labels, stage.margin, stage.scale)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach(), embedding.detach()


def learning_rate(stage: SpeakerSettings, step: int) -> float:
    """Give the learning rate of a step: half a cosine from that of the settings to 0."""
    return stage.learning_rate * (1 + math.cos(math.pi * step / stage.steps)) / 2


def steps_an_epoch(stage: SpeakerSettings, speakers: TrainingSpeakers) -> int:
    """Give the steps of an epoch: as set, or so many as have a crop for every recording."""
    return stage.steps_an_epoch or math.ceil(len(speakers.rows) / stage.batch_size)


def _trials(store: Store, settings: TrainSettings) -> SpeakerTrials | None:
    """The trials, or one line that says why there are none."""
    trials = speaker_trials(store, front_end_preset(settings.store.front_end))
    if trials is None:
        tqdm.write(
            f"speaker stage: {store.folder} has fewer than two speakers outside of the training "
            "split; verification is left out"
        )
    return trials
