"""The imperceptible mark of sheets: faint waves of known directions and lengths, added to them.

The pattern is a sum of plane waves that repeats every tile, so that a part of a sheet holds it too.
Where the waves lie in the spectrum tells how a picture was scaled and turned; the phases of 40
pilots where it was cut; and the signs of 144 more carry `PAYLOAD_BITS`, three times each.

`mark_finder.py` finds it; web/src/core/sheet_mark.js adds the same. Faces at their own pixels have
the mark of `face_mark.py`.

Source:
    Waves as a template for registration: Pereira and Pun, *Robust template matching for affine
    resistant image watermarks*, IEEE Transactions on Image Processing 9(6), 2000. A payload spread
    over many carriers: Cox et al., *Secure spread spectrum watermarking for multimedia*, 1997.
"""

from __future__ import annotations

import binascii
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
TILE_PX = 128
LUMA = np.array([0.299, 0.587, 0.114])
SEED = 0x76326600
# Waves a tile: the shortest and longest, and the least along each axis.
_SHORTEST, _LONGEST, _LEAST = 7, 18, 4
# Root of the mean square of what is added, in grey levels: 39 to 46 dB. A larger sheet holds more
# of the pattern, and needs less of it: 2.75 for one face of 256 px with its margins, 1.4 for four.
_STRENGTH, _LEAST_STRENGTH, _ONE_FACE_PX = 2.75, 1.2, 300**2
# Activity, in grey levels, from which the mark is there at all, and at which it is twice as strong.
_FLAT, _BUSY = 0.1, 3.0


@cache
def waves() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the (waves, 2) waves a tile along x and y, and their (waves,) phases."""
    reach = range(-_LONGEST, _LONGEST + 1)
    # Edges of pictures lie along the axes.
    ring = [
        (x, y)
        for y in reach
        for x in range(_LEAST, _LONGEST + 1)
        if abs(y) >= _LEAST and _SHORTEST**2 <= x * x + y * y <= _LONGEST**2
    ]
    order, phases = uniforms(SEED, Stream.MARK, [0, 1], len(ring))
    chosen = np.array(ring)[np.argsort(order)[: N_PILOTS + 3 * PAYLOAD_BITS]]
    return chosen, 2 * np.pi * phases[: len(chosen)]


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


def mark_sheet(pixels: NDArray[np.uint8], model: int) -> NDArray[np.uint8]:
    """Add the mark to a sheet with faces of 128 px and more.

    It is stronger where much goes on, and absent where nothing does; all channels change alike.

    Args:
        pixels: (rows, columns, 3) RGB.
        model: Number of the model, 24 bits.
    """
    tile = _tile(model)
    luma: Plane = pixels.astype(np.float32) @ LUMA.astype(np.float32)
    activity: Plane = box_mean(np.abs(luma - box_mean(luma, 2)), 4)
    there: Plane = np.minimum(activity / _FLAT, 1)
    added: Plane = there * (1 + np.minimum(activity / _BUSY, 1))
    rows, columns = luma.shape
    added *= np.tile(tile, (-(-rows // TILE_PX), -(-columns // TILE_PX)))[:rows, :columns]
    power = there.sum(dtype=np.float64) / max(np.square(added).sum(dtype=np.float64), 1e-9)
    strength = max(_STRENGTH * np.sqrt(min(1, _ONE_FACE_PX / luma.size)), _LEAST_STRENGTH)
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
def _tile(model: int) -> NDArray[np.float32]:
    """Draw one tile of the pattern, of mean 0 and mean square 1."""
    all_waves, phases = waves()
    signs = np.tile(payload_bits(model), 3)
    phases = np.concatenate([phases[:N_PILOTS], phases[N_PILOTS:] + np.pi * signs])
    spectrum = np.zeros((TILE_PX, TILE_PX), complex)
    spectrum[all_waves[:, 1] % TILE_PX, all_waves[:, 0] % TILE_PX] = np.exp(1j * phases)
    tile = np.fft.ifft2(spectrum).real * TILE_PX**2 / np.sqrt(len(all_waves) / 2)
    return tile.astype(np.float32)
