"""The training loop of every stage: steps, scalars, checkpoints, and a polite stop."""

from __future__ import annotations

import signal
import threading
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import FrameType

from torch import Tensor

from voice2face.errors import RunStoppedError
from voice2face.training.engine import Engine
from voice2face.training.progress import ScalarLog, progress_bar
from voice2face.training.scalar_buffer import ScalarBuffer


class Stage(ABC):
    """What a stage of a run does in the loop, and what it leaves behind.

    Attributes:
        label: Of the progress bar.
        unit: What progress is counted in, such as "image".
        total: Units of the whole stage.
        units_per_step: Units of a step, over all processes.
        log_steps: Steps between two lines of the log.
        checkpoint_file: Its log has the same name, and ends in ".jsonl".
        log: Open while the loop runs, in the first process.
        ended: Why the stage ended before `total`; None while it goes on.
    """

    label: str
    unit: str
    total: int
    units_per_step: int
    units_per_epoch: int
    log_steps: int
    checkpoint_file: Path
    log: ScalarLog | None = None
    ended: str | None = None

    @abstractmethod
    def load(self) -> int:
        """Load the checkpoint, if there is one, and give the progress."""

    @abstractmethod
    def step(self, progress: int) -> dict[str, Tensor]:
        """Make the step that begins at some progress; scalars by name, still on the device."""

    @abstractmethod
    def people(self, progress: int) -> dict[str, list[str]]:
        """Identities of the batch that begins at some progress, by the side of the data."""

    def is_evaluation_due(self, before: int, progress: int) -> bool:
        """Whether to evaluate, and to write a checkpoint, after a step that is not the last."""
        return progress % self.units_per_epoch == 0

    def is_checkpoint_due(self, progress: int) -> bool:
        """Whether to write a checkpoint without an evaluation."""
        return False

    @abstractmethod
    def evaluate(self, progress: int) -> None:
        """Evaluate the networks; may set `ended`."""

    @abstractmethod
    def save(self, progress: int, why: str | None) -> None:
        """Write the checkpoint.

        Args:
            why: Why the run ends here; None where it goes on.
        """

    def write(self, progress: int, scalars: dict[str, float]) -> None:
        """Write a line of the log, in the first process."""
        if self.log is not None:
            self.log.write(progress, scalars)


def train(stage: Stage, engine: Engine) -> None:
    """Run a stage from its checkpoint to its end.

    Raises:
        RunStoppedError: The process was asked to stop; a checkpoint was written.
        DataError: The run diverged, or its checkpoint is damaged.
        OutputError: The folder cannot be written; the last checkpoint is whole.
    """
    progress, n_units = stage.load(), stage.units_per_step
    with ExitStack() as stack:
        stop = stack.enter_context(_StopRequest())
        if engine.is_first:
            path = stage.checkpoint_file.with_suffix(".jsonl")
            stage.log = stack.enter_context(ScalarLog(path, progress))
        bar = progress_bar(stage.label, stage.total, progress, stage.unit, engine.is_first)
        stack.enter_context(bar)
        buffer = ScalarBuffer(
            progress, stage.unit, stage.units_per_epoch, stage.people, stage.checkpoint_file, engine
        )
        while progress < stage.total and not stage.ended:
            buffer.add(progress, stage.step(progress))
            before, progress = progress, progress + n_units
            bar.update(n_units)
            is_last = progress >= stage.total
            is_evaluated = is_last or stage.is_evaluation_due(before, progress)
            is_saved = is_evaluated or stage.is_checkpoint_due(progress)
            is_logged = is_saved or progress // n_units % stage.log_steps == 0
            is_stopping = engine.stops(bool(stop), is_logged)
            if is_logged or is_stopping:
                stage.write(progress, buffer.means(progress))
            if is_evaluated:
                stage.evaluate(progress)
            is_over = is_last or stage.ended is not None
            if is_saved or is_stopping:
                why = stage.ended or (f"all {stage.unit}s seen" if is_last else None)
                by = stop.signal.name if stop.signal else "a signal"
                stage.save(progress, why or (f"stopped by {by}" if is_stopping else None))
            if is_stopping and not is_over:
                raise RunStoppedError(
                    f"{stage.checkpoint_file.parent}: stopped at {progress:,} of {stage.total:,} "
                    f"{stage.unit}s; run the same command again to resume"
                )


class _StopRequest(AbstractContextManager["_StopRequest"]):
    """Tells whether the process was asked to stop, while it is entered.

    The first signal only sets `signal`; a second one ends the process at once, as without this.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._handlers_before = ExitStack()

    def __bool__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> _StopRequest:
        # Only the main thread may set handlers; a library call from another goes without.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                before = signal.signal(number, self._asked)
                self._handlers_before.callback(signal.signal, number, before)
        return self

    def __exit__(self, *raised: object) -> None:
        self._handlers_before.close()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._handlers_before.close()
