"""The judges of the planted world see what was drawn, on people of another world."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from voice2face.errors import ConfigError
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.judges import (
    CLOSED_FORM_FILE,
    NETWORK_FILE,
    ClosedFormJudge,
    NetworkJudge,
    halved,
    squares,
)
from voice2face.synthetic.latents import FACE_FACTORS, WorldSettings, sample_person

PEOPLE = 120


@pytest.fixture(scope="module")
def world():
    """Two images of each of some people."""
    settings = WorldSettings()
    people = [sample_person(4, number, settings) for number in range(PEOPLE)]
    return people, [photograph(people, [index] * PEOPLE, settings) for index in (0, 1)]


@pytest.fixture(scope="module", params=[ClosedFormJudge, NetworkJudge])
def judge(request):
    return request.param()


def test_estimates_follow_the_truth(judge, world):
    people, (images, _) = world
    truth = np.array([[person.face[name] for name in FACE_FACTORS] for person in people])
    estimates = judge.factors(images)
    assert estimates.shape == truth.shape
    for k, name in enumerate(FACE_FACTORS):
        assert np.corrcoef(estimates[:, k], truth[:, k])[0, 1] > 0.6, name
        others = [abs(np.corrcoef(estimates[:, k], t)[0, 1]) for t in np.delete(truth, k, 1).T]
        assert max(others) < 0.45, name


def test_gender_is_seen(judge, world):
    people, (images, _) = world
    told = judge.gender(images)
    assert np.mean([t == person.gender for t, person in zip(told, people, strict=True)]) > 0.93
    assert judge.classify(images) == {"gender": told}


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_persons_other_image_is_found_among_ten(judge, world, metric):
    _, (first, second) = world
    a, b = judge.embed(first), judge.embed(second)
    if metric == "cosine":
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    distance = np.linalg.norm(a[:, None] - b[None], axis=2)
    groups = [np.arange(at, at + 10) for at in range(0, PEOPLE, 10)]
    right = [row == group[distance[row, group].argmin()] for group in groups for row in group]
    assert np.mean(right) > 0.8


def test_embeddings_do_not_depend_on_the_batch_and_are_float32(judge, world):
    _, (images, _) = world
    whole = judge.embed(images)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(judge.embed(images[3:5]), whole[3:5], atol=1e-3)
    assert judge.embed(images[:0]).shape == (0, whole.shape[1])
    assert judge.gender(images[:0]) == []


def test_what_no_voice_can_tell_of_can_be_left_out(judge, world):
    """People who differ in the face alone are one to the shared embedding, and two to the other."""
    people, _ = world
    settings = WorldSettings(face_nuisance=0)
    others = [
        dataclasses.replace(person, face={**person.face, "skin": 1.5, "hair_colour": -1.0})
        for person in people[:40]
    ]
    pairs = [photograph(who, [0] * 40, settings) for who in (people[:40], others)]
    shared = type(judge)(shared_only=True)
    assert shared.name == f"{judge.name}-shared"
    assert shared.embed(pairs[0]).shape == (40, 7)

    def moved(of: object) -> float:
        before, after = (of.embed(images) for images in pairs)
        between = np.linalg.norm(before[1:] - before[:-1], axis=1).mean()
        return np.linalg.norm(after - before, axis=1).mean() / between

    assert moved(shared) < 0.5 * moved(judge)


def test_faces_of_another_size_are_resampled_and_what_is_no_face_refused(judge, world):
    _, (images, _) = world
    twice = images[:20].repeat(2, axis=1).repeat(2, axis=2)
    expected, found = judge.factors(images[:20]), judge.factors(twice)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.95
    with pytest.raises(ConfigError, match=r"\(2, 32, 64, 3\)"):
        judge.embed(np.zeros((2, 32, 64, 3), np.uint8))


def test_the_shipped_files_are_small():
    assert CLOSED_FORM_FILE.stat().st_size < 1_000_000
    assert NETWORK_FILE.stat().st_size < 1_000_000


def test_halved_and_squares_are_what_they_say():
    faces = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    by_hand = faces[1, 10:12, 20:22, 2].mean() / 255
    assert halved(faces)[1].reshape(32, 32, 3)[5, 10, 2] == pytest.approx(by_hand)
    assert squares(np.array([[2.0, 3.0, 5.0]])).tolist() == [[4, 6, 10, 9, 15, 25]]
