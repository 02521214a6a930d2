"""Finding the mark of `mark.py` in a picture, whatever was done to it since: no network, four FFTs.

What of a picture's luminance changes quickly is divided by its own local strength, and so is its
spectrum: of a picture without the mark, noise is left. Then every scale and angle is tried:

- of `SHEET`, by the power where the waves would be, which does not depend on where the picture was
  cut; it is compared with its mean and deviation in noise;
- of `FACE`, by the highest correlation at any shift, over its deviation; and once more where it
  is in a picture that was neither scaled, turned nor cut, which a lower score tells.

web/src/core/mark_finder.js finds the same. benchmarks/marks.py measures both and sets the
thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voice2face.runtime.mark import (
    FACE,
    LUMA,
    N_PILOTS,
    PAYLOAD_BITS,
    SHEET,
    Pattern,
    Plane,
    box_mean,
    read_payload,
)

SHEET_THRESHOLD = 7.0
FACE_THRESHOLD = 6.3
IN_PLACE_THRESHOLD = 5.0
# From this score on the payload is read: where it is right, this is a mark too.
_READ_FROM = 4.0

_FFT = 512
_LARGEST_PX = 2304
_FACE_BLOCK_PX = 96
_HIGHEST = 0.48  # cycles a pixel
_SHEET_SPECTRUM_RADIUS, _FACE_SPECTRUM_RADIUS = 12, 24
_MOST_POWER, _MOST_AMPLITUDE = 6.0, 2.5
_NOISE = 1.5  # grey levels, added to the local strength


@dataclass(frozen=True)
class _Search:
    """Scales and angles that are tried: those of the picture against the one that was marked."""

    first: float
    last: float
    scale_step: float
    angle_step_deg: float
    angles: int

    def tried(self) -> NDArray[np.float64]:
        """Give (tried, 2) scales and angles in radians."""
        count = round(math.log(self.last / self.first) / self.scale_step)
        below = round(math.log(1 / self.first) / self.scale_step)
        scales = np.exp(self.scale_step * (np.arange(count) - below))
        angles = np.deg2rad(self.angle_step_deg) * np.arange(-self.angles, self.angles + 1)
        return np.array([(scale, angle) for scale in scales for angle in angles])


_SHEET_SEARCH = _Search(0.42, 2.4, 0.009, 0.35, 20)
_FACE_SEARCH = _Search(0.48, 2.2, 0.04, 2.0, 3)


@dataclass(frozen=True)
class Found:
    """What was found in a picture.

    Attributes:
        sheet_score: Deviations above noise of the pattern of sheets, at the best scale and angle.
        face_score: That of the pattern of small faces.
        in_place_score: The same, of a picture that was neither scaled, turned nor cut.
        model: Number of the model, 24 bits; None: it cannot be read.
    """

    sheet_score: float
    face_score: float
    in_place_score: float
    model: int | None

    @property
    def is_marked(self) -> bool:
        """Whether the picture carries the mark."""
        return (
            self.model is not None
            or self.sheet_score >= SHEET_THRESHOLD
            or self.face_score >= FACE_THRESHOLD
            or self.in_place_score >= IN_PLACE_THRESHOLD
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
    return Found(sheet_score, *_find_face(fine), model)


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
    noise = box_mean(power, _SHEET_SPECTRUM_RADIUS, "wrap") + 1e-9
    _, phases = SHEET.waves()
    places, seen = _places(SHEET, _SHEET_SEARCH)
    # An empty place gives 0.
    relative = np.append(np.minimum(power / noise, _MOST_POWER).astype(np.float32), 0)
    n_seen = seen.sum(1)
    scores = (relative[places].sum(1) - n_seen) / np.sqrt(n_seen)
    best = int(scores.argmax())
    score = float(scores[best])
    if score < _READ_FROM:
        return score, None
    scale, angle = _SHEET_SEARCH.tried()[best]
    level = np.sqrt(noise)
    read: list[tuple[float, NDArray[np.float64]]] = []
    for scales in (-0.5, 0, 0.5):
        for angles in (-0.5, 0, 0.5):
            near = np.array(
                [
                    [
                        scale * (1 + scales * _SHEET_SEARCH.scale_step),
                        angle + angles * np.deg2rad(_SHEET_SEARCH.angle_step_deg),
                    ]
                ]
            )
            read.append(_read(spectra, level, near, phases))
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
    waves, _ = SHEET.waves()
    places, _ = _placed(SHEET, near)
    agreement = 0.0
    signs: Plane = np.zeros(len(waves) - N_PILOTS)
    for spectrum in spectra:
        values = _limited(np.append(spectrum / level, 0)[places[0]]) * np.exp(-1j * phases)
        shifts = _at_shifts(SHEET, waves[:N_PILOTS], values[None, :N_PILOTS])[0]
        best = int(shifts.argmax())
        y, x = divmod(best, SHEET.tile_px)
        turned = values * np.exp(2j * np.pi * (waves @ (x, y)) / SHEET.tile_px)
        signs += max(0.0, float(shifts[best])) * np.real(turned[N_PILOTS:])
        agreement += float(shifts[best])
    return agreement, signs


def _find_face(fine: NDArray[np.float32]) -> tuple[float, float]:
    """Give the best score in the middle of a picture, and that in place."""
    side = _FACE_BLOCK_PX
    top, left = (max(0, (length - side) // 2) for length in fine.shape)
    spectrum = _spectrum(fine[top : top + side, left : left + side])
    noise = box_mean(np.abs(spectrum) ** 2, _FACE_SPECTRUM_RADIUS, "wrap") + 1e-9
    relative = np.append(_limited(spectrum / np.sqrt(noise)), 0).astype(np.complex64)
    waves, phases = FACE.waves()
    places, seen = _places(FACE, _FACE_SEARCH)
    values = relative[places] * np.exp(-1j * phases).astype(np.complex64)
    deviation = np.sqrt((np.abs(values) ** 2).sum(1) / 2 + 1e-9)
    correlation = _at_shifts(FACE, waves, values)
    # Where most waves are beyond what pixels can show, too few are left to tell.
    scores = np.where(seen.mean(1) > 0.3, correlation.max(1) / deviation, 0)
    same = int(np.flatnonzero((_FACE_SEARCH.tried() == (1, 0)).all(1))[0])
    rows, columns = (min(side, length) for length in fine.shape)
    y, x = (top + rows // 2) % FACE.tile_px, (left + columns // 2) % FACE.tile_px
    at = (-y % FACE.tile_px) * FACE.tile_px + -x % FACE.tile_px
    return float(scores.max()), float(correlation[same, at] / deviation[same])


def _limited(values: Plane) -> Plane:
    """Bound the amplitudes, so that no few waves decide."""
    return values * np.minimum(1, _MOST_AMPLITUDE / np.maximum(np.abs(values), 1e-9))


def _at_shifts(pattern: Pattern, waves: NDArray[np.int64], values: Plane) -> Plane:
    """Correlate with a pattern at every shift: (tried, waves) to (tried, tile_px^2)."""
    side = pattern.tile_px
    spectra = np.zeros((len(values), side * side), np.complex64)
    spectra[:, (waves[:, 1] % side) * side + waves[:, 0] % side] = values
    shifted: Plane = np.fft.ifft2(np.reshape(spectra, (-1, side, side))).real * side**2
    return np.reshape(shifted, (len(values), side * side))


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
def _places(pattern: Pattern, search: _Search) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    return _placed(pattern, search.tried())


def _placed(
    pattern: Pattern, tried: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Tell where in the spectrum the waves are at each scale and angle: (tried, waves).

    Beyond what pixels can show, the place is one after the last.
    """
    waves, _ = pattern.waves()
    scales, angles = tried[:, :1], tried[:, 1:]
    across = (waves[:, 0] * np.cos(angles) - waves[:, 1] * np.sin(angles)) / scales
    down = (waves[:, 0] * np.sin(angles) + waves[:, 1] * np.cos(angles)) / scales
    seen = np.hypot(across, down) < _HIGHEST * pattern.tile_px
    bins = _FFT / pattern.tile_px
    columns = np.rint(across * bins).astype(np.int32) % _FFT
    rows = np.rint(down * bins).astype(np.int32) % _FFT
    return np.where(seen, rows * _FFT + columns, _FFT * _FFT).astype(np.int32), seen
