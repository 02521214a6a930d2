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
from PIL import Image, ImageFilter
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from voice2face.images.sheet import caption_sheet, grid
from voice2face.runtime import face_mark, sheet_mark
from voice2face.runtime.face_mark import mark_faces, score_faces
from voice2face.runtime.mark_finder import Found, find_mark
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.sheet_mark import LUMA, box_mean, mark_sheet, payload_bits, read_payload

MODEL = 0xABCDEF
GOLDEN = Path(__file__).parents[1] / "data" / "mark.json"


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    example = Path(__file__).parents[2] / "examples" / "librispeech-4340.flac"
    return VoiceToFace.load().generate(example, samples=4).faces


@pytest.fixture(scope="module")
def sheet(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(caption_sheet(faces, "a recording"))


def _changed(change: Callable[[Image.Image], Image.Image], pixels: NDArray[np.uint8]):
    return np.asarray(change(Image.fromarray(pixels)))


def _jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=70)
    return Image.open(file)


def test_the_mark_is_faint_and_alike_in_all_channels(
    faces: NDArray[np.uint8], sheet: NDArray[np.uint8]
) -> None:
    marked = [(sheet, mark_sheet(sheet, MODEL), 38, 20)]
    # Of a wave, half a grey level at most is added: its square is 1 / 12 in the mean, and that of
    # the cosines' product 1 / 4, so that 68 waves make 45.1 dB in the mean of many faces.
    marked += [(face, mark_faces(face, 64), 44, 7) for face in faces]
    for plain, with_it, psnr, most in marked:
        change = with_it.astype(float) - plain
        assert 10 * np.log10(255**2 / (change**2).mean()) >= psnr
        assert 0 < np.abs(change).max() < most
        inner = (plain > 20).all(-1) & (plain < 235).all(-1)
        assert (change[inner] == change[inner][:, :1]).all()


@pytest.mark.parametrize(("rows", "strength"), [(300, 2.75), (600, 2.75 / 2**0.5), (3000, 1.2)])
def test_the_mark_of_a_large_sheet_is_weaker(rows: int, strength: float) -> None:
    plain = np.random.default_rng(0).integers(100, 156, (rows, 300), dtype=np.uint8)
    plain = np.stack([plain] * 3, -1)
    added = mark_sheet(plain, MODEL).astype(float) - plain
    rounding = 1 / 12
    assert (added**2).mean() == pytest.approx(strength**2 + rounding, rel=0.02)


def test_a_picture_of_one_colour_stays_as_it_is() -> None:
    plain = np.full((90, 150, 3), 200, np.uint8)
    np.testing.assert_array_equal(mark_sheet(plain, MODEL), plain)
    np.testing.assert_array_equal(mark_faces(plain, 64), plain)


def test_a_sheet_tells_the_model_and_small_faces_say_yes(
    faces: NDArray[np.uint8], sheet: NDArray[np.uint8]
) -> None:
    found = find_mark(mark_sheet(sheet, MODEL))
    assert found.is_marked
    assert found.model == MODEL
    for small in faces:
        assert find_mark(mark_faces(small, 64)).face_score > 10
    # The scores of faces add up, and an empty place of a grid counts for nothing.
    whole = np.asarray(grid(faces[:3], 2))
    assert find_mark(mark_faces(whole, 64)).face_score > 10 * np.sqrt(3)


def test_amplitudes_of_marked_faces_lie_on_the_grid(faces: NDArray[np.uint8]) -> None:
    """Measured by SciPy's DCT. Rounding pixels moves an amplitude by .02 grey levels (RMS)."""
    (u, v), offsets = face_mark.waves()[0].T, face_mark.waves()[1]
    for face in (*faces, *faces.repeat(2, axis=1).repeat(2, axis=2)):
        side = len(face)
        plain, marked = (
            dctn(one @ LUMA, norm="ortho")[v, u] * 2 / side
            for one in (face, mark_faces(face, side))
        )
        away = (marked - offsets + 0.5) % 1 - 0.5
        assert np.abs(away).max() < 0.2  # most where white and black are cut off
        assert np.sqrt((away**2).mean()) < 0.05
        assert np.abs(marked - plain).max() < 0.7


def test_the_offsets_of_pairs_lie_half_a_step_apart() -> None:
    both, offsets = face_mark.waves()
    assert len({tuple(wave) for wave in both}) == len(both) == len(offsets) == 68
    assert both.min() >= 1
    lengths = np.hypot(*both.T)
    assert 2 <= lengths.min() <= lengths.max() <= 10
    np.testing.assert_allclose((offsets[1::2] - offsets[::2]) % 1, 0.5)


def test_the_score_of_a_picture_without_the_mark_has_a_deviation_of_one() -> None:
    """At one contrast, whatever the waves; so the highest of all that is tried is under 5.

    A hundred pictures' deviation has a deviation of 7 %.
    """
    rng = np.random.default_rng(0)
    _, offsets = face_mark.waves()
    (u, v) = face_mark.waves()[0].T
    noise = rng.normal(128, 60, (100, 32, 32))
    values = dctn(noise, axes=(1, 2), norm="ortho")[:, v, u] * 2 / 32
    scores = np.cos(2 * np.pi * (values - offsets)).sum(1) / np.sqrt(68 / 2)
    assert abs(scores.mean()) < 0.3
    assert 0.79 < scores.std() < 1.21
    assert max(map(score_faces, noise)) < 5


def test_grids_of_every_kind_are_searched(faces: NDArray[np.uint8]) -> None:
    strip = np.hstack([mark_faces(face, 64) for face in faces])
    tall = strip.reshape(64, 4, 64, 3).swapaxes(0, 1).reshape(256, 64, 3)
    for picture in (strip, tall, np.vstack([strip] * 16), strip.repeat(2, 0).repeat(2, 1)):
        assert score_faces(picture @ LUMA) > 20
    for picture in (strip[:, 1:], strip[:62], np.vstack([strip] * 17)):
        assert score_faces(picture @ LUMA) < 6
    assert score_faces(strip[:62, :100] @ LUMA) == 0  # no square faces


def test_a_score_grows_with_what_is_tried(faces: NDArray[np.uint8]) -> None:
    """Without the search for contrast and blur, these are not found."""
    face = mark_faces(faces[0], 64) @ LUMA
    assert score_faces(face) == pytest.approx(score_faces(0.8 * face + 20), abs=0.4)
    assert score_faces(face) == pytest.approx(score_faces(1.25 * face - 40), abs=0.4)
    assert score_faces(gaussian_filter(face, 1, mode="reflect")) > 10
    assert score_faces(0.5 * face) < 6


def test_nothing_is_found_without_the_mark(
    faces: NDArray[np.uint8], sheet: NDArray[np.uint8]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for plain in (*faces, sheet, noise, np.zeros((32, 900, 3), np.uint8)):
        found = find_mark(plain)
        assert not found.is_marked
        assert found.sheet_score < 6
        assert found.face_score < 5


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
    assert find_mark(_changed(change, mark_sheet(sheet, MODEL))).model == MODEL


def test_a_small_face_is_found_after_changes(faces: NDArray[np.uint8]) -> None:
    marked = [mark_faces(face, 64) for face in faces]
    for change in (
        _jpeg,
        lambda one: one.resize((128, 128)),
        lambda one: one.resize((32, 32), Image.Resampling.BICUBIC),
        lambda one: one.filter(ImageFilter.GaussianBlur(1)),
    ):
        assert all(find_mark(_changed(change, face)).is_marked for face in marked)


def test_a_mirrored_sheet_is_found_and_tells_no_model(sheet: NDArray[np.uint8]) -> None:
    found = find_mark(mark_sheet(sheet, MODEL)[:, ::-1])
    assert found.is_marked
    assert found.model is None


def test_a_sheet_is_found_at_the_end_of_a_wide_picture() -> None:
    for shape in ((160, 1000, 3), (1000, 180, 3)):
        screen = np.full(shape, 240, np.uint8)
        screen[-150:, -170:] = mark_sheet(example_picture(), MODEL)
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


def test_waves_are_distinct_and_in_their_ring() -> None:
    waves, phases = sheet_mark.waves()
    lengths = np.hypot(*waves.T)
    assert len({tuple(wave) for wave in waves} | {tuple(-wave) for wave in waves}) == 2 * len(waves)
    assert 7 <= lengths.min() <= lengths.max() <= 18
    assert np.abs(waves).min() >= 4
    assert phases.shape == (len(waves),) == (40 + 3 * 48,)


@pytest.mark.parametrize("mode", ["edge", "wrap"])
@pytest.mark.parametrize("radius", [1, 2, 4, 5, 7])
def test_means_of_squares(mode, radius) -> None:
    values = np.arange(72.0).reshape(8, 9) ** 2
    padded = np.pad(values, radius, mode=mode)
    squares = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)
    np.testing.assert_allclose(box_mean(values, radius, mode), squares.mean(axis=(2, 3)))


def test_the_example_for_other_implementations() -> None:
    """The browser's tests mark and search the same pictures; see web/tests/mark.test.js."""
    example = json.loads(GOLDEN.read_text())
    plain = {"sheet": example_picture(150, 170), "faces": example_picture(128, 192)}
    marked = {
        "sheet": mark_sheet(plain["sheet"], example["model"]),
        "faces": mark_faces(plain["faces"], 64),
    }
    for name, picture in marked.items():
        np.testing.assert_array_equal(picture[::7, ::5, 1].ravel(), example[name])
        for which, shown in ((name, picture), (f"plain {name}", plain[name])):
            found = find_mark(shown)
            scores = [found.sheet_score, found.face_score]
            np.testing.assert_allclose(scores, example["scores"][which], atol=0.002)
            assert found.model == (example["model"] if which == "sheet" else None)


def test_black_and_white_are_not_passed() -> None:
    plain = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (64, 64))
    plain = np.stack([plain] * 3, -1)
    for marked in (mark_sheet(plain, 0), mark_faces(plain, 64)):
        assert 0 < np.abs(marked.astype(int) - plain).max() < 30
        assert (marked[plain == 0].min(), marked[plain == 255].max()) == (0, 255)


def test_each_pattern_alone_tells_the_mark_from_its_threshold_on() -> None:
    """The thresholds are those of docs/marks.md."""
    for place, threshold in enumerate((7.0, 5.5)):
        for score, is_marked in ((threshold, True), (threshold - 0.01, False)):
            scores = [0.0, 0.0]
            scores[place] = score
            assert Found(*scores, model=None).is_marked == is_marked
    assert Found(4.0, 0.0, model=0).is_marked


def example_picture(rows: int = 150, columns: int = 170) -> NDArray[np.uint8]:
    """A picture that any language draws alike."""
    y, x = np.mgrid[:rows, :columns]
    value = (x * x // 90 + y * 2 + (x // 12 % 2) * (y // 9 % 2) * 40) % 200 + 20
    return np.stack([value, value // 2 + 30, 255 - value], -1).astype(np.uint8)
