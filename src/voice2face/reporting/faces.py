"""Grids of faces with captions: from the sheets of a run, and as picture files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from voice2face.errors import DataError
from voice2face.reporting.elements import FaceGrid, FaceRow, Missing, Tile
from voice2face.reporting.runs import Run

_MOST_TIMES = 32
_MOST_VOICES, _TIMES_A_VOICE = 4, 8
_COLUMNS = 8
_FACE_PX, _GAP_PX, _MARGIN_PX = 128, 10, 16
_FONT_PX, _LINE_PX = 13, 17
_PAPER, _INK, _FRAME = (255, 255, 255), (34, 34, 34), (190, 190, 190)
# The page shows faces no larger; larger ones would only make it heavy.
_PAGE_PX = 96
_JPEG_QUALITY = 88


def sheet_over_time(run: Run, number: int) -> FaceGrid | Missing:
    """Show how the faces for fixed voices change during training.

    One voice at up to 32 times, then further voices at up to 8. `number` is the run's on the page.
    """
    title = f"Faces during training: {run.name}"
    if not run.sheets:
        return Missing(title, "The run has written no sheet of faces yet.")
    when = [images for images, _ in run.sheets]
    many, few = spread(when, _MOST_TIMES), spread(when, _TIMES_A_VOICE)
    wanted = {*many, *few}
    sheets = {images: _read_sheet(run, path) for images, path in run.sheets if images in wanted}
    rows = [
        FaceRow(
            "One voice, from left to right and top to bottom",
            tuple(Tile(_when(run, images), sheets[images][0]) for images in many),
        )
    ]
    n_voices = min(len(sheet) for sheet in sheets.values())
    for voice in spread(list(range(1, n_voices)), _MOST_VOICES):
        tiles = tuple(Tile(_when(run, images), sheets[images][voice]) for images in few)
        rows.append(FaceRow(f"Voice {voice + 1} of the sheet", tiles))
    caption = (
        "The same recordings each time. There is noise first, then an oval with eyes and mouth, "
        "then skin, hair and light. If all voices get the same face, the generator ignores the "
        "voice. If faces keep changing, training is unstable."
    )
    return FaceGrid(f"faces_over_epochs_{number}", title, caption, tuple(rows))


def latest_sheet(run: Run, number: int) -> FaceGrid | Missing:
    """Show up to 32 faces of the last sheet. `number` is the run's on the page."""
    title = f"Latest faces: {run.name}"
    if not run.sheets:
        return Missing(title, "The run has written no sheet of faces yet.")
    images, path = run.sheets[-1]
    faces = _read_sheet(run, path)[:32]
    tiles = tuple(Tile(f"voice {n}", face) for n, face in enumerate(faces, start=1))
    return FaceGrid(
        f"latest_faces_{number}",
        title,
        f"Faces for {len(tiles)} voices after {_when(run, images)}. Different voices should get "
        "different faces.",
        (FaceRow("", tiles),),
    )


def face_jpeg(face: NDArray[np.uint8]) -> bytes:
    """Encode a face for the page, at most 96 px; a quarter of the size of PNG."""
    picture = Image.fromarray(face)
    picture.thumbnail((_PAGE_PX, _PAGE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def draw_faces(grid: FaceGrid) -> Image.Image:
    """Draw a grid as one picture, with title and captions."""
    font = _font()
    columns = min(_COLUMNS, max(len(row.tiles) for row in grid.rows))
    side = _FACE_PX + _GAP_PX
    width = max(columns * side - _GAP_PX, 420) + 2 * _MARGIN_PX
    text_width = width - 2 * _MARGIN_PX
    # Each line of faces, its heading, and how many lines its longest caption takes.
    bands: list[tuple[list[str], Sequence[Tile], int]] = []
    for row in grid.rows:
        for first in range(0, len(row.tiles), columns):
            tiles = row.tiles[first : first + columns]
            heading = wrap(row.label, font, text_width) if first == 0 else []
            captions = [tile.caption for tile in tiles if tile.face is not None]
            n_lines = max((len(wrap(text, font, _FACE_PX)) for text in captions), default=0)
            bands.append((heading, tiles, n_lines))
    title = wrap(grid.title, font, text_width)
    n_text_lines = len(title) + sum(len(heading) + n_lines for heading, _, n_lines in bands)
    height = 2 * _MARGIN_PX + _LINE_PX * n_text_lines + len(bands) * (side + 4)
    picture = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(picture)
    top = _write(pen, font, title, _MARGIN_PX, _MARGIN_PX) + 4
    for heading, tiles, n_lines in bands:
        top = _write(pen, font, heading, _MARGIN_PX, top) + 4
        for column, tile in enumerate(tiles):
            _draw_tile(picture, font, tile, _MARGIN_PX + column * side, top)
        top += _FACE_PX + n_lines * _LINE_PX + _GAP_PX
    return picture


def made_here(path: Path) -> bool:
    """Tell by a picture's metadata whether this program made it."""
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == "voice2face"
    except (OSError, ValueError, SyntaxError):
        return False


def wrap(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    """Break text into lines, between words, and within those that are too long."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width_px:
            lines[-1] = f"{lines[-1]} {word}"
            continue
        rest = word
        while len(rest) > 1 and font.getlength(rest) > width_px:
            n = next(
                (n for n in range(len(rest) - 1, 1, -1) if font.getlength(rest[:n]) <= width_px), 1
            )
            lines.append(rest[:n])
            rest = rest[n:]
        lines.append(rest)
    return lines


def _draw_tile(
    picture: Image.Image, font: ImageFont.FreeTypeFont, tile: Tile, left: int, top: int
) -> None:
    pen = ImageDraw.Draw(picture)
    box = (left, top, left + _FACE_PX - 1, top + _FACE_PX - 1)
    if tile.face is None:
        pen.rectangle(box, outline=_FRAME)
        lines = wrap(tile.caption, font, _FACE_PX - 12)[: (_FACE_PX - 8) // _LINE_PX]
        _write(pen, font, lines, left + 6, top + 5)
        return
    face = Image.fromarray(tile.face).resize((_FACE_PX, _FACE_PX), Image.Resampling.BICUBIC)
    picture.paste(face, (left, top))
    if tile.framed:
        pen.rectangle(box, outline=_INK, width=2)
    _write(pen, font, wrap(tile.caption, font, _FACE_PX), left, top + _FACE_PX + 2)


def _write(
    pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, lines: list[str], left: int, top: int
) -> int:
    """Write lines, and tell where the next would go."""
    for line in lines:
        pen.text((left, top), line, font=font, fill=_INK)
        top += _LINE_PX
    return top


def _font() -> ImageFont.FreeTypeFont:
    """The font of the plots, which has more alphabets than Pillow's own."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), _FONT_PX)


def _read_sheet(run: Run, path: Path) -> NDArray[np.uint8]:
    """Cut a sheet into its faces, row by row, (faces, size, size, 3)."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: cannot be read as a picture ({error})") from None
    height, width = pixels.shape[:2]
    size = run.image_size_px or width // _COLUMNS
    if not size or height % size or width % size:
        raise DataError(f"{path}: is {width} x {height} px, which faces of {size} px do not fill")
    tiles = pixels.reshape(height // size, size, width // size, size, 3).swapaxes(1, 2)
    return tiles.reshape(-1, size, size, 3)


def _when(run: Run, images: int) -> str:
    epochs = run.epochs(np.array([images], dtype=np.float64))
    return f"{images:,} images" if epochs is None else f"epoch {epochs[0]:.1f}"


def spread(items: Sequence[int], most: int) -> list[int]:
    """Choose at most so many items, the first and the last among them, evenly."""
    if len(items) <= most:
        return list(items)
    return [items[round(n * (len(items) - 1) / (most - 1))] for n in range(most)]
