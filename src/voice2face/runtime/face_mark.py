"""The imperceptible mark of faces at their own pixels: amplitudes of slow waves, rounded.

The brightness of a square face is a sum of cosines (DCT-II), u half periods across and v down. The
amplitudes of `waves` are moved to the nearest point of a grid, whose step is one grey level and
whose offset, one for each wave, is a random number that the program knows. In any other picture the
amplitudes lie anywhere between two points. So the mark need not be stronger than the face, as a
pattern that is added must be, and slow waves are what pictures keep when they are compressed.

A pair of waves has offsets half a step apart, so that a picture without waves scores 0.
web/src/core/face_mark.js does the same.

Source:
    Chen and Wornell, *Quantization index modulation*, IEEE Transactions on Information Theory
    47(4), 2001.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from voice2face.runtime.random_numbers import Stream, uniforms
from voice2face.runtime.sheet_mark import LUMA, SEED, Plane

_INDEX = 2
_SLOWEST, _FASTEST = 2, 10  # of the root of u^2 + v^2
_MOST_ROWS, _SMALLEST_PX = 16, 32
_GAINS = np.exp(0.01 * np.arange(-40, 41))
# What blurring takes from a wave is exp(-blur (u^2 + v^2)): none, and 1 and 1.4 px of 64.
_BLURS = (0.0, 0.00125, 0.0025)
_FLAT = 1e-3  # grey levels


@cache
def waves() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the (waves, 2) half periods across and down a face, and their (waves,) offsets."""
    sides = range(1, _FASTEST)
    both = [(u, v) for u in sides for v in sides if _SLOWEST <= np.hypot(u, v) <= _FASTEST]
    first = uniforms(SEED, Stream.MARK, [_INDEX], len(both) // 2)[0]
    return np.array(both), np.stack([first, (first + 0.5) % 1], axis=1).ravel()


def mark_faces(pixels: NDArray[np.uint8], face_px: int) -> NDArray[np.uint8]:
    """Mark every face of a grid; all channels change alike.

    Args:
        pixels: (rows, columns, 3) RGB, of faces side by side without a gap. Of an incomplete face
            at the border, and of places of one colour, nothing changes.
        face_px: Side of a face.
    """
    faces = _faces(pixels @ LUMA, face_px)
    amplitudes = _amplitudes(faces)
    _, offsets = waves()
    change = np.rint(amplitudes - offsets) + offsets - amplitudes
    change[np.ptp(faces, axis=(1, 2)) == 0] = 0
    rows, columns = (length // face_px for length in pixels.shape[:2])
    added: Plane = np.reshape(_sum_of(change, face_px), (rows, columns, face_px, face_px))
    added = np.rint(np.reshape(np.swapaxes(added, 1, 2), (rows * face_px, columns * face_px)))
    whole: NDArray[np.int16] = pixels.astype(np.int16)
    whole[: rows * face_px, : columns * face_px] += added.astype(np.int16)[..., None]
    return whole.clip(0, 255, out=whole).astype(np.uint8)


def score_faces(luma: Plane) -> float:
    """Tell how near the amplitudes are to the grid: in deviations of a picture without the mark.

    The picture is taken for a grid of up to 16 rows of square faces of 32 px and more, in every way
    that its sides allow; contrast and blur are tried too, and the highest score is given. 0: it is
    no such grid.

    Args:
        luma: (rows, columns) brightness, 0 to 255.
    """
    both, offsets = waves()
    square = (both**2).sum(1)
    best = 0.0
    for rows in range(1, _MOST_ROWS + 1):
        side, rest = divmod(len(luma), rows)
        if rest or side < _SMALLEST_PX or luma.shape[1] % side:
            continue
        amplitudes = _amplitudes(_faces(luma, side))
        amplitudes = amplitudes[np.abs(amplitudes).max(1) > _FLAT]
        deviation = np.sqrt(max(amplitudes.size, 1) / 2)
        for blur in _BLURS:
            sharp = amplitudes * np.exp(blur * square)
            for gain in _GAINS:
                near = np.cos(2 * np.pi * (gain * sharp - offsets)).sum()
                best = max(best, float(near / deviation))
    return best


def _faces(luma: Plane, side: int) -> Plane:
    """Cut (rows, columns) into (faces, side, side)."""
    rows, columns = (length // side for length in luma.shape)
    whole: Plane = np.reshape(luma[: rows * side, : columns * side], (rows, side, columns, side))
    return np.reshape(np.swapaxes(whole, 1, 2), (-1, side, side))


def _amplitudes(faces: Plane) -> NDArray[np.float64]:
    """Measure the waves in (faces, side, side): (faces, waves), in grey levels."""
    both, _ = waves()
    side = faces.shape[-1]
    table = _cosines(side)
    values: Plane = table @ faces @ np.transpose(table) * (2 / side) ** 2
    return values[:, both[:, 1] - 1, both[:, 0] - 1]


def _sum_of(amplitudes: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Add up the waves of given (faces, waves) amplitudes: (faces, side, side)."""
    both, _ = waves()
    values = np.zeros((len(amplitudes), _FASTEST - 1, _FASTEST - 1))
    values[:, both[:, 1] - 1, both[:, 0] - 1] = amplitudes
    table = _cosines(side)
    return np.transpose(table) @ values @ table


@cache
def _cosines(side: int) -> Plane:
    """Give (waves along one axis, side)."""
    return np.cos(np.outer(np.arange(1, _FASTEST), np.pi * (np.arange(side) + 0.5) / side))
