"""Logs of scalars, as a training writes them: a JSON object a line."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voice2face.errors import DataError

# A longer gap between two lines of a run's log is a run that was stopped and gone on with.
_LONGEST_GAP_S = 600.0
_NOT_SCALARS = ("step", "time", "epoch")


@dataclass(frozen=True)
class Log:
    """The scalars of one stage.

    Attributes:
        lines: The log's lines, in order; each has "step" and any of "time", "epoch" and scalars
            by slash name.
        is_cut_off: The last line was unfinished, and is left out.
    """

    lines: tuple[dict[str, float], ...] = ()
    is_cut_off: bool = False

    @property
    def last_step(self) -> float:
        """Progress of the last line; 0 for none."""
        return self.lines[-1]["step"] if self.lines else 0

    def scalars(self) -> list[str]:
        """Names of the scalars, each once, in the order in which they appear."""
        names = dict.fromkeys(name for line in self.lines for name in line)
        return [name for name in names if name not in _NOT_SCALARS]

    def column(self, name: str) -> NDArray[np.float64]:
        """Values of a field.

        Args:
            name: A scalar, "step", "time" or "epoch".

        Returns:
            (lines that have it,) values.
        """
        return np.array([line[name] for line in self.lines if name in line], dtype=np.float64)

    def steps(self, name: str) -> NDArray[np.float64]:
        """Progress at each value of `column(name)`."""
        return np.array([line["step"] for line in self.lines if name in line], dtype=np.float64)

    def seconds(self) -> float:
        """How long the stage ran, without the time between a stop and the next start."""
        return float(np.nansum(working_gaps(self.column("time"))))


def read_log(path: Path) -> Log:
    """Read a log of scalars.

    Args:
        path: A file of JSON lines. One that is not there gives an empty log.

    Returns:
        The log. Values that are not finite are kept as they are.

    Raises:
        DataError: A line is not an object of numbers, lacks its step, or goes back.
    """
    if not path.is_file():
        return Log()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None
    rows = text.split("\n")
    is_cut_off = False
    lines: list[dict[str, float]] = []
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            content = json.loads(row)
        except (ValueError, RecursionError) as error:
            if number == len(rows):
                is_cut_off = True
                break
            raise DataError(f"{path}, line {number}: is not JSON ({error})") from None
        last = lines[-1]["step"] if lines else 0
        if problem := _problem(content, last):
            raise DataError(f"{path}, line {number}: {problem}")
        lines.append(content)
    return Log(tuple(lines), is_cut_off)


def _problem(content: Any, last_step: float) -> str | None:
    """What is wrong with a line of a log."""
    if not isinstance(content, dict):
        return f"is {json.dumps(content)[:40]}, not an object of numbers"
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{name!r} is {json.dumps(value)[:40]}, not a number"
    step = content.get("step")
    if step is None or not math.isfinite(step):
        return f"its step is {step}; every line needs one"
    if step < last_step:
        return f"its step {step:g} is less than the line's before, {last_step:g}"
    if not all(math.isfinite(content.get(name, 0)) for name in ("time", "epoch")):
        return "its time or epoch is not finite"
    return None


def working_gaps(times: ArrayLike) -> NDArray[np.float64]:
    """Tell how long a run worked between the lines of its log.

    Args:
        times: (lines,) seconds since some moment.

    Returns:
        (lines - 1,) seconds; NaN for the time between a stop and the next start.
    """
    gaps = np.diff(np.asarray(times, dtype=np.float64))
    return np.where((gaps >= 0) & (gaps <= _LONGEST_GAP_S), gaps, np.nan)
