"""The adversarial stage: F_g, F_d and F_c learn, F_e is frozen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from voice2face.data.pairing import Pairing
from voice2face.data.store import Store
from voice2face.errors import DivergedError, look_up
from voice2face.files import sha256
from voice2face.images.sheet import grid, save_png
from voice2face.runtime.xmp import xmp_packet
from voice2face.training import checkpoint
from voice2face.training.engine import Engine
from voice2face.training.gan.batches import PairedBatches, whole_recordings
from voice2face.training.gan.judged_faces import JudgedFaces
from voice2face.training.gan.projected import set_up_projected
from voice2face.training.gan.relativistic import set_up_relativistic
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.trainer import GanTrainer, Scalars, update_average
from voice2face.training.gan.validation import Validation, fixed_noise, relative_change, to_images
from voice2face.training.gan.wen2019 import set_up_wen2019
from voice2face.training.loop import Stage, train
from voice2face.training.presets import TrainSettings
from voice2face.training.run_folder import images_before, note_start, tell_ending

CHECKPOINT_FILE = "gan.safetensors"
_BEST_FILE = "gan.best.safetensors"
_LOG_STEPS = 20
_SHEET_FACES = 64
_SHEET_COLUMNS = 8
_CHECKED_BATCHES = 8

# What sets up a trainer: (settings, number of labels by classifier, seed, engine) -> trainer.
OBJECTIVES: dict[str, Callable[[Any, dict[str, int], int, Engine], GanTrainer]] = {
    "wen2019": set_up_wen2019,
    "relativistic": set_up_relativistic,
    "projected": set_up_projected,
}


def train_step(trainer: GanTrainer, batches: PairedBatches, images: int) -> Scalars:
    """Make one step of the objective, then move the averaged generator.

    Args:
        images: Images seen before the step.

    Returns:
        Scalars by name, still on the device.
    """
    settings = trainer.settings
    trainer.set_learning_rate(learning_rate(settings, images))
    scalars = trainer.step(batches.batch(images), images)
    half_life = trainer.average_half_life(images)
    decay = 0.5 ** (settings.batch_size / half_life) if half_life else 0.0
    update_average(trainer.average, trainer.generator, decay)
    return scalars


def begin_with(source: Path, run: Path) -> None:
    """Let a run begin with the networks and optimisers of another one's adversarial stage.

    Networks of other sizes, such as those of smaller faces, give the layers that fit.

    Args:
        source: The other run's folder.
        run: Folder of a run that has no checkpoint yet.

    Raises:
        DataError: The other run has no checkpoint, or a damaged one.
    """
    fresh = {"images": 0, "converged": False, "best": None, "ended": None}
    before = checkpoint.restate(source / CHECKPOINT_FILE, run / CHECKPOINT_FILE, fresh)
    note_start(run, sha256(source / CHECKPOINT_FILE), before["images"] + images_before(source))


def learning_rate(stage: GanSettings, images: int) -> float:
    """Learning rate of the step after so many images: see `GanSettings.lr_decay_fraction`."""
    cooling = stage.lr_decay_fraction * stage.images
    if not cooling:
        return stage.learning_rate
    return stage.learning_rate * min(1.0, (stage.images - images) / cooling)


def train_gan(
    store: Store,
    pairing: Pairing,
    encoder: nn.Module,
    settings: TrainSettings,
    run: Path,
    engine: Engine,
    held_out: Pairing | None = None,
) -> nn.Module:
    """Train the generator against discriminator and classifier.

    A checkpoint of the run is gone on from. At every checkpoint a sheet of faces is drawn for
    fixed voices of people who are not trained on, and the faces are validated where the store has
    a validation split.

    Args:
        held_out: The same of the validation split, where there is one.

    Returns:
        The generator to export: averaged where the settings say so, and the best one by
        validation where there is one.

    Raises:
        RunStoppedError: The process was asked to stop; a checkpoint was written.
        DataError: The run diverged, or its checkpoint is damaged.
        OutputError: The folder cannot be written; the last checkpoint is whole.
    """
    stage = _GanStage(store, pairing, encoder.to(engine.device), settings, run, engine)
    if settings.gan.objective == "wen2019" and engine.is_first:
        sides = {"train": pairing} | ({"val": held_out} if held_out else {})
        stage.judged = [
            JudgedFaces.from_store(
                store, side, split, encoder, settings.seed, engine.device, pairing.labels
            )
            for split, side in sides.items()
        ]
    with _divergence_told(run):
        train(stage, engine)
    return stage.result()


@contextmanager
def _divergence_told(run: Path) -> Iterator[None]:
    """Leave in the run's folder that it ended by diverging."""
    try:
        yield
    except DivergedError as error:
        tell_ending(run, None, f"diverged: {error.scalar}")
        raise


class _GanStage(Stage):
    """The adversarial stage in the loop; it leaves checkpoints, sheets and a validation."""

    label, unit, log_steps = "adversarial stage", "image", _LOG_STEPS

    def __init__(
        self,
        store: Store,
        pairing: Pairing,
        encoder: nn.Module,
        settings: TrainSettings,
        run: Path,
        engine: Engine,
    ) -> None:
        self._store, self._run, self._engine = store, run, engine
        self._settings = settings.gan
        self.total, self.units_per_step = settings.gan.images, settings.gan.batch_size
        self.units_per_epoch = len(pairing.face_rows)
        self.checkpoint_file = run / CHECKPOINT_FILE
        self.judged: list[JudgedFaces] = []
        seed, device = settings.seed, engine.device
        self._batches = PairedBatches(store, pairing, encoder, settings.gan, seed, engine)
        set_up = look_up("objective", settings.gan.objective, OBJECTIVES)
        self._trainer = set_up(settings.gan, self._batches.classifiers, seed + 1, engine)
        self._parts: checkpoint.Parts = self._trainer.parts
        self._best: float | None = None
        self._voices = whole_recordings(store, encoder, _SHEET_FACES, seed, device)
        self._noise = fixed_noise(len(self._voices), settings.gan, seed, device)
        self._validation = Validation.from_store(store, encoder, settings, device)
        self._remember()

    def load(self) -> int:
        images = 0
        if self.checkpoint_file.exists():
            state = checkpoint.load(self.checkpoint_file, self._parts)
            images, self._best = state["images"], state["best"]
            if state.get("unread"):
                self._tell_unread(state["unread"])
            if state["converged"]:
                self.ended = state.get("ended") or "converged"
            self._remember()
        if not images:
            self._trainer.begin(self._batches.all_faces(), self._batches.all_voices())
        if self._engine.is_first and images < self.total and not self.ended:
            tell_ending(self._run, images, None)
        return images

    def _tell_unread(self, names: list[str]) -> None:
        if self._engine.is_first:
            layers = sorted({name.rpartition(".")[0] for name in names if "average/" not in name})
            tqdm.write(
                "the networks to begin with are of other sizes: these layers begin with random "
                f"weights: {', '.join(layers)}",
                file=sys.stderr,
            )

    def step(self, progress: int) -> Scalars:
        return train_step(self._trainer, self._batches, progress)

    def people(self, progress: int) -> dict[str, list[str]]:
        batch = self._batches.batch(progress)
        sides = {"voices": batch.voice_rows, "faces": batch.face_rows}
        return {
            side: [getattr(self._store, side)["identity"][row] for row in rows.tolist()]
            for side, rows in sides.items()
        }

    def is_evaluation_due(self, before: int, progress: int) -> bool:
        each = self._settings.checkpoint_images
        return progress // each != before // each

    def evaluate(self, progress: int) -> None:
        """Draw the sheet, judge the faces, and tell whether the networks still change."""
        generator, discriminator = self._before
        scalars = {
            "change/generator": relative_change(generator, self._trainer.generator),
            "change/discriminator": relative_change(discriminator, self._trainer.discriminator),
        }
        self._remember()
        change, least = max(scalars.values()), self._settings.converged_change
        if change < least:
            self.ended = (
                f"converged: change of {change:.2g} since the last checkpoint, below {least:g}"
            )
        if not self._engine.is_first:
            return
        checked = [self._batches.batch(progress + index) for index in range(_CHECKED_BATCHES)]
        of_objective = self._trainer.check(checked, progress)
        scalars |= {name: value.item() for name, value in of_objective.items()}
        for side in self.judged:
            scalars |= side.judge(self._trainer.generator, self._trainer.discriminator)
        if self._validation is not None:
            scalars["validation/kernel_distance"] = self._validate(self._validation, progress)
        self.write(progress, scalars)
        sheet = grid(to_images(self._trainer.average, self._voices, self._noise), _SHEET_COLUMNS)
        save_png(sheet, self._run / "sheets" / f"{progress:09d}.png", xmp_packet())
        if self.log is not None:
            self.log.show(progress, "sheet", np.asarray(sheet))

    def save(self, progress: int, why: str | None) -> None:
        if not self._engine.is_first:
            return
        state = {
            "images": progress,
            "converged": self.ended is not None,
            "best": self._best,
            "ended": why,
        }
        tell_ending(self._run, progress, why)
        checkpoint.save(self.checkpoint_file, self._parts, state)

    def result(self) -> nn.Module:
        """The averaged generator: the best one by validation, else the last."""
        self._engine.barrier()
        best = self._run / _BEST_FILE
        if self._validation is not None and best.exists():
            checkpoint.load(best, {"average": self._trainer.average})
        return self._trainer.average.cpu().eval()

    def _validate(self, validation: Validation, images: int) -> float:
        """Kernel distance of the averaged generator, which is kept if none before was less."""
        distance = validation.distance(self._trainer.average)
        if self._best is None or distance < self._best:
            self._best = distance
            checkpoint.save(
                self._run / _BEST_FILE,
                {"average": self._trainer.average},
                {"images": images, "kernel_distance": distance},
            )
        return distance

    def _remember(self) -> None:
        with torch.no_grad():
            self._before = tuple(
                torch.cat([p.detach().flatten().clone() for p in network.parameters()])
                for network in (self._trainer.generator, self._trainer.discriminator)
            )
