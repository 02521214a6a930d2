"""Distances between sets of images against SciPy, closed forms and loops written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from voice2face.errors import DataError
from voice2face.metrics.image_quality import (
    frechet_distance,
    kernel_distance,
    membership,
    nearest_distances,
)


def gaussian(n: int, features: int, seed: int, shift: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, features)) @ random.normal(size=(features, features)) + shift


@pytest.mark.parametrize(("n", "m"), [(300, 200), (9, 30), (8, 7)])
def test_frechet_distance_equals_the_formula_by_scipy(n, m):
    one, other = gaussian(n, 12, 0), gaussian(m, 12, 1, shift=0.5)
    covariances = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    shift = one.mean(axis=0) - other.mean(axis=0)
    expected = shift @ shift + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_of_known_gaussians():
    """Independent features of deviations 1 and 3, means 2 apart: (2^2 + (3 - 1)^2) for each."""
    random = np.random.default_rng(0)
    one, other = random.normal(0, 1, (200_000, 2)), random.normal(2, 3, (200_000, 2))
    assert frechet_distance(one, other) == pytest.approx(16, rel=0.02)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_equals_a_double_loop():
    x, y = gaussian(7, 5, 0), gaussian(9, 5, 1, shift=0.3)

    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / 5 + 1) ** 3

    def within(z):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(kernel(z[i], z[j]) for i, j in pairs) / len(pairs)

    expected = within(x) + within(y) - 2 * sum(kernel(a, b) for a in x for b in y) / 63
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_is_unbiased_whatever_the_sizes():
    """Over many pairs of samples of one Gaussian its mean is 0; the biased form's is far off."""
    for size in (8, 20):
        values = [kernel_distance(x, y[:size]) for x, y in (_two(seed, 20) for seed in range(400))]
        assert abs(np.mean(values)) < 3 * np.std(values) / 20
        spread = np.std(values)
    x, y = _two(1, 20)
    assert kernel_distance(x, y + 1) > 10 * spread


def _two(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, 4)), random.normal(size=(n, 4))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 30), st.integers(0, 1000))
def test_nearest_distance_equals_scipy(n, m, seed):
    one, other = gaussian(n, 6, seed), gaussian(m, 6, seed + 1)
    np.testing.assert_allclose(nearest_distances(one, other), cdist(one, other).min(axis=1))


def test_copies_have_no_distance():
    faces = np.repeat(gaussian(1, 50, 3) * 100, 5, axis=0)
    np.testing.assert_array_equal(nearest_distances(faces, faces[:1]), 0)


def test_neighbourhoods_counted_by_hand():
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[0.9], [2.5], [50.0]])
    found = membership(real, generated, k=1)
    # Real images reach 1, 1 and 2 far: 0.9 lies within those about 0 and 1, 2.5 within that about
    # 3; 50 in none. Generated ones reach 1.6, 1.6 and 47.5: 0, 1 and 3 all lie within one.
    assert found.inside.tolist() == [2, 1, 0]
    assert found.recalled.all()
    assert found.covered.all()


def test_the_rim_of_a_neighbourhood_is_inside():
    """Images of 0, 1 and 3 reach 1, 1 and 2 far, each to the rim on which its neighbour lies."""
    images = np.array([[0.0], [1.0], [3.0]])
    assert membership(images, images, k=1).inside.tolist() == [2, 3, 1]
    # Generated ones of 1 and 3 reach 2 far: 5 lies on a rim, 6 outside.
    generated = np.array([[1.0], [3.0]])
    found = membership(np.array([[0.0], [5.0], [6.0]]), generated, k=1)
    assert found.recalled.tolist() == [True, True, False]


def test_neighbourhoods_equal_loops_on_more_images_than_a_block():
    real, generated = gaussian(1100, 3, 0), gaussian(60, 3, 1)
    k = 3
    own = np.sort(cdist(real, real), axis=1)[:, k]
    theirs = np.sort(cdist(generated, generated), axis=1)[:, k]
    across = cdist(real, generated)
    found = membership(real, generated, k)
    np.testing.assert_array_equal(found.inside, (across <= own[:, None]).sum(axis=0))
    np.testing.assert_array_equal(found.recalled, (across <= theirs[None]).any(axis=1))
    np.testing.assert_array_equal(found.covered, (across <= own[:, None]).any(axis=1))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (np.zeros((1, 3)), np.zeros((4, 3)), "at least 2 images"),
        (np.zeros((4, 3)), np.zeros((4, 2)), "3 in one set, 2 in the other"),
        (np.full((4, 3), np.nan), np.zeros((4, 3)), "NaN"),
    ],
)
def test_sets_that_do_not_fit_are_refused(one, other, said):
    with pytest.raises(DataError, match=said):
        frechet_distance(one, other)
