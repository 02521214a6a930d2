"""The noise that follows from the voice: what it is, what stays the same, and what may not."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
from scipy.stats import kstest

from tests.runtime.test_noise import drawn
from tests.runtime.test_random_numbers import reference, reference_normals
from voice2face import VoiceToFace
from voice2face.errors import BundleError
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.card import card_text
from voice2face.runtime.sampling import noise, voice_weights
from voice2face.runtime.voice_noise import VoiceNoise, weights

TURNS = np.linspace(0, 2 * np.pi, 60, endpoint=False)


@pytest.fixture
def mapped(noisy_bundle, tmp_path):
    """A bundle whose noise follows from two numbers of the embedding."""
    folder = shutil.copytree(noisy_bundle, tmp_path / "mapped")
    path = folder / "model.json"
    content = json.loads(path.read_text())
    directions = 6 * np.eye(64)[:2]
    content["voice_noise"] = {
        "woman": [0.0] * 64,
        "man": [0.01] * 64,
        "directions": directions.tolist(),
        "sectors": 3,
    }
    path.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("sectors", [3, 4])
def test_the_formula_of_the_architecture_page(sectors):
    """In plain Python, as a browser would compute it."""
    directions = ((2.0, 1.0, 0.0), (0.0, -1.0, 3.0))
    about = VoiceNoise((0.1, 0.2, 0.0), (0.0, -0.2, 0.3), directions, sectors)
    embedding, p, seed, face, dim = (0.6, 0.0, 0.8), 0.7, 11, 3, 5
    rest = [
        e - p * w - (1 - p) * m for e, w, m in zip(embedding, about.woman, about.man, strict=True)
    ]
    x, y = (sum(a * b for a, b in zip(row, rest, strict=True)) for row in about.directions)
    angle = 2 * math.pi * ((reference(seed, 5, face, 1)[0] >> 11) + 0.5) / 2**53
    x, y = math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y
    first, second = math.tanh(x), math.tanh(y)
    if sectors == 3:
        middles = [(1, 0), (-1 / 2, math.sqrt(3) / 2), (-1 / 2, -math.sqrt(3) / 2)]
        shares = [math.exp(x * a + y * b) for a, b in middles]
        first, second = (
            sum(share * middle[axis] for share, middle in zip(shares, middles, strict=True))
            for axis in (0, 1)
        )
    numbers = reference_normals(seed, 0, face, 2 * dim)
    wanted = [
        (first * numbers[i] + second * numbers[dim + i]) / math.hypot(first, second)
        for i in range(dim)
    ]
    place = about.place(np.array(embedding), p)
    found = noise(seed, [0, face], dim, voice_weights(seed, [0, face], place, sectors))[1]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert about.place(np.array(embedding), None) == pytest.approx(
        (about.place(np.array(embedding), 0.0) + about.place(np.array(embedding), 1.0)) / 2
    )


@pytest.mark.parametrize("sectors", [3, 4])
def test_over_seeds_the_noise_of_any_voice_is_standard_normal(sectors):
    for place in ([0.1, 0.2], [30.0, -2.0], [0.0, 0.0]):
        drawn = [
            noise(seed, [0, 1], 4, voice_weights(seed, [0, 1], np.array(place), sectors))
            for seed in range(800)
        ]
        numbers = np.stack(drawn).reshape(-1, 8)
        assert kstest(numbers.ravel(), "norm").pvalue > 1e-4
        between = np.corrcoef(numbers.T)[np.triu_indices(8, 1)]
        assert abs(between).max() < 4.5 / math.sqrt(800)


@pytest.mark.parametrize("sectors", [3, 4])
def test_near_voices_get_near_weights_and_far_ones_others(sectors):
    place = np.array([3.0, 4.0])
    whole = weights(place, TURNS, sectors)
    assert np.linalg.norm(whole, axis=1) == pytest.approx(1)
    moved = weights(np.array([3.0001, 3.9999]), TURNS, sectors) - whole
    # The greatest slope of a unit vector of steps is that of a voice beside the boundary of two.
    assert np.linalg.norm(moved, axis=1).max() < 5e-4
    cosines = {
        turn: float((whole * weights(turned(place, turn), TURNS, sectors)).sum(axis=1).mean())
        for turn in (0.1, np.pi / 4, 2 * np.pi / sectors, np.pi)
    }
    assert list(cosines.values()) == sorted(cosines.values(), reverse=True)
    assert cosines[0.1] > 0.85
    # A sector further, all faces have the noise of the next sector.
    wanted = math.cos(2 * np.pi / sectors)
    assert cosines[2 * np.pi / sectors] == pytest.approx(wanted, abs=1e-9)
    # Far from the middle, half of the voices that are 45 degrees apart share a sector of 90, and
    # five of eight one of 120.
    far = np.array([300.0, 400.0])
    angles = np.linspace(0, 2 * np.pi, 7200, endpoint=False) + 1e-4
    one, other = (weights(at, angles, sectors) for at in (far, turned(far, np.pi / 4)))
    shared = (one * other).sum(axis=1) > 0.9
    assert shared.mean() == pytest.approx(1 - sectors / 8, abs=0.01)
    none = weights(np.zeros(2), TURNS, sectors)
    np.testing.assert_array_equal(none, np.tile([1.0, 0.0], (60, 1)))


def turned(place: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * place[0] - sin * place[1], sin * place[0] + cos * place[1]])


def test_a_model_whose_noise_follows_from_the_voice(mapped, noisy_bundle, noisy_generator, example):

    model, plain = VoiceToFace.load(mapped), VoiceToFace.load(noisy_bundle)
    man = example.with_name("librispeech-3699.flac")
    for recording in (example, man):
        faces = model.generate(recording, samples=6, seed=4)
        place = model.description.voice_noise.place(faces.embedding, faces.woman_probability)
        of_voice = noise(4, range(6), 5, voice_weights(4, range(6), place, 3))
        wanted = drawn(noisy_generator, faces.embedding, of_voice)
        assert np.abs(faces.faces - wanted).max() < 0.52
        other = plain.generate(recording, samples=6, seed=4).faces
        assert (other != faces.faces).any(axis=(1, 2, 3)).all()
        fewer = model.generate(recording, samples=2, seed=4).faces
        np.testing.assert_allclose(fewer.astype(int), faces.faces[:2], atol=1)
    morph = model.morph(example, man, steps=9, samples=3, seed=6).faces.astype(int)
    for end, recording in ((0, example), (-1, man)):
        wanted = model.generate(recording, samples=3, seed=6).faces
        np.testing.assert_allclose(morph[:, end], wanted, atol=1)
    # Continuous: with eight times the steps, no step is as large as the least of the few.
    fine = model.morph(example, man, steps=64, samples=3, seed=6).faces.astype(int)
    for few, many in zip(morph, fine, strict=True):
        coarse = np.abs(np.diff(few, axis=0)).mean(axis=(1, 2, 3))
        assert np.abs(np.diff(many, axis=0)).mean(axis=(1, 2, 3)).max() < coarse.max() / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"woman": [0.0] * 63}, "voice_noise has vectors of .63, 64. numbers, embedding_dim is 64"),
        ({"directions": [[0.0] * 64]}, "directions is .*give 2 values"),
        ({"directions": [[0.0] * 64, ["x"] * 64]}, r"directions is 'x': give a number"),
        ({"man": 0.5}, r"voice_noise\.man is 0.5: give a list"),
        ({"child": []}, r"voice_noise\.child is unknown"),
    ],
)
def test_damage_is_told(mapped, change, message):
    path = mapped / "model.json"
    content = json.loads(path.read_text())
    content["voice_noise"].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=message) as caught:
        Bundle(mapped)
    assert "\n" not in str(caught.value)


def test_a_model_without_noise_has_none_that_follows(mapped):
    about = Bundle(mapped).description
    assert dataclasses.replace(about, noise_dim=0).conflicts() == [
        "voice_noise is given, and noise_dim is 0: the generator takes none"
    ]


def test_format_3_is_still_read(mapped, noisy_bundle):
    path = mapped / "model.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": 3}))
    wanted = "3, in which two_voices is unknown; voice_noise is unknown"
    with pytest.raises(BundleError, match=f"has format {wanted}"):
        Bundle(mapped)
    for name in ("voice_noise", "two_voices", "redraw", "attention"):
        del content[name]
    path.write_text(json.dumps({**content, "format": 3}))
    assert Bundle(mapped).description == Bundle(noisy_bundle).description


def test_formats_4_and_5_have_four_sectors(mapped, example):
    path = mapped / "model.json"
    content = json.loads(path.read_text())
    content["voice_noise"]["sectors"] = 4
    path.write_text(json.dumps(content))
    wanted = VoiceToFace.load(mapped).generate(example, samples=6, seed=4).faces
    del content["voice_noise"]["sectors"], content["attention"]
    path.write_text(json.dumps({**content, "format": 5}))
    np.testing.assert_array_equal(VoiceToFace.load(mapped).generate(example, 6, 4).faces, wanted)
    content["voice_noise"]["sectors"] = 5
    path.write_text(json.dumps({**content, "format": 5}))
    with pytest.raises(BundleError, match=r"voice_noise.sectors is 5: give 3 or 4"):
        Bundle(mapped)


def test_the_card_says_that_the_link_is_arbitrary(mapped, noisy_bundle):

    said = "the link between a voice and a face is arbitrary"
    assert said in card_text(Bundle(mapped).description)
    assert said not in card_text(Bundle(noisy_bundle).description)
