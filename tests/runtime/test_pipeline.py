"""The pipeline: deterministic, the same from file and stream, and true to the networks."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

import voice2face
from voice2face import VoiceToFace
from voice2face.audio.log_mel import repeat_to_length
from voice2face.errors import ConfigError, RecordingError
from voice2face.images.pixels import to_pixels
from voice2face.images.sheet import CAPTION, caption_sheet, grid, save_png
from voice2face.runtime.face_mark import mark_faces
from voice2face.runtime.imagined import ImaginedFaces
from voice2face.runtime.random_numbers import Stream, uniforms
from voice2face.runtime.reading import read_features
from voice2face.runtime.sampler import Sampler
from voice2face.runtime.speech import embed_voice


@pytest.fixture(scope="module")
def model(bundle) -> VoiceToFace:
    return VoiceToFace.load(bundle)


def test_faces_are_what_the_torch_networks_draw(model, networks, example):
    """From the spectrogram on, the published path in torch, line by line."""
    encoder, generator = networks
    faces = model.generate(example, samples=1)
    log_mel = repeat_to_length(read_features(example, model.description.front_end).log_mel, 1000)
    with torch.no_grad():
        embedding = encoder(torch.from_numpy(log_mel.T[None]))
        embedding = torch.nn.functional.normalize(embedding, dim=1)
        image = generator(embedding).clamp(-1, 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(faces.embedding, embedding[0].numpy(), atol=1e-5)
    difference = faces.faces[0] - 127.5 * (image + 1)
    assert np.abs(difference).max() < 0.51
    assert faces.faces[0].std() > 5


def test_same_seed_same_faces(model, example):
    one, other = (model.generate(example, samples=6, seed=3) for _ in range(2))
    assert one.faces.tobytes() == other.faces.tobytes()
    assert one.image.tobytes() == other.image.tobytes()
    another = model.generate(example, samples=6, seed=4)
    np.testing.assert_array_equal(one.faces[0], another.faces[0])  # the voice's own
    for index in range(1, 6):
        assert (one.faces[index] != another.faces[index]).any()
        assert (one.faces[index] != one.faces[0]).any()


def test_a_face_does_not_depend_on_how_many_are_asked_for(model, example):
    many = model.generate(example, samples=9, seed=1).faces
    few = model.generate(example, samples=2, seed=1).faces
    np.testing.assert_allclose(many[:2].astype(int), few, atol=1)


def test_further_faces_are_of_stretches_of_the_speech(bundle, networks, example, tmp_path):
    """Without noise, a sample is the face of just the frames of its stretch; noise has its size."""
    folder = shutil.copytree(bundle, tmp_path / "quiet")
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, "jitter": 0.0}))
    quiet = VoiceToFace.load(folder)
    log_mel = read_features(example, quiet.description.front_end).log_mel
    faces = quiet.generate(example, samples=3, seed=8).faces
    encoder, generator = networks
    for index in (1, 2):
        start = int(uniforms(8, Stream.CROP, [index], 1)[0, 0] * len(log_mel))
        frames = np.take(log_mel, range(start, start + 150), axis=0, mode="wrap")
        with torch.no_grad():
            voice = torch.nn.functional.normalize(encoder(torch.from_numpy(frames.T[None].copy())))
            image = generator(voice).clamp(-1, 1)[0].permute(1, 2, 0).numpy()
        assert np.abs(faces[index] - 127.5 * (image + 1)).max() < 0.51
    noisy = VoiceToFace.load(bundle)

    def heard(one: VoiceToFace, seed: int) -> np.ndarray:
        bundle = one._bundle
        return Sampler(bundle, seed, 1.0).conditions(embed_voice(bundle, "", log_mel), [1])

    cosines = [(heard(noisy, n) @ heard(quiet, n).T).item() for n in range(200)]
    assert np.mean(cosines) == pytest.approx(1 / np.sqrt(1 + 63 * 0.05**2), abs=0.01)


@pytest.mark.parametrize(("setting", "value"), [
    ("samples", 0), ("samples", 65), ("samples", -1), ("seed", -1), ("first_s", 0.0),
    ("first_s", float("nan")),
])  # fmt: skip
def test_settings_out_of_range(model, example, setting, value):
    with pytest.raises(ConfigError, match=setting.removesuffix("_s")):
        model.generate(example, **{setting: value})


def test_pixels():
    faces = np.array([-3.0, -1, 0, 1, 3], dtype=np.float32)
    faces = np.broadcast_to(faces[None, None, None], (1, 3, 5, 5))
    assert to_pixels(faces, "fixed")[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]
    dim = np.stack([faces[0] * 0 + 0.1, np.clip(faces[0], -0.5, 0.25)])
    stretched = to_pixels(dim, "stretched")
    assert (stretched[0] == 0).all()
    assert stretched[1, 0, :, 0].tolist() == [0, 0, 170, 255, 255]
    # Channel c of the network is channel c of the picture.
    coloured = np.full((1, 3, 2, 2), -1, np.float32)
    coloured[0, 0] = 1
    assert to_pixels(coloured, "fixed")[0, 0, 0].tolist() == [255, 0, 0]


def test_sheet_shows_every_face_large_with_its_caption():
    random = np.random.default_rng(0)
    faces = np.kron(random.integers(0, 256, (6, 8, 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    sheet = np.asarray(caption_sheet(faces, "a title"))
    assert sheet.shape[1] == 4 * (256 + 12) + 12
    for index, face in enumerate(faces):
        row, column = divmod(index, 4)
        top, left = 12 + row * 268, 12 + column * 268
        shown = sheet[top : top + 256, left : left + 256].reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert pearsonr(shown.ravel(), face.ravel())[0] > 0.97
    without = np.asarray(caption_sheet(faces, "another title"))
    assert (sheet[-60:] != without[-60:]).any()
    assert "not a likeness" in CAPTION


def test_many_faces_make_a_square():
    shape = {
        n: caption_sheet(np.zeros((n, 8, 8, 3), np.uint8), "a").size for n in (1, 4, 16, 17, 64)
    }
    text = 12 + 2 * 22 + 12
    assert shape[4] == (4 * 268 + 12, 268 + text)
    assert shape[16] == (4 * 268 + 12, 4 * 268 + text)
    assert shape[17] == (5 * 140 + 12, 4 * 140 + text)
    assert shape[64] == (8 * 140 + 12, 8 * 140 + text)
    faces = ImaginedFaces("a", np.arange(64 * 48, dtype=np.uint8).reshape(64, 4, 4, 3),
                          np.zeros(4, np.float32), 1.0, 1.0)  # fmt: skip
    assert faces.native_image.size == (32, 32)
    assert faces.image.size == shape[64]


def test_faces_are_enlarged_by_lanczos_filter():
    """Of an edge from 50 to 200, against the kernel sinc(x) sinc(x / 3) summed by hand."""
    face = np.full((1, 8, 8, 3), 50, np.uint8)
    face[:, :, 4:] = 200
    sheet = np.asarray(caption_sheet(face, "a", face_px=64)).astype(float)[12 + 32, 12 : 12 + 64, 0]
    centres = (np.arange(64) + 0.5) / 8 - 0.5
    x = centres[:, None] - np.arange(8)
    kernel = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    wanted = kernel @ face[0, 0, :, 0].astype(float) / kernel.sum(axis=1)
    np.testing.assert_allclose(sheet, wanted, atol=1.01)


def test_what_stands_below_a_single_face_is_whole():
    """Whatever the title, the right margin stays empty, and the caption is the same."""
    face = np.full((1, 8, 8, 3), 90, np.uint8)
    sheets = [np.asarray(caption_sheet(face, "x" * n)) for n in (1, 30, 400)]
    assert len({sheet.shape for sheet in sheets}) == 1
    for sheet in sheets:
        assert (sheet[268:, -12:] == sheet[0, 0]).all()
        np.testing.assert_array_equal(sheet[-34:], sheets[0][-34:])
        assert (sheet[268 + 12 : -34] != sheet[0, 0]).any()


def test_native_pixels_are_those_of_the_faces_but_for_the_mark(model, example):
    faces = model.generate(example, samples=3)
    picture = np.asarray(faces.native_image)
    assert picture.shape == (64, 3 * 64, 3)
    np.testing.assert_array_equal(picture, mark_faces(np.hstack(list(faces.faces)), 64))
    uneven = np.asarray(grid(faces.faces, columns=2))
    assert uneven.shape == (128, 128, 3)
    assert (uneven[64:, 64:] == 0).all()


def test_package_gives_its_public_names():
    assert voice2face.VoiceToFace is VoiceToFace
    assert voice2face.MorphedFaces.__name__ == "MorphedFaces"
    assert set(voice2face.__all__) <= {
        *dir(voice2face),
        "ImaginedFaces",
        "MorphedFaces",
        "VoiceToFace",
    }
    with pytest.raises(AttributeError, match="no attribute 'VoiceToMoney'"):
        voice2face.VoiceToMoney  # noqa: B018


def test_an_open_file_is_read_like_its_path(model, example):
    with example.open("rb") as file:
        file.seek(100)
        opened = model.generate(file, samples=2)
        assert not file.closed
    in_memory = model.listen(io.BytesIO(example.read_bytes()))
    from_path = model.generate(example, samples=2)
    assert opened.faces.tobytes() == from_path.faces.tobytes()
    assert opened.recording == from_path.recording == str(example)
    assert in_memory.embedding.tobytes() == from_path.embedding.tobytes()
    assert in_memory.recording == "recording"
    with pytest.raises(RecordingError, match=r"^recording: not a recording"):
        model.listen(io.BytesIO(b"hello"))


def test_a_picture_can_be_written_into_an_open_file(model, example, tmp_path):
    picture, file = model.generate(example, samples=1).image, io.BytesIO()
    save_png(picture, file)
    save_png(picture, tmp_path / "a.png")
    assert file.getvalue() == (tmp_path / "a.png").read_bytes()
