"""PNG files are read back by Pillow as the pixels that they were made of."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from voice2face.errors import OutputError
from voice2face.images.png import CAPTION, write_png

shapes = array_shapes(min_dims=2, max_dims=2, max_side=9).map(lambda shape: (*shape, 3))


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, shapes, elements=st.integers(0, 255)))
def test_any_picture_comes_back(tmp_path_factory, pixels):
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(pixels, path)
    with Image.open(path) as picture:
        picture.verify()  # checksums
    with Image.open(path) as picture:
        assert picture.mode == "RGB"
        assert picture.info == {"Description": CAPTION, "Software": "voice2face"}
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_a_picture_of_several_blocks_of_rows(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (130, 5, 3)).astype(np.uint8)
    write_png(pixels, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_an_enlarged_face_is_small(tmp_path):
    """The filter does its work: Pillow's file, the best of five filters a row, is not far below."""
    small = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    large = Image.fromarray(small).resize((256, 256), Image.Resampling.BICUBIC)
    write_png(np.asarray(large), tmp_path / "ours.png")
    large.save(tmp_path / "theirs.png", compress_level=1, compress_type=zlib.Z_RLE)
    ours, theirs = ((tmp_path / name).stat().st_size for name in ("ours.png", "theirs.png"))
    assert ours < 1.3 * theirs
    assert ours < 0.8 * 256 * 256 * 3


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_png(np.zeros((2, 2, 3), np.uint8), tmp_path / "file" / "a.png")
