"""Faces that look broken are generated again, with noise of their own."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from voice2face import VoiceToFace
from voice2face.errors import BundleError
from voice2face.export import export_network
from voice2face.files import sha256
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.bundle_file import ARTIFACT_CRITIC_FILE
from voice2face.runtime.random_numbers import Stream, normals, uniforms
from voice2face.runtime.voice_noise import VoiceNoise

SEED, MOST, THRESHOLD, DIM = 4, 2, -0.02, 5
SAMPLES = 24


class Brightness(torch.nn.Module):
    """Takes bright faces for broken ones."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return faces.mean(dim=(1, 2, 3))


@pytest.fixture(scope="module")
def judged(noisy_bundle, tmp_path_factory):
    """The small model, with a critic."""
    folder = shutil.copytree(noisy_bundle, tmp_path_factory.mktemp("bundles") / "judged")
    path, names = folder / ARTIFACT_CRITIC_FILE, ("faces", "artifact_logit")
    export_network(Brightness(), torch.zeros(2, 3, 16, 16), path, names, {0: "batch"})
    about = json.loads((folder / "model.json").read_text())
    about["files"][ARTIFACT_CRITIC_FILE] = sha256(path)
    about["redraw"] = {"threshold": THRESHOLD, "most": MOST}
    (folder / "model.json").write_text(json.dumps(about))
    return folder


@pytest.fixture
def man(example):
    return example.with_name("librispeech-3699.flac")


def candidates(generator, embedding, noises) -> tuple[np.ndarray, np.ndarray]:
    """Faces of one sample, 0 to 255 and not rounded, and their logits, by torch."""
    voices = torch.from_numpy(np.repeat(embedding[None], len(noises), axis=0))
    with torch.no_grad():
        faces = generator(voices, torch.from_numpy(np.float32(noises)))
    return 127.5 * (faces.permute(0, 2, 3, 1).numpy() + 1), faces.mean(dim=(1, 2, 3)).numpy()


def chosen(logits: np.ndarray) -> int:
    """The first that is not broken, or else the least broken of all."""
    fine = np.flatnonzero(logits <= THRESHOLD)
    return int(fine[0]) if len(fine) else int(logits.argmin())


def test_a_broken_face_is_drawn_again_and_the_least_broken_is_shown(
    judged, noisy_bundle, noisy_generator, example
):
    model = VoiceToFace.load(judged)
    faces = model.generate(example, SAMPLES, SEED)
    first = VoiceToFace.load(noisy_bundle).generate(example, SAMPLES, SEED).faces
    used = []
    for index, face in enumerate(faces.faces):
        noises = normals(SEED, Stream.NOISE, [index], (MOST + 1) * DIM).reshape(-1, DIM)
        wanted, logits = candidates(noisy_generator, faces.embedding, noises)
        used.append((chosen(logits), (logits <= THRESHOLD).any()))
        assert np.abs(face - wanted[chosen(logits)]).max() < 0.55
        assert np.abs(first[index] - wanted[0]).max() < 0.55
    # All that can happen did.
    assert {number for number, _ in used} == {0, 1, 2}
    assert {fine for _, fine in used} == {False, True}
    assert faces.redrawn == sum(number > 0 for number, _ in used)


def test_a_face_does_not_depend_on_those_beside_it(judged, example):
    model = VoiceToFace.load(judged)
    many = model.generate(example, SAMPLES, SEED).faces
    few = model.generate(example, 3, SEED).faces
    np.testing.assert_allclose(few.astype(int), many[:3], atol=1)
    assert (model.imagine(model.read(example).features.log_mel, 3, SEED) == few).all()


def test_noise_that_follows_from_the_voice_is_new_too(
    judged, noisy_generator, example, monkeypatch
):
    model = VoiceToFace.load(judged)
    n, random = 64, np.random.default_rng(3)
    vectors = [tuple(vector) for vector in random.normal(size=(4, n)).tolist()]
    mapped = VoiceNoise((0.0,) * n, (0.0,) * n, (vectors[2], vectors[3]))
    described = dataclasses.replace(model.description, voice_noise=mapped)
    monkeypatch.setattr(model._bundle, "description", described)
    faces = model.generate(example, 8, SEED)
    place = np.array([vectors[2], vectors[3]]) @ faces.embedding
    for index, face in enumerate(faces.faces):
        angle = 2 * np.pi * uniforms(SEED, Stream.ANGLE, [index], 1)[0, 0]
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        weights = np.tanh(turn @ place)
        weights /= np.linalg.norm(weights)
        both = normals(SEED, Stream.NOISE, [index], (MOST + 1) * 2 * DIM).reshape(-1, 2, DIM)
        wanted, logits = candidates(noisy_generator, faces.embedding, weights @ both)
        assert np.abs(face - wanted[chosen(logits)]).max() < 0.55


def test_a_morph_begins_and_ends_with_the_faces_of_generate(judged, example, man):
    model = VoiceToFace.load(judged)
    ways = model.morph(example, man, steps=5, samples=12, seed=SEED).faces.astype(int)
    ends = [model.generate(one, 12, SEED).faces.astype(int) for one in (example, man)]
    for end, wanted in zip((0, -1), ends, strict=True):
        np.testing.assert_allclose(ways[:, end], wanted, atol=1)
    # No step is far from its neighbours, where other noise at once would be.
    whole = np.abs(ways[:, 0] - ways[:, -1]).mean(axis=(1, 2, 3))
    steps = np.abs(np.diff(ways, axis=1)).mean(axis=(2, 3, 4)).max(axis=1)
    assert (steps < 0.5 * whole).all()


def test_a_bundle_of_format_4_never_draws_again(judged, noisy_bundle, example, tmp_path):
    folder = shutil.copytree(judged, tmp_path / "old")
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**about, "format": 4}))
    with pytest.raises(BundleError, match="has format 4, in which redraw is unknown"):
        Bundle(folder)
    del about["redraw"], about["attention"], about["files"][ARTIFACT_CRITIC_FILE]
    (folder / "model.json").write_text(json.dumps({**about, "format": 4}))
    old, new = (VoiceToFace.load(one).generate(example, 8, SEED) for one in (folder, noisy_bundle))
    np.testing.assert_array_equal(old.faces, new.faces)


def test_what_does_not_go_together(judged):
    about = Bundle(judged).description
    assert dataclasses.replace(about, redraw=None).conflicts() == [
        "redraw and artifact_critic.onnx in files come together"
    ]
    assert dataclasses.replace(about, noise_dim=0).conflicts() == [
        "redraw is given, and noise_dim is 0: a face has no other noise"
    ]
