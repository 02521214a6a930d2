"""Writing PNG files: a few lines, as loading Pillow takes a tenth of the time to a picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.files import write_atomically

__all__ = ["CAPTION", "write_png"]

CAPTION = "Imagined faces, not a likeness of the speaker."
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FILTER_AVERAGE = 3  # each byte less the mean of its left and its upper neighbour
_BLOCK_ROWS = 64  # worked on at a time, so that a large sheet takes no more memory than a small one


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a picture as PNG, whole or not at all, with `CAPTION` in its metadata.

    Args:
        pixels: (rows, columns, 3) RGB.
        path: The file to make.

    Raises:
        OutputError: It cannot be written.

    Source:
        Portable Network Graphics Specification, second edition (W3C 2003), sections 5, 7 and 9.
    """
    rows, columns, _ = pixels.shape
    # The default effort takes several times as long for a tenth less.
    compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_RLE)
    blocks = []
    above = np.zeros_like(pixels[:1])
    for top in range(0, rows, _BLOCK_ROWS):
        block = pixels[top : top + _BLOCK_ROWS]
        filtered = np.empty((len(block), 1 + 3 * columns), dtype=np.uint8)
        filtered[:, 0] = _FILTER_AVERAGE
        filtered[:, 1:] = _less_average(np.concatenate([above, block])).reshape(len(block), -1)
        blocks.append(compressor.compress(filtered.tobytes()))
        above = block[-1:]
    blocks.append(compressor.flush())
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = [
        (b"IHDR", header),
        (b"tEXt", b"Description\0" + CAPTION.encode("latin-1")),
        (b"tEXt", b"Software\0voice2face"),
        (b"IDAT", b"".join(blocks)),
        (b"IEND", b""),
    ]
    write_atomically(path, _SIGNATURE + b"".join(_chunk(*one) for one in chunks))


def _less_average(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take from each byte, but the first row's, the mean of its left and its upper neighbour."""
    left = np.zeros_like(pixels[1:])
    left[:, 1:] = pixels[1:, :-1]
    upper = pixels[:-1]
    # The mean in 8 bits: what both have, and half of what only one has.
    mean = (left & upper) + ((left ^ upper) >> np.uint8(1))
    return np.subtract(pixels[1:], mean, dtype=np.uint8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
