"""From a generator's output to pixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def to_pixels(
    faces: NDArray[np.float32], pixel_range: Literal["fixed", "stretched"]
) -> NDArray[np.uint8]:
    """Clamp generated images to [-1, 1] and bring them to 8 bits.

    Args:
        faces: (faces, 3, size, size) RGB, nominally in [-1, 1].
        pixel_range: "fixed": [-1, 1] becomes [0, 255]. "stretched": each image's own minimum and
            maximum become 0 and 255; an image of one colour becomes 0.

    Returns:
        (faces, size, size, 3) uint8.

    Source:
        "stretched": the authors' published code for Wen et al. 2019 (arXiv 1905.10604).
    """
    clamped = np.clip(faces, -1, 1)
    if pixel_range == "stretched":
        low = clamped.min(axis=(1, 2, 3), keepdims=True)
        high = clamped.max(axis=(1, 2, 3), keepdims=True)
        unit = (clamped - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    else:
        unit = (clamped + 1) / 2
    return np.rint(unit * 255).astype(np.uint8).transpose(0, 2, 3, 1)
