"""Frames of a video, as faces are taken from a clip that also holds the voice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from voice2face.errors import DataError

__all__ = ["video_frames"]


def video_frames(
    path: Path, every_s: float, limit: int | None = None
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Read frames at regular times.

    Args:
        path: Any video file that FFmpeg reads.
        every_s: Least time between two frames; 0 gives every frame.
        limit: Most frames; None for all.

    Yields:
        Time since the first frame in seconds, and (rows, columns, 3) uint8 RGB.

    Raises:
        DataError: The file cannot be read, has no picture, or is damaged from the first frame on.
            Damage further on ends the frames.
    """
    n_given = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path}: has no picture track; give a video")
            first_s: float | None = None
            for index, frame in enumerate(container.decode(video=0)):
                if n_given == limit:
                    return
                rate = float(container.streams.video[0].average_rate or 25)
                now_s = index / rate if frame.time is None else float(frame.time)
                first_s = now_s if first_s is None else first_s
                time_s = now_s - first_s
                # Half a thousandth of slack, for times that are rounded.
                if time_s + 5e-4 >= n_given * every_s:
                    yield time_s, frame.to_ndarray(format="rgb24")
                    n_given += 1
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if n_given == 0:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(f"{path}: not a video that FFmpeg can read ({reason})") from None
    if n_given == 0:
        raise DataError(f"{path}: has a picture track without a frame")
