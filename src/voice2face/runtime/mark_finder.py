"""Finding the imperceptible mark in a picture, whatever was done to it since: no network.

That of faces at their own pixels: see `face_mark.py`. That of sheets: what of the picture's
brightness changes quickly is divided by its own local strength, and so is its spectrum. Of a
picture without the mark, noise is left. Then every scale and angle is tried, by the power where the
waves would be, which does not depend on where the picture was cut; it is compared with its mean and
deviation in noise.

web/src/core/mark_finder.js finds the same. benchmarks/marks.py measures both and sets the
thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voice2face.runtime.face_mark import score_faces
from voice2face.runtime.sheet_mark import (
    LUMA,
    N_PILOTS,
    PAYLOAD_BITS,
    TILE_PX,
    Plane,
    box_mean,
    read_payload,
    waves,
)

SHEET_THRESHOLD = 7.0
FACE_THRESHOLD = 5.5
# From this score on the payload is read: where it is right, this is a mark too.
_READ_FROM = 4.0

_FFT = 512
_LARGEST_PX = 2304
_HIGHEST = 0.48  # cycles a pixel
_SPECTRUM_RADIUS = 12
_MOST_POWER, _MOST_AMPLITUDE = 6.0, 2.5
_NOISE = 1.5  # grey levels, added to the local strength
# Scales and angles that are tried: those of the picture against the one that was marked.
_SMALLEST, _LARGEST = 0.42, 2.4
_SCALE_STEP, _ANGLE_STEP, _N_ANGLES = 0.009, math.radians(0.35), 20


@dataclass(frozen=True)
class Found:
    """What was found in a picture.

    Attributes:
        sheet_score: Deviations above noise of the mark of sheets, at the best scale and angle.
        face_score: That of the mark of faces at their own pixels; see `score_faces`.
        model: Number of the model, 24 bits; None: it cannot be read.
    """

    sheet_score: float
    face_score: float
    model: int | None

    @property
    def is_marked(self) -> bool:
        """Whether the picture carries the mark."""
        return (
            self.model is not None
            or self.sheet_score >= SHEET_THRESHOLD
            or self.face_score >= FACE_THRESHOLD
        )


def find_mark(pixels: NDArray[np.uint8]) -> Found:
    """Look for the mark in (rows, columns, 3) RGB; of large pictures in the middle."""
    rows, columns = pixels.shape[:2]
    top, left = max(0, (rows - _LARGEST_PX) // 2), max(0, (columns - _LARGEST_PX) // 2)
    luma: Plane = pixels[top : top + _LARGEST_PX, left : left + _LARGEST_PX] @ LUMA
    fine = luma - box_mean(luma, 5)
    strength = np.sqrt(np.maximum(box_mean(fine * fine, 7), 0))
    fine = (fine / (strength + _NOISE)).astype(np.float32)
    sheet_score, model = _find_sheet(fine)
    return Found(sheet_score, score_faces(luma), model)


def _find_sheet(fine: NDArray[np.float32]) -> tuple[float, int | None]:
    """Give the best score, and the model's number where it can be read."""
    spectra = np.stack(
        [
            _spectrum(fine[top:bottom, left:right])
            for top, bottom in _blocks(fine.shape[0])
            for left, right in _blocks(fine.shape[1])
        ]
    )
    power = (np.abs(spectra) ** 2).mean(0)
    noise = box_mean(power, _SPECTRUM_RADIUS, "wrap") + 1e-9
    _, phases = waves()
    places, seen = _places()
    # An empty place gives 0.
    relative = np.append(np.minimum(power / noise, _MOST_POWER).astype(np.float32), 0)
    n_seen = seen.sum(1)
    scores = (relative[places].sum(1) - n_seen) / np.sqrt(n_seen)
    best = int(scores.argmax())
    score = float(scores[best])
    if score < _READ_FROM:
        return score, None
    scale, angle = _tried()[best]
    level = np.sqrt(noise)
    read: list[tuple[float, NDArray[np.float64]]] = []
    for scales in (-0.5, 0, 0.5):
        for angles in (-0.5, 0, 0.5):
            near = [[scale * (1 + scales * _SCALE_STEP), angle + angles * _ANGLE_STEP]]
            read.append(_read(spectra, level, np.array(near), phases))
    signs = np.reshape(max(read, key=lambda one: one[0])[1], (3, PAYLOAD_BITS)).sum(0)
    return score, read_payload(signs < 0)


def _read(
    spectra: Plane,
    level: NDArray[np.float64],
    near: NDArray[np.float64],
    phases: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64]]:
    """Read the signs at one scale and angle: how well the pilots agree, and the (144,) signs.

    Each block is brought to the shift at which its pilots agree best.
    """
    all_waves, _ = waves()
    places, _ = _placed(near)
    agreement = 0.0
    signs: Plane = np.zeros(len(all_waves) - N_PILOTS)
    for spectrum in spectra:
        values = _limited(np.append(spectrum / level, 0)[places[0]]) * np.exp(-1j * phases)
        shifts = _at_shifts(all_waves[:N_PILOTS], values[:N_PILOTS])
        best = int(shifts.argmax())
        y, x = divmod(best, TILE_PX)
        turned = values * np.exp(2j * np.pi * (all_waves @ (x, y)) / TILE_PX)
        signs += max(0.0, float(shifts[best])) * np.real(turned[N_PILOTS:])
        agreement += float(shifts[best])
    return agreement, signs


def _limited(values: Plane) -> Plane:
    """Bound the amplitudes, so that no few waves decide."""
    return values * np.minimum(1, _MOST_AMPLITUDE / np.maximum(np.abs(values), 1e-9))


def _at_shifts(some: NDArray[np.int64], values: Plane) -> Plane:
    """Correlate with some of the waves at every shift: (waves,) to (tile_px^2,)."""
    spectrum = np.zeros((TILE_PX, TILE_PX), np.complex64)
    spectrum[some[:, 1] % TILE_PX, some[:, 0] % TILE_PX] = values
    shifted: Plane = np.fft.ifft2(spectrum).real * TILE_PX**2
    return shifted.ravel()


def _blocks(length: int) -> list[tuple[int, int]]:
    """Divide a length into overlapping parts of at most the FFT's size."""
    if length <= _FFT:
        return [(0, length)]
    count = -(-2 * (length - _FFT) // _FFT) + 1
    starts = [(length - _FFT) * one // (count - 1) for one in range(count)]
    return [(start, start + _FFT) for start in starts]


def _spectrum(block: NDArray[np.float32]) -> Plane:
    """Transform a block, with its middle as the origin of the phases: (512, 512)."""
    rows, columns = block.shape
    whole = np.zeros((_FFT, _FFT), np.float32)
    whole[:rows, :columns] = block
    return np.fft.fft2(np.roll(whole, (-(rows // 2), -(columns // 2)), (0, 1)))


@cache
def _tried() -> NDArray[np.float64]:
    """Give (tried, 2) scales and angles in radians."""
    count = round(math.log(_LARGEST / _SMALLEST) / _SCALE_STEP)
    below = round(math.log(1 / _SMALLEST) / _SCALE_STEP)
    scales = np.exp(_SCALE_STEP * (np.arange(count) - below))
    angles = _ANGLE_STEP * np.arange(-_N_ANGLES, _N_ANGLES + 1)
    return np.array([(scale, angle) for scale in scales for angle in angles])


@cache
def _places() -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    return _placed(_tried())


def _placed(tried: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Tell where in the spectrum the waves are at each scale and angle: (tried, waves).

    Beyond what pixels can show, the place is one after the last.
    """
    all_waves, _ = waves()
    scales, angles = tried[:, :1], tried[:, 1:]
    across = (all_waves[:, 0] * np.cos(angles) - all_waves[:, 1] * np.sin(angles)) / scales
    down = (all_waves[:, 0] * np.sin(angles) + all_waves[:, 1] * np.cos(angles)) / scales
    seen = np.hypot(across, down) < _HIGHEST * TILE_PX
    bins = _FFT / TILE_PX
    columns = np.rint(across * bins).astype(np.int32) % _FFT
    rows = np.rint(down * bins).astype(np.int32) % _FFT
    return np.where(seen, rows * _FFT + columns, _FFT * _FFT).astype(np.int32), seen
