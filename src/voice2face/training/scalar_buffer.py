"""Scalars between two lines of the log, and the end of a run in which one of them is not finite."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voice2face.errors import DivergedError
from voice2face.files import write_atomically
from voice2face.training.engine import Engine


@dataclass
class ScalarBuffer:
    """Scalars of the steps since the last line of the log, still on the device.

    Attributes:
        progress: Of the run when it begins or goes on, in units.
        unit: What progress is counted in, such as "image".
        people: Gives the identities of the batch that began at some progress, by the side of the
            data.
        checkpoint_file: The run's checkpoint, which may not be there yet.
    """

    progress: int
    unit: str
    per_epoch: int
    people: Callable[[int], dict[str, list[str]]]
    checkpoint_file: Path
    engine: Engine
    _since: float = field(default_factory=time.perf_counter, init=False)
    _steps: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list, init=False)

    def add(self, progress: int, scalars: dict[str, Tensor]) -> None:
        """Keep the scalars of the step that began at some progress. No device is waited for."""
        if self._steps and self._steps[0][1].keys() != scalars.keys():
            self._steps.clear()  # another phase of the stage has begun
        self._steps.append((progress, {name: value.detach() for name, value in scalars.items()}))

    def means(self, progress: int) -> dict[str, float]:
        """Average them over steps and processes, and begin anew.

        Returns:
            The means by name, with `epoch` and the throughput.

        Raises:
            DivergedError: One is not finite; the batch's identities are written down.
        """
        names = list(self._steps[0][1])
        stacked = torch.stack([torch.stack(list(scalars.values())) for _, scalars in self._steps])
        values = self.engine.mean(stacked).cpu().numpy()
        finite = np.isfinite(values)
        if not finite.all():
            step, column = np.argwhere(~finite)[0]
            self._diverged(self._steps[step][0], names[column], float(values[step, column]))
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        passed, self.progress = progress - self.progress, progress
        self._steps.clear()
        means = dict(zip(names, values.mean(axis=0).tolist(), strict=True))
        means["epoch"] = progress / self.per_epoch
        means[f"throughput/{self.unit}s_per_s"] = passed / seconds
        return means

    def _diverged(self, progress: int, name: str, value: float) -> None:
        people = self.people(progress)
        record = {f"{self.unit}s": progress, "scalar": name, "value": str(value), **people}
        kept = self.checkpoint_file
        path = kept.parent / "diverged.json"
        if self.engine.is_first:
            write_atomically(path, (json.dumps(record, indent=2) + "\n").encode())
        first = sorted({one for side in people.values() for one in side})
        last = f"the last good checkpoint is {kept}" if kept.exists() else "no checkpoint was made"
        raise DivergedError(
            name,
            f"{kept.parent}: {name} is {value} in the step after {progress:,} {self.unit}s, so the "
            f"run stops; {last}; the batch held {', '.join(first[:3])} and "
            f"{max(0, len(first) - 3)} more (all in {path.name})",
        )
