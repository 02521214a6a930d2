"""The imperceptible mark: what is added, and that it is found again and not elsewhere."""

from __future__ import annotations

import binascii
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from voice2face.images.sheet import caption_sheet, grid
from voice2face.runtime.mark import FACE, SHEET, box_mean, mark_picture, payload_bits, read_payload
from voice2face.runtime.mark_finder import Found, find_mark
from voice2face.runtime.pipeline import VoiceToFace

MODEL = 0xABCDEF
GOLDEN = Path(__file__).parents[1] / "data" / "mark.json"


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    example = Path(__file__).parents[2] / "examples" / "librispeech-4340.flac"
    return VoiceToFace.load().generate(example, samples=4).faces


@pytest.fixture(scope="module")
def sheet(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(caption_sheet(faces[:2], "a recording"))


def _changed(change: Callable[[Image.Image], Image.Image], pixels: NDArray[np.uint8]):
    return np.asarray(change(Image.fromarray(pixels)))


def _jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=70)
    return Image.open(file)


def test_the_mark_is_faint_and_alike_in_all_channels(
    faces: NDArray[np.uint8], sheet: NDArray[np.uint8]
) -> None:
    for plain, face_px in ((sheet, 256), *((face, 64) for face in faces)):
        change = mark_picture(plain, face_px, MODEL).astype(float) - plain
        assert 10 * np.log10(255**2 / (change**2).mean()) >= 38
        assert np.abs(change).max() < 20
        inner = (plain > 20).all(-1) & (plain < 235).all(-1)
        assert (change[inner] == change[inner][:, :1]).all()


def test_a_picture_of_one_colour_stays_as_it_is() -> None:
    plain = np.full((90, 150, 3), 200, np.uint8)
    np.testing.assert_array_equal(mark_picture(plain, 256, MODEL), plain)


def test_a_sheet_tells_the_model_and_small_faces_say_yes(
    faces: NDArray[np.uint8], sheet: NDArray[np.uint8]
) -> None:
    found = find_mark(mark_picture(sheet, 256, MODEL))
    assert found.is_marked
    assert found.model == MODEL
    for small in (*faces, np.asarray(grid(faces, 4))):
        found = find_mark(mark_picture(small, 64, MODEL))
        assert found.in_place_score == found.face_score > 8
        assert found.is_marked


def test_nothing_is_found_without_the_mark(
    faces: NDArray[np.uint8], sheet: NDArray[np.uint8]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for plain in (*faces, sheet, noise, np.zeros((32, 900, 3), np.uint8)):
        found = find_mark(plain)
        assert not found.is_marked
        assert found.sheet_score < 6
        assert found.face_score < 6


@pytest.mark.parametrize(
    "change",
    [
        _jpeg,
        lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
        lambda picture: picture.resize((picture.width * 2, picture.height * 2)),
        lambda picture: picture.crop((40, 30, 40 + int(picture.width * 0.7), 260)),
        lambda picture: picture.rotate(5, Image.Resampling.BICUBIC),
        lambda picture: picture.point(lambda value: value * 0.7 + 20),
    ],
    ids=["JPEG 70", "half", "double", "crop", "rotation", "brightness"],
)
def test_the_model_is_read_after_changes_of_a_sheet(
    sheet: NDArray[np.uint8], change: Callable[[Image.Image], Image.Image]
) -> None:
    assert find_mark(_changed(change, mark_picture(sheet, 256, MODEL))).model == MODEL


def test_a_small_face_is_found_after_changes(faces: NDArray[np.uint8]) -> None:
    marked = [mark_picture(face, 64, 0) for face in faces]
    for change in (
        _jpeg,
        lambda one: one.resize((128, 128)),
        lambda one: one.rotate(5, Image.Resampling.BICUBIC),
    ):
        assert all(find_mark(_changed(change, face)).is_marked for face in marked)


def test_a_mirrored_sheet_is_found_and_tells_no_model(sheet: NDArray[np.uint8]) -> None:
    found = find_mark(mark_picture(sheet, 256, MODEL)[:, ::-1])
    assert found.is_marked
    assert found.model is None


def test_a_sheet_is_found_at_the_end_of_a_wide_picture() -> None:
    for shape in ((160, 1000, 3), (1000, 180, 3)):
        screen = np.full(shape, 240, np.uint8)
        screen[-150:, -170:] = mark_picture(example_picture(), 256, MODEL)
        assert find_mark(screen).model == MODEL


def test_of_a_large_picture_the_middle_is_looked_at() -> None:
    large = np.random.default_rng(0).integers(0, 256, (40, 2404, 3), dtype=np.uint8)
    assert find_mark(large) == find_mark(large[:, 50:-50])
    large = large.transpose(1, 0, 2)
    assert find_mark(large) == find_mark(large[50:-50])


@pytest.mark.parametrize("model", [0, 1, 0xFFFFFF])
def test_a_payload_is_read_as_it_was_written(model: int) -> None:
    bits = payload_bits(model)
    assert len(bits) == 48
    assert read_payload(bits) == model
    for place in range(48):
        wrong = bits.copy()
        wrong[place] ^= True
        assert read_payload(wrong) is None


def test_a_payload_of_another_family_is_not_read() -> None:
    content = b"\x02\0\0\x07"
    content += binascii.crc_hqx(content, 0).to_bytes(2, "big")
    assert read_payload(np.unpackbits(np.frombuffer(content, np.uint8)).astype(bool)) is None


@pytest.mark.parametrize("pattern", [SHEET, FACE])
def test_waves_are_distinct_and_in_their_ring(pattern) -> None:
    waves, phases = pattern.waves()
    lengths = np.hypot(*waves.T)
    assert len({tuple(wave) for wave in waves} | {tuple(-wave) for wave in waves}) == 2 * len(waves)
    assert pattern.shortest <= lengths.min() <= lengths.max() <= pattern.longest
    assert phases.shape == (len(waves),)
    assert len(waves) == pattern.count


@pytest.mark.parametrize("mode", ["edge", "wrap"])
@pytest.mark.parametrize("radius", [1, 2, 4, 5, 7])
def test_means_of_squares(mode, radius) -> None:
    values = np.arange(72.0).reshape(8, 9) ** 2
    padded = np.pad(values, radius, mode=mode)
    squares = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)
    np.testing.assert_allclose(box_mean(values, radius, mode), squares.mean(axis=(2, 3)))


def test_the_example_for_other_implementations() -> None:
    """The browser's tests mark and search the same picture; see web/tests/mark.test.js."""
    example = json.loads(GOLDEN.read_text())
    plain = example_picture()
    pictures = {"plain": plain}
    for name, face_px in (("sheet", 256), ("face", 64)):
        pictures[name] = mark_picture(plain, face_px, example["model"])
        np.testing.assert_array_equal(pictures[name][::7, ::5, 1].ravel(), example[name])
    for name, picture in pictures.items():
        found = find_mark(picture)
        scores = [found.sheet_score, found.face_score, found.in_place_score]
        np.testing.assert_allclose(scores, example["scores"][name], atol=0.002)
        assert found.model == (example["model"] if name == "sheet" else None)


def test_a_picture_of_faces_of_128_px_is_a_sheet() -> None:
    plain = example_picture()
    marked = {size: mark_picture(plain, size, MODEL) for size in (64, 127, 128, 256)}
    np.testing.assert_array_equal(marked[128], marked[256])
    np.testing.assert_array_equal(marked[127], marked[64])


def test_black_and_white_are_not_passed() -> None:
    plain = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (64, 64))
    plain = np.stack([plain] * 3, -1)
    marked = mark_picture(plain, 64, 0)
    assert np.abs(marked.astype(int) - plain).max() < 30
    assert (marked[plain == 0].min(), marked[plain == 255].max()) == (0, 255)


def test_each_pattern_alone_tells_the_mark_from_its_threshold_on() -> None:
    """The thresholds are those of docs/marks.md."""
    for place, threshold in enumerate((7.0, 6.3, 5.0)):
        for score, is_marked in ((threshold, True), (threshold - 0.01, False)):
            scores = [0.0, 0.0, 0.0]
            scores[place] = score
            assert Found(*scores, model=None).is_marked == is_marked
    assert Found(4.0, 0.0, 0.0, model=0).is_marked


def example_picture() -> NDArray[np.uint8]:
    """A picture of (150, 170) px that any language draws alike."""
    y, x = np.mgrid[:150, :170]
    value = (x * x // 90 + y * 2 + (x // 12 % 2) * (y // 9 % 2) * 40) % 200 + 20
    return np.stack([value, value // 2 + 30, 255 - value], -1).astype(np.uint8)
