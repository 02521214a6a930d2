"""What a run says while it runs: a progress bar, and a line of scalars at a time."""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from voice2face.errors import DataError

__all__ = ["ScalarLog", "progress_bar", "seconds_logged"]

# A longer gap between two lines is a run that was stopped and gone on with.
_LONGEST_GAP_S = 600.0


def progress_bar(label: str, total: int, done: int, unit: str) -> tqdm:
    """Make the progress bar of a stage, with rate and time left."""
    return tqdm(
        desc=label, total=total, initial=done, unit=unit, mininterval=1.0, dynamic_ncols=True
    )


class ScalarLog:
    """A JSON line of scalars at a time; lines past the checkpoint gone on from are dropped.

    Args:
        path: The file.
        step: Progress at which the run goes on.
    """

    def __init__(self, path: Path, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._file.writelines(f"{line}\n" for line in kept)
        self._name = path.name

    def __enter__(self) -> ScalarLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Write the scalars of a step.

        Args:
            step: Progress of the stage.
            scalars: Values by slash name, such as "generator/loss".

        Raises:
            DataError: A value is not finite: the run has diverged.
        """
        for name, value in scalars.items():
            if not math.isfinite(value):
                raise DataError(
                    f"{self._name}: {name} is {value} at {step}; the run has diverged and stops "
                    "(its last checkpoint is kept)"
                )
        rounded = {name: round(value, 6) for name, value in scalars.items()}
        self._file.write(
            json.dumps({"step": step, "time": round(time.time(), 1), **rounded}) + "\n"
        )


def seconds_logged(path: Path) -> float:
    """Tell how long a stage ran, from the times in its log.

    Args:
        path: A log that `ScalarLog` wrote.

    Returns:
        Seconds, without the time between a stop and the next start.
    """
    times = [json.loads(line)["time"] for line in path.read_text(encoding="utf-8").splitlines()]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return math.fsum(gap for gap in gaps if gap <= _LONGEST_GAP_S)
