"""The adversarial stage: F_g, F_d and F_c learn, F_e is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from voice2face.data.pairing import Pairing
from voice2face.data.store import Store
from voice2face.errors import DivergedError, RunStoppedError, look_up
from voice2face.images.sheet import grid, save_png
from voice2face.training import checkpoint
from voice2face.training.engine import Engine
from voice2face.training.judged_faces import JudgedFaces
from voice2face.training.paired_batches import PairedBatches, whole_recordings
from voice2face.training.pending import PendingScalars
from voice2face.training.presets import GanSettings, TrainSettings
from voice2face.training.progress import ScalarLog, progress_bar
from voice2face.training.projected import set_up_projected
from voice2face.training.relativistic import set_up_relativistic
from voice2face.training.run_folder import tell_ending
from voice2face.training.steps import Batch, Players, Scalars, set_up_players, update_average
from voice2face.training.stop import StopRequest
from voice2face.training.validation import Validation, fixed_noise, relative_change, to_images

__all__ = ["BEST_FILE", "CHECKPOINT_FILE", "GAMES", "learning_rate", "train_gan", "train_step"]

CHECKPOINT_FILE = "gan.safetensors"
BEST_FILE = "gan.best.safetensors"
_LOG_STEPS = 20
_SHEET_FACES = 64
_SHEET_COLUMNS = 8
_WATCHED_BATCHES = 8

# What sets up the players of each game: (settings, classifiers, seed, engine) -> players.
GAMES: dict[str, Callable[[GanSettings, dict[str, int], int, Engine], Players]] = {
    "published": set_up_players,
    "relativistic": set_up_relativistic,
    "projected": set_up_projected,
}


def train_step(
    players: Players, batches: PairedBatches, images: int, stage: GanSettings, engine: Engine
) -> Scalars:
    """Make one step of the game, then move the averaged generator.

    Args:
        images: Images seen before the step.

    Returns:
        Scalars by name, still on the device.
    """
    players.set_learning_rate(learning_rate(stage, images))
    scalars = players.step(batches.draw(images), images, stage, engine)
    half_life = players.average_half_life(images, stage)
    decay = 0.5 ** (stage.batch_size / half_life) if half_life else 0.0
    update_average(players.average, players.generator, decay)
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
    set_up = look_up("game", stage.game, GAMES)
    players = set_up(stage, batches.classifiers, settings.seed + 1, engine)
    keeper = _Keeper(store, players, encoder, settings, run, engine)
    if stage.game == "published" and engine.is_first:
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
            scalars = train_step(players, batches, images, stage, engine)
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
        players: Players,
        encoder: nn.Module,
        settings: TrainSettings,
        run: Path,
        engine: Engine,
    ) -> None:
        self._players, self._run, self._engine = players, run, engine
        self._stage = settings.gan
        self.log: ScalarLog | None = None
        self.why = "all images seen"
        self.judged: list[JudgedFaces] = []
        self._parts: checkpoint.Parts = players.parts
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
            "change/generator": relative_change(generator, self._players.generator),
            "change/discriminator": relative_change(discriminator, self._players.discriminator),
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
        watched = [batches.draw(images + index) for index in range(_WATCHED_BATCHES)]
        of_game = self._players.watch(watched, images, self._stage)
        scalars |= {name: value.item() for name, value in of_game.items()}
        for side in self.judged:
            scalars |= side.judge(self._players)
        if self._validation is not None:
            distance = self._validation.distance(self._players.average)
            scalars["validation/kernel_distance"] = distance
            if self._best is None or distance < self._best:
                self._best = distance
                checkpoint.save(
                    self._run / BEST_FILE,
                    {"average": self._players.average},
                    {"images": images, "kernel_distance": distance},
                )
        self.write(images, scalars)
        sheet = grid(to_images(self._players.average, self._voices, self._noise), _SHEET_COLUMNS)
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
            checkpoint.load(best, {"average": self._players.average})
        return self._players.average.cpu().eval()

    def _remember(self) -> None:
        with torch.no_grad():
            self._before = tuple(
                torch.cat([p.detach().flatten().clone() for p in network.parameters()])
                for network in (self._players.generator, self._players.discriminator)
            )
