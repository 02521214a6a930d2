"""Image quality and VGGFace score: values as the plain functions give, resamples as loops do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from voice2face.evaluation.estimates import Subgroups
from voice2face.evaluation.face_sets import FaceSet
from voice2face.evaluation.quality_estimates import (
    frechet_of_grams,
    quality_estimates,
)
from voice2face.evaluation.vggface import vggface_estimates
from voice2face.metrics import retrieval as metrics
from voice2face.metrics.image_quality import (
    frechet_distance,
    kernel_distance,
    nearest_distances,
)

N_PEOPLE = 30
NOBODY = np.zeros((0, 1))


def face_set(n_each: int, dim: int, seed: int, shift: float = 0.0) -> FaceSet:
    """Some faces of each person, those of one person alike."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(N_PEOPLE), n_each)
    features = random.normal(shift, size=(N_PEOPLE, dim))[person]
    features = features + random.normal(size=(len(person), dim))
    return FaceSet.create(features, person, N_PEOPLE, seed)


def everybody_and(*parts: list[int]) -> Subgroups:
    masks = [np.isin(np.arange(N_PEOPLE), part) for part in parts]
    names = tuple(f"part {number}" for number in range(len(parts)))
    return Subgroups(("everybody", *names), np.stack([np.ones(N_PEOPLE, bool), *masks]))


def told(figures, group="everybody"):
    return {figure.name: figure for figure in figures if figure.group == group}


def test_values_are_those_of_the_plain_functions_and_intervals_hold_them():
    drawn, real, training = face_set(4, 6, 0), face_set(3, 6, 1), face_set(5, 6, 2).features
    subgroups = everybody_and(list(range(10)), [0, 1])
    figures = quality_estimates(drawn, real, training, subgroups)
    whole = told(figures)
    x, y = drawn.features, real.features
    expected = {
        "Fréchet distance": frechet_distance(x, y),
        "diversity": pdist(x).mean(),
        "nearest training face": np.median(nearest_distances(x, training)),
    }
    for name, value in expected.items():
        assert whole[name].value == pytest.approx(value)
    part = told(figures, "part 0")
    assert part["kernel distance"].value == pytest.approx(kernel_distance(x[:40], y[:30]))
    assert part["diversity"].value == pytest.approx(pdist(x[:40]).mean())
    assert "Fréchet distance" not in part
    assert not told(figures, "part 1")  # six real faces are too few
    for figure in figures:
        assert figure.low <= figure.value <= figure.high, figure.name
    assert "repeats faces" in whole["Fréchet distance"].note


def test_drawing_people_anew_is_what_a_loop_over_repeated_people_gives():
    drawn, real = face_set(2, 4, 3), face_set(3, 4, 4)
    random = np.random.default_rng(5)
    weights = random.multinomial(N_PEOPLE, np.full(N_PEOPLE, 1 / N_PEOPLE), size=1)
    one = FaceSet(drawn.features, drawn.person, weights.astype(np.float32))
    other = FaceSet(real.features, real.person, weights[:, ::-1].astype(np.float32))
    # With one resample, both ends of an interval are its figure.
    figures = told(quality_estimates(one, other, NOBODY, everybody_and()))
    v, w = weights[0][drawn.person], weights[0][::-1][real.person]
    x, y = drawn.features, real.features

    def kernel(a, b):
        return (a @ b.T / 4 + 1) ** 3

    def mean_of_pairs(values, one, other, rows, columns):
        total = pairs = 0.0
        for i in range(len(one)):
            for j in range(len(other)):
                same_set = other is one
                times = rows[i] * columns[j]
                if same_set and one[i] == other[j]:
                    times = rows[i] * (i != j)  # a person drawn twice is two people
                total, pairs = total + times * values[i, j], pairs + times
        return total / pairs

    mine, theirs = drawn.person, real.person
    expected = mean_of_pairs(kernel(x, x), mine, mine, v, v)
    expected += mean_of_pairs(kernel(y, y), theirs, theirs, w, w)
    expected -= 2 * mean_of_pairs(kernel(x, y), mine, theirs, v, w)
    assert figures["kernel distance"].low == pytest.approx(expected, rel=1e-5)
    apart = np.linalg.norm(x[:, None] - x, axis=2)
    expected = mean_of_pairs(apart, mine, mine, v, v)
    assert figures["diversity"].high == pytest.approx(expected, rel=1e-5)


def test_like_sets_have_intervals_that_hold_zero_though_faces_of_a_person_are_alike():
    whole = told(quality_estimates(face_set(6, 5, 10), face_set(6, 5, 11), NOBODY, everybody_and()))
    figure = whole["kernel distance"]
    assert figure.low < 0 < figure.high
    middle = (figure.low + figure.high) / 2
    assert abs(middle - figure.value) < 0.3 * (figure.high - figure.low)
    apart = told(
        quality_estimates(face_set(6, 5, 10), face_set(6, 5, 11, 3.0), NOBODY, everybody_and())
    )
    assert apart["kernel distance"].low > figure.high


def test_the_resampled_frechet_distance_is_that_of_repeated_rows():
    random = np.random.default_rng(6)
    x, y = random.normal(size=(25, 8)), random.normal(0.4, 2, size=(40, 8))
    v, w = random.integers(0, 3, 25), random.integers(0, 3, 40)
    found = frechet_of_grams(x @ x.T, x @ y.T, y @ y.T, v.astype(np.float32), w.astype(np.float32))
    expected = frechet_distance(np.repeat(x, v, axis=0), np.repeat(y, w, axis=0))
    assert found == pytest.approx(expected, rel=1e-6)
    alone = np.zeros(25, np.float32)
    assert np.isnan(frechet_of_grams(x @ x.T, x @ y.T, y @ y.T, alone, w.astype(np.float32)))


def test_memorised_faces_and_collapsed_ones_are_told_from_good_ones():
    random = np.random.default_rng(0)
    people = np.arange(200)
    training, real, good = (random.normal(size=(n, 8)) for n in (400, 200, 200))
    real_set = FaceSet.create(real, people, 200, 1)
    subgroups = Subgroups(("everybody",), np.ones((1, 200), bool))

    def judged(features):
        return told(
            quality_estimates(
                FaceSet.create(features, people, 200, 0), real_set, training, subgroups
            )
        )

    fine, copied = judged(good), judged(training[:200] + 1e-3)
    collapsed = judged(np.repeat(good[:1], 200, axis=0))
    assert fine["kernel distance"].low < 0 < fine["kernel distance"].high
    assert copied["nearest training face"].high < 0.01 * fine["nearest training face"].low
    assert collapsed["diversity"].high == 0 < fine["diversity"].low
    assert collapsed["Fréchet distance"].low > fine["Fréchet distance"].high
    assert collapsed["coverage"].value < 20 < fine["coverage"].value
    assert collapsed["kernel distance"].low > fine["kernel distance"].high


def test_the_vggface_score_is_resampled_as_a_loop_does():
    random = np.random.default_rng(7)
    person = np.repeat(np.arange(N_PEOPLE), 3)
    p = random.dirichlet(np.full(5, 0.3), size=len(person))
    weights = random.multinomial(N_PEOPLE, np.full(N_PEOPLE, 1 / N_PEOPLE), size=40)
    subgroups = everybody_and(list(range(12)))
    figures = vggface_estimates(p, person, subgroups, weights.astype(np.float32))
    whole, part = (told(figures, group)["VGGFace score"] for group in ("everybody", "part 0"))
    assert whole.value == pytest.approx(metrics.vggface_score(p))
    assert whole.chance == part.chance == 1
    repeated = [metrics.vggface_score(np.repeat(p, one[person], axis=0)) for one in weights]
    spread = np.log(repeated).std(ddof=1)
    assert np.log(whole.high / whole.value) == pytest.approx(1.96 * spread, rel=1e-3)
    assert np.log(whole.value / whole.low) == pytest.approx(1.96 * spread, rel=1e-3)
    assert f"{np.mean(repeated) - whole.value:+.3g}" in whole.note
    assert part.value == pytest.approx(metrics.vggface_score(p[:36]))
    assert part.n_trials == 36
