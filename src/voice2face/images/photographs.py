"""A photograph file to a small square face image."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from voice2face.errors import DataError
from voice2face.images.align import FaceFilter, alignment, share_outside, warp
from voice2face.images.detect import FaceDetector
from voice2face.media import open_bytes

MAX_PIXELS = 80_000_000
_MIN_SIDE_PX = 32

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),  # how some phones write JPEG
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pnm", ".pbm"),
}
_ALL_SUFFIXES = {".gif"}.union(*_SUFFIXES.values())
# Plugins that may look at a file; that of JPEG opens MPO too, and GIF is refused by its name.
_FORMATS = [*(kind for kind in _SUFFIXES if kind != "MPO"), "GIF"]
_PICTURE_FORMATS = ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]
_GIVE = "give JPEG, PNG, WebP, BMP, TIFF or PPM"

# What decoders are seen to raise on damaged files.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    struct.error,
    zlib.error,
)

# EXIF's orientations other than 1, and what brings them upright.
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# JPEG is decoded at a half, a quarter or an eighth where that leaves so many times the size asked
# for: quicker than the resampling of all pixels, and half a grey level off (docs/faces.md).
_DRAFT_MARGIN = 1.5


def read_face(path: Path, size_px: int, crop: float = 1.0) -> NDArray[np.uint8]:
    """Read a photograph of one centred face, that is already aligned.

    Args:
        crop: Share of the shorter side to keep, around the centre, 0 to 1.

    Returns:
        (size, size, 3) uint8 RGB, upright as EXIF says.

    Raises:
        DataError: The file is not an image of a kind that is read, is not what its name says, is
            damaged, or is larger than `MAX_PIXELS`.
    """
    with _opened(path) as image:
        wanted = int(_DRAFT_MARGIN * size_px / crop)
        image.draft(None, (wanted, wanted))
        picture, turn = _rgb(path, image), _turn(image)
        side = min(picture.size) * crop
        left, top = (picture.width - side) / 2, (picture.height - side) / 2
        box = (left, top, left + side, top + side)
        face = picture.resize((size_px, size_px), Image.Resampling.LANCZOS, box=box)
        # A centred square stays one, so the small picture can be turned in place of the large.
        return np.asarray(face if turn is None else face.transpose(turn))


def read_photograph(path: Path) -> NDArray[np.uint8]:
    """Read a whole photograph.

    Returns:
        (rows, columns, 3) uint8 RGB, upright as EXIF says.

    Raises:
        DataError: As `read_face`.
    """
    with _opened(path) as image:
        picture, turn = _rgb(path, image), _turn(image)
        return np.asarray(picture if turn is None else picture.transpose(turn))


def decode_picture(content: bytes, name: str) -> tuple[NDArray[np.uint8], str]:
    """Decode any picture, such as a drawing: of an animation the first frame, on white.

    Args:
        content: The bytes of a PNG, JPEG, WebP, GIF, BMP or TIFF.
        name: How messages call it.

    Returns:
        (rows, columns, 3) uint8 RGB, upright as EXIF says; and its media type.

    Raises:
        DataError: It is no such picture, is damaged, or is smaller than `MIN_SIDE_PX` or larger
            than `MAX_PIXELS`.
    """
    try:
        with _known(io.BytesIO(content), _PICTURE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"{name}: has {image.width:,} x {image.height:,} pixels, {_LIMIT}")
            if min(image.size) < _MIN_SIDE_PX:
                raise DataError(
                    f"{name}: has {image.width} x {image.height} pixels; at least {_MIN_SIDE_PX} "
                    "each way are needed"
                )
            if image.mode[0] in "IF":
                raise DataError(f"{name}: has grey values of mode {image.mode}; give one of 8 bits")
            media_type, turn = Image.MIME[image.format or ""], _turn(image)
            whole = image.convert("RGBA")
            picture = Image.new("RGBA", whole.size, "white")
            picture.alpha_composite(whole)
            upright = picture if turn is None else picture.transpose(turn)
            return np.asarray(upright.convert("RGB")), media_type
    except UnidentifiedImageError:
        what = "is not a picture of a known kind" if content else "is empty (0 bytes)"
        raise DataError(f"{name}: {what}; give PNG, JPEG, WebP, GIF, BMP or TIFF") from None
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise DataError(f"{name}: has over {most:,} pixels, {_LIMIT}") from None
    except _DAMAGE as error:
        raise DataError(f"{name}: damaged picture ({error}); replace it") from None


def aligned_face(
    source: Path | NDArray[np.uint8],
    detector: FaceDetector,
    size_px: int,
    face_filter: FaceFilter | None = None,
    name: str | None = None,
) -> NDArray[np.uint8]:
    """Find the face in a photograph, align it and cut it out.

    Args:
        source: Image file, or (rows, columns, 3) uint8 RGB such as a frame of a video.
        detector: Finds the faces; the first, see `images.detect.best_first`, is taken.
        face_filter: Which faces will do; None stands for `FaceFilter()`.
        name: How messages call the photograph; None stands for its path.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        DataError: As `read_face`; or there is no face, or it does not pass the filter, with what
            was measured.
    """
    image = read_photograph(source) if isinstance(source, Path) else source
    name = name or (str(source) if isinstance(source, Path) else "image")
    faces = detector.detect(image)
    if not faces:
        rows, columns = image.shape[:2]
        raise DataError(f"{name}: no face found by {detector.name} in {columns} x {rows} px")
    landmarks = faces[0].landmarks_px
    matrix = alignment(landmarks, detector.template, size_px)
    outside = share_outside(matrix, size_px, *image.shape[:2])
    problems = (face_filter or FaceFilter()).problems(landmarks, outside)
    if problems:
        raise DataError(f"{name}: face not used: {'; '.join(problems)}")
    return warp(image, matrix, size_px)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file of a kind and size that is read; errors on the way become one family."""
    try:
        with (
            open_bytes(path, str(path), DataError) as file,
            _known(file, _FORMATS) as image,
        ):
            _check(path, image)
            yield image
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        what = "is empty (0 bytes)" if empty else "is not an image of a known kind"
        raise DataError(f"{path}: {what}; {_GIVE}") from None
    except Image.DecompressionBombError:
        raise DataError(
            f"{path}: has over {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, {_LIMIT}"
        ) from None
    except _DAMAGE as error:
        raise DataError(f"{path}: damaged image ({error}); replace or remove it") from None


def _known(file: IO[bytes], kinds: list[str]) -> Image.Image:
    """Open a picture without Pillow's warning of large ones, which are refused with a message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=kinds)


_LIMIT = f"at most {MAX_PIXELS:,} are read; reduce it"


def _check(path: Path, image: Image.Image) -> None:
    """Refuse what is not a photograph, and what is not what its name says."""
    kind, suffix = image.format or "unknown", path.suffix.lower()
    named = suffix in _ALL_SUFFIXES and suffix not in _SUFFIXES.get(kind, (".gif",))
    if named:
        raise DataError(f"{path}: is {kind}, not what {suffix} says; rename or convert it")
    if kind not in _SUFFIXES:
        raise DataError(f"{path}: is {kind}, which is not read; {_GIVE}")
    n_pixels = image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise DataError(
            f"{path}: has {n_pixels:,} pixels ({image.width:,} x {image.height:,}), {_LIMIT}"
        )


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What brings a loaded image upright; Pillow has turned a TIFF when it loaded it."""
    return _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))


def _rgb(path: Path, image: Image.Image) -> Image.Image:
    if image.mode[0] in "IF":
        raise DataError(f"{path}: has grey values of mode {image.mode}; convert it to 8 bits")
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")
