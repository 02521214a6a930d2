"""The speaker stage: train F_e on speaker identification, to be frozen afterwards."""

from __future__ import annotations

import contextlib
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
from voice2face.errors import RunStoppedError, look_up
from voice2face.files import write_atomically
from voice2face.training import checkpoint
from voice2face.training.engine import Engine
from voice2face.training.presets import SpeakerSettings, TrainSettings
from voice2face.training.progress import ScalarLog, progress_bar
from voice2face.training.scalar_buffer import PendingScalars
from voice2face.training.speaker.augmented_crops import (
    AugmentedBatches,
    CropPlan,
    SpeakerBatches,
    StoredBatches,
    TrainingSpeakers,
)
from voice2face.training.speaker.crop_pool import PooledBatches, balanced, make_pool
from voice2face.training.speaker.gender_fit import EVIDENCE_FILE, fit_gender, gender_crops
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.identifier import Identifier, Targets
from voice2face.training.speaker.losses import SPEAKER_LOSSES
from voice2face.training.speaker.trained_encoder import (
    BEST_FILE,
    CHECKPOINT_FILE,
    TrainedEncoder,
    read_encoder,
)
from voice2face.training.speaker.verification import SpeakerTrials, speaker_trials
from voice2face.training.stop import StopRequest

__all__ = [
    "Learner",
    "learning_rate",
    "set_up_learner",
    "speaker_batches",
    "speaker_step",
    "steps_an_epoch",
    "train_speaker",
]

# A checkpoint is written after every epoch too.
_CHECKPOINT_STEPS = 250
_LOG_STEPS = 50


@dataclass(frozen=True)
class Learner:
    """What learns in the stage.

    Attributes:
        network: Whose state is saved.
        called: What to call: the network at the engine's precision, on all processes.
        optimizer: Of the network.
    """

    network: Identifier
    called: nn.Module
    optimizer: Optimizer


def train_speaker(
    store: Store, settings: TrainSettings, run: Path, engine: Engine
) -> TrainedEncoder:
    """Train the voice encoder to tell the speakers of the training split apart.

    Identification over the speakers, on crops of random length; after each epoch, verification of
    speakers that are not trained on. A checkpoint of the run is gone on from.

    Args:
        store: A prepared store; with waveforms, if the settings ask for augmentation.
        engine: Where to compute. On several processes the batch is shared, and batch
            normalisation is that of the whole batch.

    Returns:
        The trained encoder, frozen: the one with the least EER on clean trials where there are
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
    store = hold_out(store, stage.held_out_percent)
    if _steps_done(run) < stage.steps:
        _train(store, settings, run, engine)
    engine.barrier()
    trained = read_encoder(run, stage.encoder, stage.steps, stage.teacher)
    if stage.gender_weight and engine.is_first and not (run / EVIDENCE_FILE).exists():
        front_end = front_end_preset(settings.store.front_end)
        train, held_out = (
            gender_crops(store, split, stage.augment, front_end, settings.seed)
            for split in ("train", "val")
        )
        evidence = fit_gender(trained.network, train, held_out, front_end.min_frames)
        write_atomically(run / EVIDENCE_FILE, evidence.to_json().encode())
    engine.barrier()
    return trained


def _train(store: Store, settings: TrainSettings, run: Path, engine: Engine) -> None:
    stage = settings.speaker
    speakers = TrainingSpeakers.of(store)
    if stage.augmented_each:
        speakers = balanced(speakers, stage.augmented_each)
    plan = CropPlan(
        speakers,
        stage.batch_size,
        stage.crop_frames,
        settings.seed,
        engine.share(stage.batch_size),
    )
    an_epoch = steps_an_epoch(stage, speakers)
    learner = set_up_learner(stage, len(speakers.names), settings.seed, engine)
    with ExitStack() as stack:
        # The first process makes the files that the others read.
        if not engine.is_first:
            engine.barrier()
        targets = Targets.of(store, speakers, stage, run)
        batches = stack.enter_context(speaker_batches(store, plan, settings, run, engine.device))
        if engine.is_first:
            engine.barrier()
        keeper = _Keeper(store, settings, run, learner, an_epoch, engine)
        step = keeper.load()
        stop = stack.enter_context(StopRequest())
        if engine.is_first:
            keeper.log = stack.enter_context(ScalarLog(run / "speaker.jsonl", step))
        bar = stack.enter_context(
            progress_bar("speaker stage", stage.steps, step, "step", engine.is_first)
        )
        pending = PendingScalars(
            progress=step,
            unit="step",
            an_epoch=an_epoch,
            people=lambda step: {"voices": plan.people(step)},
            checkpoint_file=run / CHECKPOINT_FILE,
            engine=engine,
        )
        while step < stage.steps:
            also = targets.at(plan.draw(step).chosen[plan.share], engine.device)
            batch = batches.batch(step)
            pending.add(step, speaker_step(learner, stage, step, *batch, engine, also))
            step += 1
            bar.update()
            last = step == stage.steps
            epoch_ends = step % an_epoch == 0 or last
            due = epoch_ends or step % _CHECKPOINT_STEPS == 0
            look = due or step % _LOG_STEPS == 0
            stopping = engine.stops(bool(stop), look)
            if look or stopping:
                keeper.write(step, pending.means(step))
            if epoch_ends:
                keeper.verify(step)
            if due or stopping:
                keeper.save(step)
            if stopping and not last:
                raise RunStoppedError(
                    f"{run}: stopped at step {step:,} of {stage.steps:,}; the same command goes on"
                )


def set_up_learner(stage: SpeakerSettings, n_speakers: int, seed: int, engine: Engine) -> Learner:
    """Build encoder and classifier with seeded initial weights, and their optimiser."""
    torch.manual_seed(seed)
    network = Identifier(stage, n_speakers)
    engine.share_statistics(network)
    called, optimizer = engine.set_up(network, Adam(network.parameters(), stage.learning_rate))
    return Learner(network, called, optimizer)


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
    learner: Learner,
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
    loss, told = learner.called(log_mel, labels, targets.teacher, targets.woman)
    learner.optimizer.zero_grad()
    engine.backward(loss)
    learner.optimizer.step()
    return {"speaker/loss": loss, **{f"speaker/{name}": value for name, value in told.items()}}


def _steps_done(run: Path) -> int:
    path = run / CHECKPOINT_FILE
    return checkpoint.load(path, {})["step"] if path.exists() else 0


def learning_rate(stage: SpeakerSettings, step: int) -> float:
    """Give the learning rate of a step: half a cosine from that of the settings to 0."""
    return stage.learning_rate * (1 + math.cos(math.pi * step / stage.steps)) / 2


def steps_an_epoch(stage: SpeakerSettings, speakers: TrainingSpeakers) -> int:
    """Give the steps of an epoch: as set, or so many as have a crop for every recording."""
    return stage.steps_an_epoch or math.ceil(len(speakers.rows) / stage.batch_size)


class _Keeper:
    """What the stage leaves behind: checkpoints, log, and the best encoder by its trials."""

    def __init__(
        self,
        store: Store,
        settings: TrainSettings,
        run: Path,
        learner: Learner,
        an_epoch: int,
        engine: Engine,
    ) -> None:
        self._run, self._an_epoch, self._engine = run, an_epoch, engine
        self._encoder = learner.network.encoder
        self._parts: checkpoint.Parts = {
            "encoder": learner.network.encoder,
            "head": learner.network.head,
            "optimizer": learner.optimizer,
        }
        if learner.network.gender is not None:
            self._parts["gender"] = learner.network.gender
        self._best: dict[str, float] | None = None
        self._trials = _trials(store, settings) if engine.is_first else None
        self.log: ScalarLog | None = None

    def load(self) -> int:
        """Go on from the checkpoint, if there is one: steps done."""
        path = self._run / CHECKPOINT_FILE
        if not path.exists():
            return 0
        state = checkpoint.load(path, self._parts)
        self._best = state.get("best")
        return state["step"]

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Write a line of the log, in the first process."""
        if self.log is not None:
            self.log.write(step, scalars)

    def verify(self, step: int) -> None:
        """Score the trials, and keep the encoder if no epoch before had a lower EER."""
        if self._trials is None:
            return
        scalars = self._trials.measure(self._encoder)
        self.write(step, scalars)
        eer = scalars["verification/clean_eer"]
        if self._best is None or eer <= self._best["eer"]:
            self._best = {"step": step, "epoch": step / self._an_epoch, "eer": eer}
            checkpoint.save(self._run / BEST_FILE, {"encoder": self._encoder}, self._best)

    def save(self, step: int) -> None:
        """Write the checkpoint, in the first process."""
        if self._engine.is_first:
            state = {"step": step, "best": self._best}
            checkpoint.save(self._run / CHECKPOINT_FILE, self._parts, state)


def _trials(store: Store, settings: TrainSettings) -> SpeakerTrials | None:
    """The trials, or one line that says why there are none."""
    trials = speaker_trials(store, front_end_preset(settings.store.front_end))
    if trials is None:
        tqdm.write(
            f"speaker stage: {store.folder} has fewer than two speakers outside of the training "
            "split; verification is left out"
        )
    return trials
