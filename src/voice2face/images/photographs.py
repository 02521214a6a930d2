"""A photograph file to a small square face image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face.errors import DataError

__all__ = ["read_face"]


def read_face(path: Path, size_px: int, crop: float = 1.0) -> NDArray[np.uint8]:
    """Read a photograph of one centred face.

    Args:
        path: Image file.
        size_px: Side of the result.
        crop: Share of the shorter side to keep, around the centre, 0 to 1.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        DataError: The file is not an image, or is damaged.
    """
    try:
        with Image.open(path) as image:
            side = min(image.size) * crop
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
            face = image.convert("RGB").resize(
                (size_px, size_px), Image.Resampling.LANCZOS, box=box
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable image ({error})") from None
    return np.asarray(face)
