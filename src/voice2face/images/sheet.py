"""Setting faces out for a person to look at: grids, and sheets with a caption."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from voice2face.files import atomic_path

__all__ = ["CAPTION", "caption_sheet", "grid", "save_png"]

CAPTION = "Imagined faces, not a likeness of the speaker."
_MARGIN_PX = 12
_BACKGROUND = (250, 249, 246)
_INK = (40, 40, 40)


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
    faces: NDArray[np.uint8], title: str, columns: int = 4, face_px: int = 256
) -> Image.Image:
    """Set faces out large, with what they are written below.

    Args:
        faces: (faces, size, size, 3) RGB.
        title: What is written beside `CAPTION`, such as the recording's name.
        columns: Faces a row at most.
        face_px: Side of a face on the sheet; smaller faces are enlarged.

    Returns:
        The picture.
    """
    columns = min(columns, len(faces))
    rows = -(-len(faces) // columns)
    side = max(face_px, faces.shape[1])
    font = ImageFont.load_default(size=15)
    text_px = 22
    width = columns * (side + _MARGIN_PX) + _MARGIN_PX
    height = rows * (side + _MARGIN_PX) + 2 * _MARGIN_PX + 2 * text_px
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    for index, face in enumerate(faces):
        row, column = divmod(index, columns)
        left = _MARGIN_PX + column * (side + _MARGIN_PX)
        top = _MARGIN_PX + row * (side + _MARGIN_PX)
        large = Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC)
        sheet.paste(large, (left, top))
    draw = ImageDraw.Draw(sheet)
    top = height - _MARGIN_PX - 2 * text_px
    for line, text in enumerate((title, CAPTION)):
        draw.text((_MARGIN_PX, top + line * text_px), text, font=font, fill=_INK)
    return sheet


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all, with `CAPTION` in its metadata.

    Args:
        picture: The picture.
        path: The file to make.

    Raises:
        OutputError: It cannot be written.
    """
    about = PngImagePlugin.PngInfo()
    about.add_text("Description", CAPTION)
    about.add_text("Software", "voice2face")
    with atomic_path(path) as temporary:
        # The default effort takes several times as long for a tenth less.
        picture.save(
            temporary, format="PNG", pnginfo=about, compress_level=1, compress_type=zlib.Z_RLE
        )
