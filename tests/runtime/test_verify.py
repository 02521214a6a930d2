"""What is said of a picture's origin."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face.errors import DataError
from voice2face.images.sheet import PICTURE_SUFFIXES, encode
from voice2face.runtime.description import DEFAULT_MODEL
from voice2face.runtime.imagined import ImaginedFaces
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.verify import CANNOT_TELL, MADE, PROBABLY, verify
from voice2face.runtime.xmp import xmp_packet


@pytest.fixture(scope="module")
def faces() -> ImaginedFaces:
    example = Path(__file__).parents[2] / "examples" / "librispeech-4340.flac"
    return VoiceToFace.load().generate(example, samples=1, seed=5)


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_saved_picture_is_known_by_all_that_is_in_it(
    faces: ImaginedFaces, tmp_path: Path, suffix: str
) -> None:
    faces.save(tmp_path / f"a{suffix}")
    found = verify(tmp_path / f"a{suffix}")
    assert found.verdict == MADE
    assert found.model == DEFAULT_MODEL
    assert found.metadata["Seed"] == "5"
    assert found.credentials is None
    assert "made by this program" in found.text


def test_without_its_metadata_the_mark_is_enough(faces: ImaginedFaces) -> None:
    for picture in (faces.image, faces.native_image):
        file = io.BytesIO()
        picture.save(file, "PNG")
        found = verify(file.getvalue())
        assert found.metadata == {}
        assert found.verdict == MADE


def test_without_the_mark_metadata_make_it_probable_only(faces: ImaginedFaces) -> None:
    picture = Image.fromarray(faces.faces[0])
    found = verify(encode([picture], ".png", xmp_packet("m")))
    assert found.verdict == PROBABLY
    assert "anybody can write that" in found.text


def test_a_bundle_for_research_may_do_without_the_mark(faces: ImaginedFaces) -> None:
    origin = type(faces.origin)("m", 1, 0, marked=False)
    picture = Image.fromarray(faces.faces[0])
    assert origin.mark_sheet(picture) is picture
    assert verify(origin.face_png(faces.faces[0])).verdict == PROBABLY


def test_of_other_pictures_nothing_is_claimed(faces: ImaginedFaces) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90), dtype=np.uint8)
    for pixels in (faces.faces[0], noise):
        found = verify(encode([Image.fromarray(pixels)], ".png", ""))
        assert found.verdict == CANNOT_TELL
        assert "photograph" not in found.text


def test_another_programs_metadata_do_not_count() -> None:
    packet = xmp_packet().replace("voice2face ", "voice2facelike ")
    picture = Image.effect_noise((64, 64), 50).convert("RGB")
    assert verify(encode([picture], ".jpg", packet)).verdict == CANNOT_TELL


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"text", "not a picture of a known kind"),
        (encode([Image.new("RGB", (31, 90))], ".png", ""), "31 x 90 pixels; at least 32"),
        (encode([Image.effect_noise((90, 90), 9)], ".png", "")[:900], "damaged picture"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"picture: .*{message}"):
        verify(content)
