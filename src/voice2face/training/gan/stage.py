"""The adversarial stage: F_g, F_d and F_c learn, F_e is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from voice2face.data.pairing import Pairing
from voice2face.data.store import Store
from voice2face.errors import DivergedError, RunStoppedError, look_up
from voice2face.images.sheet import grid, save_png
from voice2face.training import checkpoint
from voice2face.training.engine import Engine
from voice2face.training.gan.batches import PairedBatches, whole_recordings
from voice2face.training.gan.judged_faces import JudgedFaces
from voice2face.training.gan.projected import set_up_projected
from voice2face.training.gan.relativistic import set_up_relativistic
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.trainer import Batch, GanTrainer, Scalars, update_average
from voice2face.training.gan.validation import Validation, fixed_noise, relative_change, to_images
from voice2face.training.gan.wen2019 import set_up_wen2019
from voice2face.training.presets import TrainSettings
from voice2face.training.progress import ScalarLog, progress_bar
from voice2face.training.run_folder import tell_ending
from voice2face.training.scalar_buffer import PendingScalars
from voice2face.training.stop import StopRequest

__all__ = ["BEST_FILE", "CHECKPOINT_FILE", "OBJECTIVES", "learning_rate", "train_gan", "train_step"]

CHECKPOINT_FILE = "gan.safetensors"
BEST_FILE = "gan.best.safetensors"
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
    scalars = trainer.step(batches.draw(images), images)
    half_life = trainer.average_half_life(images)
    decay = 0.5 ** (settings.batch_size / half_life) if half_life else 0.0
    update_average(trainer.average, trainer.generator, decay)
    return scalars


def learning_rate(stage: GanSettings, images: int) -> float:
    """Give the learning rate of the step after so many images: see `GanSettings.cool_down`."""
    cooling = stage.cool_down * stage.images
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
    stage = settings.gan
    encoder = encoder.to(engine.device)
    batches = PairedBatches(store, pairing, encoder, stage, settings.seed, engine)
    set_up = look_up("objective", stage.objective, OBJECTIVES)
    trainer = set_up(stage, batches.classifiers, settings.seed + 1, engine)
    keeper = _Keeper(store, trainer, encoder, settings, run, engine)
    if stage.objective == "wen2019" and engine.is_first:
        sides = {"train": pairing} | ({"val": held_out} if held_out else {})
        keeper.judged = [
            JudgedFaces.of(
                store, side, split, encoder, settings.seed, engine.device, pairing.labels
            )
            for split, side in sides.items()
        ]
    images, converged = keeper.load()
    with ExitStack() as stack:
        stack.enter_context(_divergence_told(run))
        stop = stack.enter_context(StopRequest())
        if engine.is_first:
            if images < stage.images and not converged:
                tell_ending(run, images, None)
            keeper.log = stack.enter_context(ScalarLog(run / "gan.jsonl", images))
        bar = stack.enter_context(
            progress_bar("adversarial stage", stage.images, images, "image", engine.is_first)
        )
        pending = PendingScalars(
            progress=images,
            unit="image",
            an_epoch=len(pairing.face_rows),
            people=lambda images: _people(store, batches.draw(images)),
            checkpoint_file=run / CHECKPOINT_FILE,
            engine=engine,
        )
        while images < stage.images and not converged:
            scalars = train_step(trainer, batches, images)
            pending.add(images, scalars)
            before, images = images, images + stage.batch_size
            bar.update(stage.batch_size)
            due = images // stage.checkpoint_images != before // stage.checkpoint_images
            due = due or images >= stage.images
            look = due or images // stage.batch_size % _LOG_STEPS == 0
            stopping = engine.stops(bool(stop), look)
            if look or stopping:
                keeper.write(images, pending.means(images))
            if due:
                converged = keeper.validate(images, batches)
            ends = converged or images >= stage.images
            if stopping and not ends:
                keeper.why = f"stopped by {stop.signal.name if stop.signal else 'a signal'}"
            if due or stopping:
                keeper.save(images, converged, keeper.why if ends or stopping else None)
            if stopping and not ends:
                raise RunStoppedError(
                    f"{run}: stopped at {images:,} of {stage.images:,} images; "
                    "the same command goes on"
                )
    return keeper.result()


@contextmanager
def _divergence_told(run: Path) -> Iterator[None]:
    """Leave in the run's folder that it ended by diverging."""
    try:
        yield
    except DivergedError as error:
        tell_ending(run, None, f"diverged: {error.scalar}")
        raise


def _people(store: Store, batch: Batch) -> dict[str, list[str]]:
    """Identities of a batch, by side."""
    return {
        "voices": [store.voices["identity"][row] for row in batch.voice_rows.tolist()],
        "faces": [store.faces["identity"][row] for row in batch.face_rows.tolist()],
    }


class _Keeper:
    """What a run leaves behind: checkpoints, log, sheets, validation."""

    def __init__(
        self,
        store: Store,
        trainer: GanTrainer,
        encoder: nn.Module,
        settings: TrainSettings,
        run: Path,
        engine: Engine,
    ) -> None:
        self._trainer, self._run, self._engine = trainer, run, engine
        self._stage = settings.gan
        self.log: ScalarLog | None = None
        self.why = "all images seen"
        self.judged: list[JudgedFaces] = []
        self._parts: checkpoint.Parts = trainer.parts
        self._best: float | None = None
        self._voices = whole_recordings(store, encoder, _SHEET_FACES, settings.seed, engine.device)
        self._noise = fixed_noise(len(self._voices), self._stage, settings.seed, engine.device)
        self._validation = Validation.of(store, encoder, settings, engine.device)
        self._remember()

    def load(self) -> tuple[int, bool]:
        """Go on from the checkpoint, if there is one: images seen, and whether it converged."""
        path = self._run / CHECKPOINT_FILE
        if not path.exists():
            return 0, False
        state = checkpoint.load(path, self._parts)
        self._best = state["best"]
        if state["converged"]:
            self.why = state.get("ended") or "converged"
        self._remember()
        return state["images"], state["converged"]

    def write(self, images: int, scalars: dict[str, float]) -> None:
        """Write a line of the log, in the first process."""
        if self.log is not None:
            self.log.write(images, scalars)

    def validate(self, images: int, batches: PairedBatches) -> bool:
        """Draw the sheet, judge the faces, and tell whether the networks still change."""
        generator, discriminator = self._before
        scalars = {
            "change/generator": relative_change(generator, self._trainer.generator),
            "change/discriminator": relative_change(discriminator, self._trainer.discriminator),
        }
        self._remember()
        change = max(scalars.values())
        converged = change < self._stage.converged_change
        if converged:
            self.why = (
                f"converged: change of {change:.2g} since the last checkpoint, below "
                f"{self._stage.converged_change:g}"
            )
        if not self._engine.is_first:
            return converged
        watched = [batches.draw(images + index) for index in range(_CHECKED_BATCHES)]
        of_objective = self._trainer.check(watched, images)
        scalars |= {name: value.item() for name, value in of_objective.items()}
        for side in self.judged:
            scalars |= side.judge(self._trainer.generator, self._trainer.discriminator)
        if self._validation is not None:
            distance = self._validation.distance(self._trainer.average)
            scalars["validation/kernel_distance"] = distance
            if self._best is None or distance < self._best:
                self._best = distance
                checkpoint.save(
                    self._run / BEST_FILE,
                    {"average": self._trainer.average},
                    {"images": images, "kernel_distance": distance},
                )
        self.write(images, scalars)
        sheet = grid(to_images(self._trainer.average, self._voices, self._noise), _SHEET_COLUMNS)
        save_png(sheet, self._run / "sheets" / f"{images:09d}.png")
        if self.log is not None:
            self.log.show(images, "sheet", np.asarray(sheet))
        return converged

    def save(self, images: int, converged: bool, ended: str | None) -> None:
        """Write the checkpoint, in the first process; with why the run ends here, where it does."""
        if self._engine.is_first:
            state = {"images": images, "converged": converged, "best": self._best, "ended": ended}
            tell_ending(self._run, images, ended)
            checkpoint.save(self._run / CHECKPOINT_FILE, self._parts, state)

    def result(self) -> nn.Module:
        """The averaged generator: the best one by validation, else the last."""
        self._engine.barrier()
        best = self._run / BEST_FILE
        if self._validation is not None and best.exists():
            checkpoint.load(best, {"average": self._trainer.average})
        return self._trainer.average.cpu().eval()

    def _remember(self) -> None:
        with torch.no_grad():
            self._before = tuple(
                torch.cat([p.detach().flatten().clone() for p in network.parameters()])
                for network in (self._trainer.generator, self._trainer.discriminator)
            )
