"""Cutting the faces of a store to what a judge's network was trained on, all at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from voice2face.images.align import LEFT_EYE, RIGHT_EYE


def crop_faces(
    faces: NDArray[np.uint8],
    size_px: int,
    eyes: tuple[tuple[float, float], tuple[float, float]] = (LEFT_EYE, RIGHT_EYE),
    blur: float = 0.0,
) -> NDArray[np.float32]:
    """Resample aligned faces so that their eyes come to lie where a judge expects them.

    Nothing is looked for in the image: an aligned face's eyes are at `images.align.LEFT_EYE` and
    `RIGHT_EYE`, so one and the same shift and scale fits them all. A detector would find the place
    better in a face that is not aligned, but would drop unclear faces, and cost ten times as much.

    Args:
        eyes: Where the left and the right eye are to lie, as (x, y) fractions of the side; they
            are level. The default keeps the whole face.
        blur: Deviation of a Gaussian that smooths the face first, as a fraction of its side.

    Returns:
        (n, size_px, size_px, 3) in [0, 255]. What lies outside a face repeats its edge.
    """
    (left, y), (right, _) = eyes
    share = (RIGHT_EYE[0] - LEFT_EYE[0]) / (right - left)
    start_x, start_y = LEFT_EYE[0] - left * share, LEFT_EYE[1] - y * share
    along = _resampling(faces.shape[2], size_px, start_x, share, blur)
    down = _resampling(faces.shape[1], size_px, start_y, share, blur)
    n, rows, columns, bands = faces.shape
    flat = faces.transpose(0, 1, 3, 2).reshape(-1, columns).astype(np.float32)
    wide = (flat @ along.T).reshape(n, rows, bands * size_px)
    return (down @ wide).reshape(n, size_px, bands, size_px).transpose(0, 1, 3, 2)


@lru_cache(maxsize=32)
def _resampling(
    n_in: int, n_out: int, start: float, share: float, blur: float = 0.0
) -> NDArray[np.float32]:
    """Make the matrix that resamples a stretch of a row of pixels.

    Args:
        start: Where the stretch begins, as a fraction of the row; may be negative.
        share: Its length, as a fraction of the row.

    Returns:
        (n_out, n_in); its rows sum to 1. A triangle as wide as the larger of both pixels, as
        Pillow's bilinear filter, so that reducing does not alias.
    """
    scale = share * n_in / n_out
    support = max(1.0, scale)
    centres = start * n_in + (np.arange(n_out) + 0.5) * scale - 0.5
    reach = int(np.ceil(support)) + 1
    taps = np.floor(centres).astype(int)[:, None] + np.arange(-reach, reach + 1)[None]
    weights = np.clip(1 - np.abs(taps - centres[:, None]) / support, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((n_out, n_in), np.float32)
    rows = np.repeat(np.arange(n_out), taps.shape[1])
    np.add.at(matrix, (rows, np.clip(taps, 0, n_in - 1).ravel()), weights.ravel())
    if blur > 0:
        pixels = np.arange(n_in)
        smoothing = np.exp(-(((pixels[:, None] - pixels) / (blur * n_in)) ** 2) / 2)
        matrix = matrix @ (smoothing / smoothing.sum(axis=1, keepdims=True)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def batches(n: int, size: int) -> Iterator[slice]:
    """Cut n rows into batches.

    Yields:
        Slices, none of them empty.
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, so that a verdict does not depend on the machine's cores."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(n_threads)
