"""What a run says while it runs: a progress bar, and a line of scalars at a time."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from voice2face.errors import DataError, OutputError
from voice2face.files import write_atomically
from voice2face.scalar_log import read_log


def progress_bar(label: str, total: int, done: int, unit: str, shown: bool = True) -> tqdm:
    """Make the progress bar of a stage, with rate and time left."""
    return tqdm(
        desc=label,
        total=total,
        initial=done,
        unit=unit,
        mininterval=1.0,
        dynamic_ncols=True,
        disable=not shown,
    )


class ScalarLog(contextlib.AbstractContextManager["ScalarLog"]):
    """A JSON line of scalars at a time, and the same for TensorBoard.

    Lines past the checkpoint gone on from are dropped.

    Args:
        path: The file; TensorBoard's lie in the folder `tensorboard` beside it.

    Raises:
        DataError: A line of it is damaged; see `read_log`.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: it takes a second

        self._path = path
        kept = [json.dumps(line) for line in read_log(path).lines if line["step"] <= step]
        write_atomically(path, "".join(f"{line}\n" for line in kept).encode())
        with self._writing():
            self._file = path.open("a", encoding="utf-8", buffering=1)
            self._tensorboard = SummaryWriter(
                str(path.parent / "tensorboard" / path.stem), purge_step=step + 1
            )

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        # What stopped the run is told, not what closing says of the same full disk.
        guard = self._writing() if kind is None else contextlib.suppress(OSError)
        with guard, contextlib.closing(self._tensorboard), self._file:
            pass

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Write the scalars of a step.

        Args:
            scalars: Values by slash name, such as "generator/loss".

        Raises:
            DataError: A value is not finite: the run has diverged.
            OutputError: They cannot be written.
        """
        for name, value in scalars.items():
            if not math.isfinite(value):
                raise DataError(
                    f"{self._path.name}: {name} is {value} at {step}; the run has diverged and "
                    "stops (its last checkpoint is kept)"
                )
        rounded = {name: round(value, 6) for name, value in scalars.items()}
        line = json.dumps({"step": step, "time": round(time.time(), 1), **rounded})
        with self._writing():
            self._file.write(f"{line}\n")
            for name, value in rounded.items():
                self._tensorboard.add_scalar(name, value, step)

    def show(self, step: int, name: str, picture: NDArray[np.uint8]) -> None:
        """Give TensorBoard a picture.

        Args:
            picture: (rows, columns, 3) RGB.

        Raises:
            OutputError: It cannot be written.
        """
        with self._writing():
            self._tensorboard.add_image(name, picture, step, dataformats="HWC")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self._path}: cannot be written ({reason})") from None
