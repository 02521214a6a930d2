"""The imperceptible mark: faint waves of known directions and lengths, added to every picture.

A pattern is a sum of plane waves that repeats every tile, so that a part of a picture holds it
too. Where the waves lie in the spectrum tells how a picture was scaled and turned; their phases
tell that they are this program's. Two patterns:

- `SHEET`, of pictures with faces of 128 px and more: 40 waves of known phase, and 144 whose sign
  carries `PAYLOAD_BITS`, three times each.
- `FACE`, of smaller faces at their own pixels: all phases are known, and it says yes or no.

`mark_finder.py` finds them; web/src/core/mark.js adds the same.

Source:
    Waves as a template for registration: Pereira and Pun, *Robust template matching for affine
    resistant image watermarks*, IEEE Transactions on Image Processing 9(6), 2000. A payload spread
    over many carriers: Cox et al., *Secure spread spectrum watermarking for multimedia*, 1997.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice2face.runtime.random_numbers import Stream, uniforms

# Real or complex; the stubs of NumPy lose the type in arithmetic.
Plane: TypeAlias = NDArray[Any]

FAMILY = 1
PAYLOAD_BITS = 48
N_PILOTS = 40
SMALLEST_SHEET_FACE_PX = 128
LUMA = np.array([0.299, 0.587, 0.114])
# Root of the mean square of what is added to sheets and to faces, in grey levels: 39 and 38 dB.
_SHEET_STRENGTH, _FACE_STRENGTH = 2.75, 3.0
_SEED = 0x76326600
# Activity, in grey levels, from which the mark is there at all, and at which it is twice as strong.
_FLAT, _BUSY = 0.1, 3.0


@dataclass(frozen=True)
class Pattern:
    """Waves that repeat every tile.

    Attributes:
        index: Number of its random numbers.
        tile_px: Side of a tile.
        shortest: Of a wave, in waves a tile; `longest` too.
        least: Waves a tile along each axis, at least: edges of pictures lie along the axes.
        count: Waves, at most.
    """

    index: int
    tile_px: int
    shortest: int
    longest: int
    least: int
    count: int

    def waves(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give the (waves, 2) waves a tile along x and y, and their (waves,) phases."""
        reach = range(-self.longest, self.longest + 1)
        ring = [
            (x, y)
            for y in reach
            for x in range(self.least, self.longest + 1)
            if abs(y) >= self.least and self.shortest**2 <= x * x + y * y <= self.longest**2
        ]
        order, phases = uniforms(
            _SEED, Stream.MARK, [2 * self.index, 2 * self.index + 1], len(ring)
        )
        chosen = np.array(ring)[np.argsort(order)[: self.count]]
        return chosen, 2 * np.pi * phases[: len(chosen)]


SHEET = Pattern(0, 128, shortest=7, longest=18, least=4, count=N_PILOTS + 3 * PAYLOAD_BITS)
FACE = Pattern(1, 64, shortest=11, longest=27, least=2, count=768)


def payload_bits(model: int) -> NDArray[np.bool_]:
    """Write the family of marks and a model's number, 24 bits, with a checksum: (48,)."""
    content = FAMILY.to_bytes(1, "big") + model.to_bytes(3, "big")
    content += binascii.crc_hqx(content, 0).to_bytes(2, "big")
    return np.unpackbits(np.frombuffer(content, np.uint8)).astype(bool)


def read_payload(bits: NDArray[np.bool_]) -> int | None:
    """Read a model's number from (48,) bits; None where the checksum or the family is wrong."""
    content = np.packbits(bits).tobytes()
    rest = binascii.crc_hqx(content, 0)
    return int.from_bytes(content[1:4], "big") if rest == 0 and content[0] == FAMILY else None


def mark_picture(pixels: NDArray[np.uint8], face_px: int, model: int) -> NDArray[np.uint8]:
    """Add the mark to a picture of generated faces.

    It is stronger where much goes on, and absent where nothing does; all channels change alike.

    Args:
        pixels: (rows, columns, 3) RGB.
        face_px: Side of a face in the picture.
        model: Number of the model, 24 bits.
    """
    is_sheet = face_px >= SMALLEST_SHEET_FACE_PX
    tile = _tile(SHEET, model) if is_sheet else _tile(FACE, 0)
    strength = _SHEET_STRENGTH if is_sheet else _FACE_STRENGTH
    luma: Plane = pixels.astype(np.float32) @ LUMA.astype(np.float32)
    activity: Plane = box_mean(np.abs(luma - box_mean(luma, 2)), 4)
    there: Plane = np.minimum(activity / _FLAT, 1)
    added: Plane = there * (1 + np.minimum(activity / _BUSY, 1))
    rows, columns = luma.shape
    side = len(tile)
    added *= np.tile(tile, (-(-rows // side), -(-columns // side)))[:rows, :columns]
    power = there.sum(dtype=np.float64) / max(np.square(added).sum(dtype=np.float64), 1e-9)
    added *= float(strength * np.sqrt(power))
    whole: NDArray[np.int16] = pixels + np.rint(added).astype(np.int16)[..., None]
    return whole.clip(0, 255, out=whole).astype(np.uint8)


def box_mean(values: Plane, radius: int, mode: Literal["edge", "wrap"] = "edge") -> Plane:
    """Average over squares of 2 radius + 1; beyond the border as `np.pad` says."""
    size = 2 * radius + 1
    sums: Plane = _sums_of_rows(np.pad(values, radius, mode=mode), size)
    means: Plane = _sums_of_rows(np.transpose(sums), size) / size**2
    return np.transpose(means)


def _sums_of_rows(values: Plane, count: int) -> Plane:
    """Add up every so many rows on end, an odd number: of 1, 2, 4 ... rows, those that make it."""
    n_sums, total, width = len(values) - count + 1, values, 1
    while 2 * width <= count:
        values = values[:-width] + values[width:]
        width *= 2
        if count & width:
            done = count & (width - 1)
            total = total[:n_sums] + values[done : done + n_sums]
    return total


@cache
def _tile(pattern: Pattern, model: int) -> NDArray[np.float32]:
    """Draw one tile of a pattern, of mean 0 and mean square 1."""
    waves, phases = pattern.waves()
    if pattern is SHEET:
        signs = np.tile(payload_bits(model), 3)
        phases = np.concatenate([phases[:N_PILOTS], phases[N_PILOTS:] + np.pi * signs])
    side = pattern.tile_px
    spectrum = np.zeros((side, side), complex)
    spectrum[waves[:, 1] % side, waves[:, 0] % side] = np.exp(1j * phases)
    tile = np.fft.ifft2(spectrum).real * side**2 / np.sqrt(len(waves) / 2)
    return tile.astype(np.float32)
