"""The bootstrap over identities: an analytic case, coverage, and what happens at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from voice2face.metrics.intervals import (
    identity_weights,
    mean_interval,
    percentiles,
    replicates_of_ratio,
)


def test_each_resample_holds_as_many_identities_and_the_seed_decides_which():
    weights = identity_weights(50, seed=3)
    assert weights.shape == (1000, 50)
    assert (weights.sum(axis=1) == 50).all()
    np.testing.assert_array_equal(weights, identity_weights(50, seed=3))
    assert (weights != identity_weights(50, seed=4)).any()
    # A multinomial of n in n cells: mean 1, variance 1 - 1/n.
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_the_interval_of_a_mean_is_the_one_of_the_central_limit():
    values = np.random.default_rng(0).normal(size=2000)
    weights = identity_weights(len(values), seed=0, n_resamples=4000)
    value, low, high = mean_interval(weights, values[:, None], np.ones((2000, 1)))
    error = values.std() / np.sqrt(len(values))
    assert value[0] == pytest.approx(values.mean())
    ends = norm.interval(0.95, values.mean(), error)
    assert low[0] == pytest.approx(ends[0], abs=0.08 * error)
    assert high[0] == pytest.approx(ends[1], abs=0.08 * error)


def test_trials_of_one_identity_count_as_alike_as_they_are():
    """A thousand copies of each identity's one trial tell nothing more."""
    values = np.random.default_rng(1).random(40)[:, None]
    weights = identity_weights(40, seed=0)
    once = mean_interval(weights, values, np.ones((40, 1)))
    often = mean_interval(weights, 1000 * values, np.full((40, 1), 1000.0))
    for one, other in zip(once, often, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_ratio_agrees_with_resampling_identities_one_by_one():
    random = np.random.default_rng(2)
    sums, counts = random.random((30, 3)), random.integers(1, 9, (30, 3))
    weights = identity_weights(30, seed=0, n_resamples=50)
    found = replicates_of_ratio(weights, sums, counts)
    for row, weight in zip(found, weights, strict=True):
        drawn = np.repeat(np.arange(30), weight.astype(int))
        np.testing.assert_allclose(row, sums[drawn].sum(0) / counts[drawn].sum(0), rtol=1e-5)


@pytest.mark.parametrize("size", [2, 10])
def test_the_interval_of_matching_holds_the_truth_about_as_often_as_it_says(size):
    """Worlds of 100 people whose faces are drawn with noise, some of whom nobody mistakes.

    The weight is that of the probe's identity. That the others in the line-up are drawn too is
    left out, which costs a few per cent of coverage, and no more.
    """
    n_people, n_worlds = 100, 120
    weights = identity_weights(n_people, seed=0, n_resamples=400)

    def world(seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        latent = random.normal(size=(n_people, 12))
        drawn = latent + 1.2 * random.normal(size=latent.shape)
        right, asked = np.zeros(n_people), np.zeros(n_people)
        for _ in range(10):
            group = random.permutation(n_people).reshape(-1, size)
            probe = drawn[group] + 0.6 * random.normal(size=(*group.shape, 12))
            face = latent[group] + 0.6 * random.normal(size=(*group.shape, 12))
            probe /= np.linalg.norm(probe, axis=2, keepdims=True)
            face /= np.linalg.norm(face, axis=2, keepdims=True)
            best = (probe @ face.swapaxes(1, 2)).argmax(axis=2)
            np.add.at(right, group, best == np.arange(size))
            np.add.at(asked, group, 1)
        return right, asked

    worlds = [world(seed) for seed in range(n_worlds)]
    truth = np.mean([right.sum() / asked.sum() for right, asked in worlds])
    right, asked = (np.stack(part, axis=1) for part in zip(*worlds, strict=True))
    _, low, high = mean_interval(weights, right, asked, (0, 1))
    covered = int(((low <= truth) & (truth <= high)).sum())
    # Nominally 95 %: neither far below nor so wide that nothing is ever missed.
    assert 0.86 * n_worlds <= covered < n_worlds


def test_no_figure_is_certain_because_every_trial_was_right():
    weights = identity_weights(20, seed=0)
    right = np.full((20, 1), 5.0)
    value, low, high = mean_interval(weights, right, right, bounds=(0, 1))
    exact = binomtest(20, 20).proportion_ci(0.95, method="exact")
    assert (value[0], high[0]) == (1, 1)
    assert low[0] == pytest.approx(exact.low)
    _, low, high = mean_interval(weights, 0 * right, right, bounds=(0, 1))
    assert (low[0], high[0]) == (0, pytest.approx(1 - exact.low))


def test_one_identity_has_no_interval_and_none_no_value():
    weights = identity_weights(3, seed=0)
    counts = np.array([[4.0, 0], [0, 0], [0, 0]])
    value, low, high = mean_interval(weights, counts / 2, counts)
    assert value[0] == 0.5
    assert np.isnan([value[1], low[0], high[0], low[1], high[1]]).all()


def test_resamples_without_a_figure_are_left_out():
    replicates = np.array([[0.0, np.nan], [1.0, np.nan], [np.nan, np.nan]])
    low, high = percentiles(replicates)
    assert low[0] == pytest.approx(0.025)
    assert high[0] == pytest.approx(0.975)
    assert np.isnan([low[1], high[1]]).all()
