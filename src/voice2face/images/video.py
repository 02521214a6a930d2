"""Frames of a video, as faces are taken from a clip that also holds the voice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import DataError
from voice2face.images.photographs import MAX_PIXELS
from voice2face.media import VIDEO_CODECS, open_media


def video_frames(
    path: Path, every_s: float, limit: int | None = None
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Read frames at regular times.

    Args:
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
        with open_media(path, str(path), VIDEO_CODECS, DataError) as container:
            if not container.streams.video:
                raise DataError(f"{path}: has no picture track; give a video")
            context = container.streams.video[0].codec_context
            if context is None or context.name not in VIDEO_CODECS.split(","):
                raise DataError(f"{path}: its pictures are in a format that FFmpeg cannot decode")
            if context.width * context.height > MAX_PIXELS:
                raise DataError(
                    f"{path}: has {context.width:,} x {context.height:,} pixels a frame; at most "
                    f"{MAX_PIXELS:,} are read"
                )
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
                    yield time_s, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                    n_given += 1
    except DataError:
        if n_given == 0:
            raise
    if n_given == 0:
        raise DataError(f"{path}: has a picture track without a frame")
