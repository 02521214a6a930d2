"""Metadata of pictures, in every kind of file; `exiftool` is the independent reader."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face import __version__
from voice2face.images.sheet import PICTURE_SUFFIXES, encode
from voice2face.runtime.xmp import SOURCE_TYPE, read_xmp, xmp_packet

TOLD = {
    "DigitalSourceType": SOURCE_TYPE,
    "CreatorTool": f"voice2face {__version__}",
    "Model": 'ä "model" <&>',
    "Version": __version__,
    "Seed": "7",
}


@pytest.fixture
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((60, 40))


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_what_is_written_is_read(picture: Image.Image, suffix: str) -> None:
    content = encode([picture, picture], suffix, xmp_packet('ä "model" <&>', 7))
    assert read_xmp(content) == TOLD


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_exiftool_reads_it(picture: Image.Image, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    file.write_bytes(encode([picture, picture], suffix, xmp_packet('ä "model" <&>', 7)))
    told = subprocess.run(
        ["exiftool", "-j", "-G1", "-XMP:all", "-warning", file], capture_output=True, check=True
    )
    (about,) = json.loads(told.stdout)
    read = {name.split(":")[-1]: str(value) for name, value in about.items()}
    assert {name: read.get(name) for name in TOLD} == TOLD
    assert "Warning" not in read


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_the_picture_stays_readable(picture: Image.Image, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    other = Image.eval(picture, lambda value: 255 - value)
    file.write_bytes(encode([picture, other], suffix, xmp_packet("m", 1)))
    with Image.open(file) as read:
        assert read.size == picture.size
        assert getattr(read, "n_frames", 1) == (2 if suffix == ".gif" else 1)
        read.seek(getattr(read, "n_frames", 1) - 1)
        shown = np.asarray(read.convert("RGB")).astype(int)
    expected = np.asarray(other if suffix == ".gif" else picture)
    assert np.abs(shown - expected).mean() < 30


def test_a_seed_that_is_not_known_is_not_told() -> None:
    assert "Seed" not in read_xmp(xmp_packet("m").encode())


def test_a_seed_of_0_is_told() -> None:
    assert read_xmp(xmp_packet("m", 0).encode())["Seed"] == "0"


def test_elements_are_read_like_attributes_and_names_of_others_are_not_taken() -> None:
    content = b"<x:xmpmeta><xmp:CreatorTool>Other 1</xmp:CreatorTool></x:xmpmeta>"
    assert read_xmp(content) == {"CreatorTool": "Other 1"}
    assert read_xmp(b'<x:xmpmeta><a voice2face:Seed="3"/></x:xmpmeta>') == {}


def test_other_quotes_and_several_lines_are_read_of_the_first_packet() -> None:
    content = b"<x:xmpmeta>\n<a xmp:CreatorTool='a \"b\" &lt;'\n/></x:xmpmeta>"
    assert read_xmp(content + xmp_packet("m").encode()) == {"CreatorTool": 'a "b" <'}


def test_a_compressed_packet_of_a_png_is_read() -> None:
    start, packet = b"iTXtXML:com.adobe.xmp\0\1\0\0\0", xmp_packet("m", 3).encode()
    assert read_xmp(start + zlib.compress(packet))["Seed"] == "3"
    # Little may unpack to much: of more than 1 MiB the rest is not read.
    assert read_xmp(start + zlib.compress(b" " * (2 << 20) + packet)) == {}


def test_a_long_value_is_cut() -> None:
    assert read_xmp(xmp_packet("m" * 900).encode())["Model"] == "m" * 500


@pytest.mark.parametrize(
    "content", [b"", b"<x:xmpmeta", b"iTXtXML:com.adobe.xmp\0\1\0", b"<x:xmpmeta>\xff</x:xmpmeta>"]
)
def test_damage_tells_nothing(content: bytes) -> None:
    assert read_xmp(content) == {}
