"""The speaker stage: train F_e on speaker identification, to be frozen afterwards."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from tqdm import tqdm

from voice2face.audio.settings import preset as front_end_preset
from voice2face.data.store import Store
from voice2face.errors import look_up
from voice2face.files import write_atomically
from voice2face.runtime.voices import TWO_VOICES_FILE
from voice2face.training import checkpoint
from voice2face.training.engine import Engine
from voice2face.training.loop import Stage, train
from voice2face.training.presets import TrainSettings
from voice2face.training.speaker.augmented_crops import (
    AugmentedBatches,
    CropPlan,
    SpeakerBatches,
    StoredBatches,
    TrainingSpeakers,
)
from voice2face.training.speaker.crop_pool import PooledBatches, balanced, make_pool
from voice2face.training.speaker.gender_fit import (
    EVIDENCE_FILE,
    GenderCrops,
    fit_gender,
    gender_crops,
    held_out_crops,
    held_out_loss,
)
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.identifier import Identifier
from voice2face.training.speaker.losses import SPEAKER_LOSSES
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.targets import Targets
from voice2face.training.speaker.trained_encoder import (
    BEST_FILE,
    CHECKPOINT_FILE,
    TrainedEncoder,
    read_encoder,
)
from voice2face.training.speaker.two_voices_fit import fit_two_voices
from voice2face.training.speaker.variants import with_variants
from voice2face.training.speaker.verification import SpeakerTrials, speaker_trials

# A checkpoint is written after every epoch too.
_CHECKPOINT_STEPS = 250
_LOG_STEPS = 50


@dataclass(frozen=True)
class _Learner:
    """What learns in the stage.

    Attributes:
        network: Whose state is saved.
        called: What to call: the network at the engine's precision, on all processes.
    """

    network: Identifier
    called: nn.Module
    optimizer: Optimizer


def train_speaker(
    store: Store, settings: TrainSettings, run: Path, engine: Engine
) -> TrainedEncoder:
    """Train the voice encoder to tell the speakers of the training split apart.

    Identification over the speakers, on crops of random length; after each epoch, verification of
    speakers that are not trained on. A checkpoint of the run is gone on from. At the end, what is
    fitted to the encoder's embeddings is left beside it.

    Args:
        store: A prepared store; with waveforms, if the settings ask for augmentation.
        engine: Where to compute. On several processes the batch is shared, and batch
            normalisation is that of the whole batch.

    Returns:
        The trained encoder, frozen: the one that does best on held-out speakers where there are
        trials, else the last.

    Raises:
        ConfigError: There is no such loss, or the batch cannot be shared.
        RunStoppedError: The process was asked to stop; a checkpoint was written.
        DataError: The store holds no waveforms, but augmentation needs them; or the run diverged.
        OutputError: The folder cannot be written; the last checkpoint is whole.

    Source:
        Wen et al. 2019 train theirs with softmax on VoxCeleb1 (authors, in a public answer).
    """
    stage = settings.speaker
    look_up("speaker loss", stage.loss, SPEAKER_LOSSES)
    store = hold_out(store, stage.held_out_percent, stage.unlabelled)
    if _steps_done(run) < stage.steps:
        _train(store, settings, run, engine)
    engine.barrier()
    trained = read_encoder(run, stage.encoder, stage.steps, stage.teacher)
    front_end = front_end_preset(settings.store.front_end)
    if stage.gender_weight and engine.is_first and not (run / EVIDENCE_FILE).exists():
        seed = settings.seed
        varied = with_variants(store, stage.variants, "train")
        train_crops = gender_crops(varied, "train", stage.augment, front_end, seed)
        held_out = held_out_crops(store, stage, front_end, seed)
        evidence = fit_gender(trained.network, train_crops, held_out, front_end.min_frames)
        write_atomically(run / EVIDENCE_FILE, evidence.to_json().encode())
    if engine.is_first and not (run / TWO_VOICES_FILE).exists():
        threshold = fit_two_voices(trained.network, store, stage, front_end)
        write_atomically(run / TWO_VOICES_FILE, json.dumps({"threshold": threshold}).encode())
    engine.barrier()
    return trained


def _train(store: Store, settings: TrainSettings, run: Path, engine: Engine) -> None:
    stage, seed = settings.speaker, settings.seed
    trials = _trials(store, settings) if engine.is_first else None
    front_end = front_end_preset(settings.store.front_end)
    voices: list[GenderCrops] = []
    if stage.gender_weight and engine.is_first:
        voices = held_out_crops(store, stage, front_end, seed)
    with _first_process_first(engine):
        store = with_variants(store, stage.variants, "train")
    speakers = TrainingSpeakers.from_store(store, stage.unlabelled)
    if stage.augmented_each:
        speakers = balanced(speakers, stage.augmented_each, stage.unlabelled_each)
    plan = CropPlan(
        speakers,
        stage.batch_size,
        stage.crop_frames,
        seed,
        engine.share(stage.batch_size),
    )
    learner = _set_up_learner(stage, len(speakers.names), seed, engine)
    with ExitStack() as stack:
        with _first_process_first(engine):
            targets = Targets.from_store(store, speakers, stage, run)
            made = speaker_batches(store, plan, settings, run, engine.device)
            batches = stack.enter_context(made)
        in_loop = _SpeakerStage(settings, run, engine, learner, plan, batches, targets)
        in_loop.trials, in_loop.voices = trials, voices
        train(in_loop, engine)


@contextlib.contextmanager
def _first_process_first(engine: Engine) -> Iterator[None]:
    """Let the first process make the files that the others then read."""
    if not engine.is_first:
        engine.barrier()
    yield
    if engine.is_first:
        engine.barrier()


def _set_up_learner(stage: SpeakerSettings, n_speakers: int, seed: int, engine: Engine) -> _Learner:
    """Build encoder and classifier with seeded initial weights, and their optimiser."""
    torch.manual_seed(seed)
    network = Identifier(stage, n_speakers)
    engine.share_statistics(network)
    called, optimizer = engine.set_up(network, Adam(network.parameters(), stage.learning_rate))
    return _Learner(network, called, optimizer)


@contextlib.contextmanager
def speaker_batches(
    store: Store,
    plan: CropPlan,
    settings: TrainSettings,
    run: Path,
    device: torch.device | str = "cpu",
) -> Iterator[SpeakerBatches | PooledBatches]:
    """Choose where batches come from: stored spectrograms, or with augmentation, waveforms.

    With a pool of augmented recordings, it is made first if it is not there.

    Yields:
        The batches, by step.

    Raises:
        DataError: The store holds no waveforms, but augmentation needs them.
    """
    stage, front_end = settings.speaker, front_end_preset(settings.store.front_end)
    augmentation = stage.augment
    if stage.augmented_each:
        longest = stage.crop_frames[1]
        pool = make_pool(run, store, plan.speakers, longest, augmentation, front_end, settings.seed)
        yield PooledBatches(pool, plan, device)
        return
    if not augmentation.is_on:
        yield StoredBatches(store, plan, device)
        return
    augmented = AugmentedBatches(store, plan, augmentation, front_end, device=device)
    with contextlib.closing(augmented):
        yield augmented


def speaker_step(
    learner: _Learner,
    stage: SpeakerSettings,
    step: int,
    log_mel: Tensor,
    labels: Tensor,
    engine: Engine,
    targets: Targets = Targets(),  # noqa: B008 (frozen)
) -> dict[str, Tensor]:
    """Do one optimiser step.

    Args:
        step: From 0; the learning rate follows from it.
        log_mel: (batch, mels, frames).
        labels: (batch,) speakers.
        targets: What else is known of the batch.

    Returns:
        Loss and accuracy from before the step, and what else is told, still on the device.
    """
    learner.optimizer.param_groups[0]["lr"] = learning_rate(stage, step)
    loss, scalars = learner.called(log_mel, labels, targets.teacher, targets.woman)
    learner.optimizer.zero_grad()
    engine.backward(loss)
    learner.optimizer.step()
    return {"speaker/loss": loss, **{f"speaker/{name}": value for name, value in scalars.items()}}


def _steps_done(run: Path) -> int:
    path = run / CHECKPOINT_FILE
    return checkpoint.load(path, {})["step"] if path.exists() else 0


def learning_rate(stage: SpeakerSettings, step: int) -> float:
    """Give the learning rate of a step: half a cosine from that of the settings to 0."""
    return stage.learning_rate * (1 + math.cos(math.pi * step / stage.steps)) / 2


def steps_per_epoch(stage: SpeakerSettings, speakers: TrainingSpeakers) -> int:
    """Give the steps of an epoch: as set, or so many as have a crop for every recording."""
    return stage.steps_per_epoch or math.ceil(len(speakers.rows) / stage.batch_size)


class _SpeakerStage(Stage):
    """The speaker stage in the loop; it leaves checkpoints, and the best encoder by its trials."""

    label, unit, units_per_step, log_steps = "speaker stage", "step", 1, _LOG_STEPS

    def __init__(
        self,
        settings: TrainSettings,
        run: Path,
        engine: Engine,
        learner: _Learner,
        plan: CropPlan,
        batches: SpeakerBatches | PooledBatches,
        targets: Targets,
    ) -> None:
        self._settings, self._run, self._engine = settings.speaker, run, engine
        self._learner, self._plan, self._batches, self._targets = learner, plan, batches, targets
        self.total = settings.speaker.steps
        self.units_per_epoch = steps_per_epoch(settings.speaker, plan.speakers)
        self.checkpoint_file = run / CHECKPOINT_FILE
        self.trials: SpeakerTrials | None = None
        self.voices: list[GenderCrops] = []
        self._min_frames = front_end_preset(settings.store.front_end).min_frames
        network = learner.network
        self._parts: checkpoint.Parts = {
            "encoder": network.encoder,
            "head": network.head,
            "optimizer": learner.optimizer,
        }
        if network.gender is not None:
            self._parts["gender"] = network.gender
        self._best: dict[str, float] | None = None

    def load(self) -> int:
        if not self.checkpoint_file.exists():
            return 0
        state = checkpoint.load(self.checkpoint_file, self._parts)
        self._best = state.get("best")
        return state["step"]

    def step(self, progress: int) -> dict[str, Tensor]:
        chosen = self._plan.sample(progress).chosen[self._plan.share]
        targets = self._targets.at(chosen, self._engine.device)
        batch = self._batches.batch(progress)
        return speaker_step(self._learner, self._settings, progress, *batch, self._engine, targets)

    def people(self, progress: int) -> dict[str, list[str]]:
        return {"voices": self._plan.people(progress)}

    def is_checkpoint_due(self, progress: int) -> bool:
        return progress % _CHECKPOINT_STEPS == 0

    def evaluate(self, progress: int) -> None:
        """Ask about held-out speakers, and keep the encoder if no epoch before did better.

        What counts is the EER of clean trials, and where gender is learned the sum of it and the
        mean log loss of gender on held-out voices.
        """
        if self.trials is None:
            return
        network = self._learner.network
        scalars = self.trials.measure(network.encoder)
        eer = scalars["verification/clean_eer"]
        loss = held_out_loss(network, self.voices, self._min_frames)
        if loss is not None:
            scalars["gender/held_out_loss"] = loss
        self.write(progress, scalars)
        score = eer + (loss or 0.0)
        if self._best is None or score <= self._best.get("score", math.inf):
            epoch = progress / self.units_per_epoch
            self._best = {"step": progress, "epoch": epoch, "eer": eer, "score": score}
            checkpoint.save(self._run / BEST_FILE, {"encoder": network.encoder}, self._best)

    def save(self, progress: int, why: str | None) -> None:
        if self._engine.is_first:
            state = {"step": progress, "best": self._best}
            checkpoint.save(self.checkpoint_file, self._parts, state)


def _trials(store: Store, settings: TrainSettings) -> SpeakerTrials | None:
    """The trials, or one line that says why there are none."""
    trials = speaker_trials(store, front_end_preset(settings.store.front_end))
    if trials is None:
        tqdm.write(
            f"speaker stage: {store.folder} has fewer than two speakers outside of the training "
            "split; verification is left out"
        )
    return trials
