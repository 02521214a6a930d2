"""Setting faces out for a person to look at: grids, and sheets with a caption; their files."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from voice2face.files import output_file

PICTURE_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".gif": "GIF",
}
CAPTION = "Imagined faces, not a likeness of the speaker."
_MARGIN_PX = 12
# Up to 16 faces stand four a row and large; more make a square of smaller ones.
_COLUMNS = 4
LARGE_PX, SMALL_PX = 256, 128
_BACKGROUND = (250, 249, 246)
_INK = (40, 40, 40)
_QUALITY = 95
_FRAME_MS = 120


def columns_of(count: int) -> int:
    """Faces a row, of so many on a sheet: four, or more where that makes a square."""
    return min(count, max(_COLUMNS, ceil(count**0.5)))


def grid(faces: NDArray[np.uint8], columns: int | None = None) -> Image.Image:
    """Set faces out edge to edge, at their own pixels.

    Args:
        faces: (faces, size, size, 3) RGB.
        columns: Faces a row; None makes the grid about square.

    Returns:
        The picture; unfilled places are black.
    """
    count, size = len(faces), faces.shape[1]
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    tiles = np.zeros((rows * columns, size, size, 3), dtype=np.uint8)
    tiles[:count] = faces
    picture = tiles.reshape(rows, columns, size, size, 3).swapaxes(1, 2)
    return Image.fromarray(picture.reshape(rows * size, columns * size, 3))


def caption_sheet(
    faces: NDArray[np.uint8],
    title: str,
    columns: int | None = None,
    face_px: int | None = None,
) -> Image.Image:
    """Set faces out large, with what they are written below.

    Faces are enlarged by Lanczos' filter, which adds nothing that is not in them.

    Args:
        faces: (faces, size, size, 3) RGB.
        title: What is written above `CAPTION`, such as the recording's name; one line or more. The
            middle of a line that is too long is left out.
        columns: Faces a row at most; None takes `columns_of`.
        face_px: Side of a face on the sheet; smaller faces are enlarged. None takes 256 up to four
            columns, and 128 beyond.
    """
    columns = min(columns or columns_of(len(faces)), len(faces))
    rows = -(-len(faces) // columns)
    side = max(face_px or (LARGE_PX if columns <= _COLUMNS else SMALL_PX), faces.shape[1])
    font = ImageFont.load_default(size=15)
    text_px = 22
    lines = [*title.splitlines(), CAPTION]
    # A single face is narrower than what must be read below it.
    text_width = max(columns * (side + _MARGIN_PX) - _MARGIN_PX, ceil(font.getlength(CAPTION)))
    width = text_width + 2 * _MARGIN_PX
    height = rows * (side + _MARGIN_PX) + 2 * _MARGIN_PX + len(lines) * text_px
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    for index, face in enumerate(faces):
        row, column = divmod(index, columns)
        left = _MARGIN_PX + column * (side + _MARGIN_PX)
        top = _MARGIN_PX + row * (side + _MARGIN_PX)
        large = Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(large, (left, top))
    draw = ImageDraw.Draw(sheet)
    top = height - _MARGIN_PX - len(lines) * text_px
    for line, text in enumerate(lines):
        shown = _shortened(text, lambda one: font.getlength(one) <= text_width)
        draw.text((_MARGIN_PX, top + line * text_px), shown, font=font, fill=_INK)
    return sheet


def _shortened(text: str, fits: Callable[[str], bool]) -> str:
    """Leave out the middle of a text until it fits."""
    kept, short = len(text), text
    while not fits(short) and kept > 2:
        kept -= 1
        short = f"{text[: kept // 2]}...{text[-(kept - kept // 2) :]}"
    return short


def save_png(picture: Image.Image, path: Path | IO[bytes], xmp: str = "") -> None:
    """Write a picture as PNG, whole or not at all, with `CAPTION` in its metadata.

    Args:
        xmp: Further metadata, see `xmp_packet`.

    Raises:
        OutputError: It cannot be written.
    """
    about = PngImagePlugin.PngInfo()
    about.add_text("Description", CAPTION)
    about.add_text("Software", "voice2face")
    if xmp:
        about.add_itxt("XML:com.adobe.xmp", xmp)
    with output_file(path) as file:
        # The default effort takes several times as long for a tenth less.
        picture.save(file, format="PNG", pnginfo=about, compress_level=1, compress_type=zlib.Z_RLE)


def encode(pictures: list[Image.Image], suffix: str, xmp: str) -> bytes:
    """Write a picture as a file of a kind, with metadata.

    Args:
        pictures: The picture; of a GIF, the frames, all of one size.
        suffix: One of `PICTURE_SUFFIXES`.
        xmp: The metadata, see `xmp_packet`.
    """
    file = io.BytesIO()
    kind = PICTURE_SUFFIXES[suffix]
    if kind == "GIF":
        return _gif(pictures, xmp)
    if kind == "PNG":
        save_png(pictures[0], file, xmp)
    else:
        # Colours at full resolution: faces at their own pixels are small.
        fine = {"subsampling": 0} if kind == "JPEG" else {"method": 4}
        pictures[0].save(file, format=kind, quality=_QUALITY, xmp=xmp.encode(), **fine)
    return file.getvalue()


def _gif(pictures: list[Image.Image], xmp: str) -> bytes:
    """Write frames as an animation that starts anew for ever, with `CAPTION` in its comment."""
    # One palette for all, so that what stands still does not flicker.
    width, height = pictures[0].size
    every = Image.new("RGB", (width, height * len(pictures)))
    for index, picture in enumerate(pictures):
        every.paste(picture, (0, index * height))
    palette = every.quantize(256, method=Image.Quantize.MEDIANCUT)
    first, *further = [picture.quantize(palette=palette) for picture in pictures]
    file = io.BytesIO()
    first.save(
        file,
        format="GIF",
        save_all=True,
        append_images=further,
        duration=_FRAME_MS,
        loop=0,
        comment=f"{CAPTION} voice2face",
    )
    content = file.getvalue()
    # After the header, the screen's description and the palette. The end leads readers that take
    # the text for blocks out of it, whichever byte they take for a block's length.
    flags = content[10]
    start = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    ending = bytes([1, *range(255, -1, -1), 0])
    extension = b"\x21\xff\x0bXMP DataXMP" + xmp.encode() + ending
    return content[:start] + extension + content[start:]
