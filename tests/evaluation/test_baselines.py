"""Baselines on stores so small, or so simple, that their faces are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.evaluation.baselines import (
    EigenfaceRidge,
    GenderMean,
    MeanFace,
    NearestVoices,
    RidgeMatcher,
    make_baselines,
)
from voice2face.evaluation.interfaces import Baseline, DirectMatcher
from voice2face.evaluation.ridge import fit_ridge
from voice2face.evaluation.voice_features import log_mel_statistics

SIZE = 6


def store_of(voices: dict[str, list], faces: dict[str, list], images: np.ndarray) -> Store:
    return Store(
        folder=Path("tiny"),
        card={},
        voices=voices,
        faces=faces,
        log_mels=np.zeros((0, 64), np.float16),
        images=images,
    )


@pytest.fixture
def tiny() -> Store:
    """Two women and a man to train on, of faces of one grey each; a man's voice to test."""
    names = ["ann", "bea", "carl"]
    greys = [10, 30, 50, 200, 90, 255]  # the last is of the test split
    return store_of(
        {
            "identity": [*names, "carl", "dan", "eve"],
            "gender": ["female", "female", "male", "male", "male", None],
            "split": ["train"] * 4 + ["test"] * 2,
        },
        {
            "identity": ["ann", "ann", "bea", "carl", "carl", "dan"],
            "gender": ["female"] * 3 + ["male"] * 3,
            "split": ["train"] * 5 + ["test"],
        },
        np.repeat(np.array(greys, np.uint8), SIZE * SIZE * 3).reshape(6, SIZE, SIZE, 3),
    )


def heard(store: Store, voice_rows) -> np.ndarray:
    """Two numbers a recording, as if an encoder gave them."""
    table = np.array([[5.0, 1.0], [4.0, 0.5], [-4.0, -1.0], [-6.0, -1.1], [-5.0, -1.0], [6.0, 1.2]])
    return table[np.asarray(voice_rows)]


def test_mean_faces_are_of_the_training_split(tiny):
    mean, gender = MeanFace(), GenderMean()
    for baseline in (mean, gender):
        baseline.fit(tiny, "identity")
    np.testing.assert_array_equal(mean.generate(tiny, [4, 0], 2, 0), 76)  # of 10, 30, 50, 200, 90
    faces = gender.generate(tiny, [0, 4, 5], 3, seed=9)
    assert faces.shape == (3, 3, SIZE, SIZE, 3)
    # Women 10, 30, 50; men 200, 90; gender not known: all.
    assert [int(one) for one in faces[:, 0, 0, 0, 0]] == [30, 145, 76]
    assert (faces == faces[:, :1, :1, :1, :1]).all()
    assert gender.note.startswith("1 of 3 recordings tell no gender (female, male)")


def test_the_mean_of_a_gender_that_is_not_told_is_refused(tiny):
    """It would be the mean face of all under another name."""
    for told, words in (([None] * 6, "has none"), (["male", None] * 3, "has only male")):
        faces = {**tiny.faces, "gender": told}
        with pytest.raises(DataError, match=words):
            GenderMean().fit(store_of(tiny.voices, faces, tiny.images), "identity")
    gender = GenderMean()
    gender.fit(tiny, "identity")
    with pytest.raises(DataError, match="no recording tells one of female, male"):
        gender.generate(tiny, [5], 1, seed=0)


def test_nearest_voices_bring_their_own_faces_or_those_of_their_gender(tiny):
    baseline = NearestVoices(heard, k=1)
    baseline.fit(tiny, "identity")
    assert [int(one) for one in baseline.generate(tiny, [4, 0], 1, 0)[:, 0, 0, 0, 0]] == [145, 20]
    both = NearestVoices(heard, k=2)
    both.fit(tiny, "identity")
    # Ann's faces, 10 and 30, have the mean 20; Bea's is 50.
    assert int(both.generate(tiny, [5], 1, 0)[0, 0, 0, 0, 0]) == 35
    baseline.fit(tiny, "gender")
    assert [int(one) for one in baseline.generate(tiny, [4, 0], 1, 0)[:, 0, 0, 0, 0]] == [145, 30]


@pytest.mark.parametrize("noise", [0.3, 1, 5, 10])
def test_ridge_equals_scikit_learn_and_its_strength_is_the_best_by_refitting(noise):
    random = np.random.default_rng(0)
    x, groups = random.normal(size=(40, 6)) * [1, 2, 3, 4, 5, 6] + 3, np.arange(40) // 4
    y = x[:, :2] @ random.normal(size=(2, 3)) + noise * random.normal(size=(40, 3))
    found = fit_ridge(x, y, groups)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    reference = SklearnRidge(alpha=found.strength).fit(standard, y)
    np.testing.assert_allclose(found.weights.T, reference.coef_, rtol=1e-8)
    np.testing.assert_allclose(found.offset + found.deviations(x), reference.predict(standard))

    def left_out_error(strength: float) -> float:
        errors = []
        for own in (groups == group for group in range(10)):
            refitted = SklearnRidge(alpha=strength).fit(standard[~own], y[~own])
            errors.append(((refitted.predict(standard[own]) - y[own]) ** 2).mean())
        return np.mean(errors)

    # Of those that are tried, a factor of the root of 10 apart, from a thousandth of the number of
    # rows (the sum of squares of a standardised input) to a thousand times it.
    tried = 40 * np.logspace(-3, 3, 13)
    assert found.strength == pytest.approx(min(tried, key=left_out_error))


def test_ridge_takes_more_inputs_than_rows_and_knows_when_there_is_nothing_to_learn():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(30, 200)), random.normal(size=(30, 4))
    nothing = fit_ridge(x, y, np.arange(30))
    assert np.abs(nothing.deviations(x)).mean() < 0.2 * np.abs(y).mean()
    learned = fit_ridge(x, x[:, :4] + x[:, 4:8], np.arange(30) // 2)
    reference = SklearnRidge(alpha=learned.strength).fit(
        (x - x.mean(axis=0)) / x.std(axis=0), x[:, :4] + x[:, 4:8]
    )
    np.testing.assert_allclose(learned.weights.T, reference.coef_, atol=1e-9)
    with pytest.raises(DataError, match="two speakers or more"):
        fit_ridge(x, y, np.zeros(30))


@pytest.fixture(scope="module")
def planted() -> tuple[Store, np.ndarray]:
    """Voices A u + noise and faces B u + noise of 120 people, 80 to train on; and the voices."""
    random = np.random.default_rng(0)
    n, n_voices, n_faces = 120, 4, 3
    latent = random.normal(size=(n, 3))
    voices = np.repeat(latent @ random.normal(size=(3, 10)), n_voices, axis=0)
    voices = voices + 0.3 * random.normal(size=voices.shape)
    faces = np.repeat(latent @ random.normal(size=(3, SIZE * SIZE * 3)), n_faces, axis=0)
    faces = 128 + 15 * faces + 10 * random.normal(size=faces.shape)
    images = np.clip(faces, 0, 255).astype(np.uint8).reshape(-1, SIZE, SIZE, 3)

    def columns(each: int) -> dict[str, list]:
        people = np.repeat(np.arange(n), each)
        return {
            "identity": [f"p{one:03}" for one in people],
            "gender": ["female" if one % 2 else "male" for one in people],
            "split": ["train" if one < 80 else "test" for one in people],
        }

    return store_of(columns(n_voices), columns(n_faces), images), voices


class Pixels:
    name = "pixels"

    def embed(self, faces: np.ndarray) -> np.ndarray:
        return faces.reshape(len(faces), -1).astype(np.float32) - 128


def test_what_is_planted_is_found_in_people_never_heard(planted):
    store, voices = planted

    def features(_: Store, rows) -> np.ndarray:
        return voices[np.asarray(rows)]

    test = [row for row, split in enumerate(store.voices["split"]) if split == "test"]
    people = sorted({store.voices["identity"][row] for row in test})
    owner = np.array(store.faces["identity"])
    true = np.stack([store.images[owner == one].mean(axis=0).ravel() for one in people])
    asked = np.array([people.index(store.voices["identity"][row]) for row in test])
    errors, rank_one = {}, {}
    for baseline in (MeanFace(), GenderMean(), NearestVoices(features), EigenfaceRidge(features)):
        baseline.fit(store, "identity")
        drawn = baseline.generate(store, test, 1, 0).reshape(len(test), -1).astype(float)
        errors[baseline.name] = ((drawn - true[asked]) ** 2).mean()
        distance = ((drawn[:, None] - true[None]) ** 2).sum(axis=2)
        rank_one[baseline.name] = (distance.argmin(axis=1) == asked).mean()
    assert errors[EigenfaceRidge.name] < 0.3 * errors[MeanFace.name]
    assert errors[NearestVoices.name] < 0.7 * errors[MeanFace.name]
    assert rank_one[EigenfaceRidge.name] > 0.6
    assert rank_one[MeanFace.name] == pytest.approx(1 / 40)
    judge = Pixels()
    matcher = RidgeMatcher(features)
    matcher.fit(store, "identity", judge)
    placed = matcher.embed_voices(store, test, judge)
    likeness = placed @ (judge.embed(true) / np.linalg.norm(judge.embed(true), axis=1)[:, None]).T
    assert (likeness.argmax(axis=1) == asked).mean() > 0.6


def test_shuffled_identities_leave_nothing_to_learn(planted):
    store, voices = planted
    shuffled = voices.reshape(120, 4, -1)[np.random.default_rng(5).permutation(120)].reshape(
        480, -1
    )
    baseline = EigenfaceRidge(lambda _, rows: shuffled[np.asarray(rows)])
    baseline.fit(store, "identity")
    drawn = baseline.generate(store, range(480), 1, 0).astype(float)
    assert drawn.std(axis=0).mean() < 0.2 * store.images.std(axis=0).mean()


def test_all_baselines_keep_to_the_interface(tiny):
    made = make_baselines(heard)
    assert len({one.name for one in made}) == 4
    assert isinstance(RidgeMatcher(), DirectMatcher)
    for baseline in made:
        assert isinstance(baseline, Baseline)
        baseline.fit(tiny, "gender")
        faces = baseline.generate(tiny, np.array([4, 5]), 2, seed=1)
        assert faces.shape == (2, 2, SIZE, SIZE, 3)
        assert faces.dtype == np.uint8
    with pytest.raises(DataError, match="no faces in the split 'train'"):
        MeanFace().fit(store_of(tiny.voices, {"split": ["test"] * 6}, tiny.images), "identity")


def test_voices_are_described_by_statistics():
    random = np.random.default_rng(0)
    slow = np.repeat(random.normal(size=(150, 64)), 4, axis=0)
    fast = random.normal(size=(300, 64))
    log_mels = np.concatenate([slow, fast]).astype(np.float16)
    store = Store(
        folder=Path("noise"),
        card={},
        voices={"start": [0, 600], "frames": [600, 300]},
        faces={},
        log_mels=log_mels,
        images=np.zeros((0, SIZE, SIZE, 3), np.uint8),
    )
    found = log_mel_statistics(store, [0, 1])
    n_pairs = 32 * 31 // 2
    assert found.shape == (2, n_pairs + 4 * 32)
    bands = log_mels[600:].astype(float).reshape(300, 32, 2).mean(axis=2)
    np.testing.assert_allclose(
        found[1, :n_pairs], np.corrcoef(bands.T)[np.triu_indices(32, 1)], atol=1e-3
    )
    after_one, after_four = found[:, n_pairs : n_pairs + 32], found[:, n_pairs + 32 : n_pairs + 64]
    # Held for 4 frames: three in four are as the one before, none as the fourth before.
    np.testing.assert_allclose(after_one.mean(axis=1), [0.75, 0], atol=0.05)
    np.testing.assert_allclose(after_four.mean(axis=1), 0, atol=0.05)
