"""Reading photographs: bad files end in one line, good ones keep their pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face.errors import DataError
from voice2face.images.photographs import read_face, read_photograph

BANDS = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [220, 220, 40]], np.uint8)
ORIENTATION = 0x0112


def quarters(size: int = 96) -> Image.Image:
    """Four colours, one a quarter: red and green above, blue and yellow below."""
    half = size // 2
    return Image.fromarray(BANDS.reshape(2, 2, 3).repeat(half, 0).repeat(half, 1))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    header = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 0) + b"IDAT" + b"\0" * 8


def make_bad(kind: str, path: Path) -> None:
    if kind == "zero bytes":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no picture here\n" * 20)
    elif kind == "truncated":
        noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
        Image.fromarray(noise).save(path, "JPEG", quality=95)
        path.write_bytes(path.read_bytes()[:9000])
    elif kind == "gif":
        quarters().save(path, "GIF")
    elif kind == "bomb":
        path.write_bytes(png_header(100_000, 100_000))
    elif kind == "large":
        path.write_bytes(png_header(9_400, 9_400))
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "16 bits":
        Image.fromarray(np.full((64, 64), 40_000, np.uint16)).save(path)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("zero bytes", "a.jpg", r"is empty \(0 bytes\)"),
        ("text", "a.jpg", "not an image of a known kind"),
        ("truncated", "a.jpg", "damaged image .*truncated"),
        ("gif", "a.jpg", "is GIF, not what .jpg says"),
        ("gif", "a.gif", "is GIF, which is not read"),
        ("bomb", "a.png", "over .* pixels, at most 80,000,000"),
        ("large", "a.png", r"88,360,000 pixels \(9,400 x 9,400\), at most 80,000,000"),
        ("folder", "a.jpg", "is a folder"),
        ("loop", "a.jpg", "a.jpg: "),
        ("absent", "a.jpg", "no such file"),
        ("16 bits", "a.png", "mode I;16; convert it to 8 bits"),
    ],
)
@pytest.mark.parametrize("read", [lambda path: read_face(path, 64), read_photograph])
def test_bad_files_are_refused_in_one_line(read, kind, name, message, tmp_path: Path) -> None:
    path = tmp_path / name
    make_bad(kind, path)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_any_damage_is_a_data_error(tmp_path: Path, shared_data: Path) -> None:
    """Bytes overwritten and cut at random: a picture or a DataError, never another exception."""
    rng = np.random.default_rng(5)
    original = next((shared_data / "faces" / "fairface" / "val").glob("*.jpg"))
    contents = {".jpg": original.read_bytes()}
    for suffix in (".png", ".webp", ".bmp", ".tif"):
        path = tmp_path / f"whole{suffix}"
        Image.open(original).resize((48, 48)).save(path)
        contents[suffix] = path.read_bytes()
    n_refused = 0
    for suffix, content in contents.items():
        for turn in range(40):
            damaged = bytearray(content[: rng.integers(1, len(content) + 1)])
            for place in rng.integers(0, len(damaged), 4):
                damaged[place] = rng.integers(256)
            path = tmp_path / f"{turn}{suffix}"
            path.write_bytes(damaged)
            try:
                assert read_face(path, 32).shape == (32, 32, 3)
            except DataError:
                n_refused += 1
    assert n_refused > 50


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_every_mode_becomes_rgb(mode: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    try:
        quarters().convert("RGB").convert(mode).save(path)
    except (OSError, ValueError):
        return  # this kind of file cannot hold that mode
    face = read_face(path, 32)
    assert face.shape == (32, 32, 3)
    assert face.dtype == np.uint8
    expected = np.asarray(quarters().convert(mode).convert("RGB").resize((32, 32)))
    assert np.abs(face[8, 8].astype(int) - expected[8, 8]).max() < 60


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("read", [lambda path: read_face(path, 32), read_photograph])
def test_exif_orientation_is_honoured(read, orientation: int, tmp_path: Path) -> None:
    """The table of the EXIF standard: where row 0 and column 0 are seen."""
    upright = np.asarray(quarters())
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, quality=95, subsampling=0, exif=exif)
    face = read(path).astype(int)
    low, high = len(face) // 4, 3 * len(face) // 4
    seen = face[[low, low, high, high], [low, high, low, high]]
    assert np.abs(seen - BANDS).max() < 12


def test_crop_keeps_the_centre(tmp_path: Path) -> None:
    picture = np.zeros((100, 160, 3), np.uint8)
    picture[15:85, 45:115] = 255
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    assert read_face(path, 20, crop=0.5).min() == 255
    assert read_face(path, 20)[:, 0].max() <= 2


def test_quick_decoding_keeps_the_picture(shared_data: Path) -> None:
    """Within one grey level of Lanczos in floating point from all pixels."""
    errors = []
    for path in sorted((shared_data / "faces" / "fairface" / "val").glob("*.jpg"))[:20]:
        image = read_photograph(path).astype(np.float32)
        bands = [
            Image.fromarray(image[..., band]).resize((64, 64), Image.Resampling.LANCZOS)
            for band in range(3)
        ]
        exact = np.clip(np.stack([np.asarray(band) for band in bands], axis=-1), 0, 255)
        errors.append(np.abs(read_face(path, 64) - exact).mean())
    assert np.mean(errors) < 0.8
    assert max(errors) < 1.5
