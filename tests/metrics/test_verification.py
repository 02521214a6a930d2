"""EER, AUC and minDCF against scikit-learn and hand-computed cases; trials and their draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq

from voice2face.errors import ConfigError, DataError
from voice2face.metrics.verification import auc, eer, min_dcf, sample_trials


@st.composite
def trials(draw) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and truth with both kinds."""
    truth = draw(st.lists(st.booleans(), min_size=2, max_size=60))
    truth = np.array([True, False, *truth])
    levels = draw(st.sampled_from([1, 3, 10, 10_000]))
    scores = draw(
        st.lists(st.integers(0, levels), min_size=len(truth), max_size=len(truth)).map(np.array)
    )
    return scores / levels * draw(st.sampled_from([-3.0, 0.01, 1.0])), truth


def rates(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of impostors and of targets that reach each threshold, counted one by one."""
    thresholds = [np.inf, *sorted(set(scores.tolist()), reverse=True)]
    kinds = scores[~truth], scores[truth]
    return tuple(np.array([(kind >= one).mean() for one in thresholds]) for kind in kinds)


def reference_eer(scores: np.ndarray, truth: np.ndarray) -> float:
    """Root of the interpolated ROC curve."""
    false_alarms, hits = rates(scores, truth)
    # A vertical stretch at the root has no function of x: walk along the curve instead.
    along = interp1d(np.arange(len(hits)), np.stack([false_alarms, hits]))
    root = brentq(lambda t: 1 - along(t).sum(), 0, len(hits) - 1, xtol=1e-13)
    return float(along(root)[0])


@given(trials())
@settings(max_examples=60, deadline=None)
def test_rates_are_those_that_are_counted(drawn):
    scores, truth = drawn
    assert eer(scores, truth) == pytest.approx(reference_eer(scores, truth), abs=1e-9)
    apart = scores[truth][:, None] - scores[~truth]
    outscored = np.mean((apart > 0) + 0.5 * (apart == 0))
    assert auc(scores, truth) == pytest.approx(outscored, abs=1e-12)
    false_alarms, hits = rates(scores, truth)
    for prior, miss, false_alarm in ((0.05, 1, 1), (0.01, 10, 1), (0.7, 1, 2)):
        costs = miss * prior * (1 - hits) + false_alarm * (1 - prior) * false_alarms
        wanted = costs.min() / min(miss * prior, false_alarm * (1 - prior))
        assert min_dcf(scores, truth, prior, miss, false_alarm) == pytest.approx(wanted)


@given(trials())
@settings(max_examples=50, deadline=None)
def test_only_the_order_of_the_scores_counts(drawn):
    scores, truth = drawn
    for measure in (eer, auc, min_dcf):
        assert measure(scores, truth) == pytest.approx(measure(np.exp(scores) * 7 - 50, truth))
    assert eer(-scores, ~truth) == pytest.approx(eer(scores, truth), abs=1e-12)
    assert auc(-scores, truth) == pytest.approx(1 - auc(scores, truth), abs=1e-12)
    assert 0 <= min_dcf(scores, truth) <= 1


@pytest.mark.parametrize(
    ("scores", "truth", "rate", "area", "cost"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.0, 1.0, 0.0),
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], 1.0, 0.0, 1.0),
        ([0.3, 0.3, 0.3, 0.3], [1, 0, 1, 0], 0.5, 0.5, 1.0),
        # Targets 4 3 1, impostors 2 0 0: at 2.5 a third is missed, at 1.5 half is let in.
        ([4, 3, 1, 2, 0, 0], [1, 1, 1, 0, 0, 0], 1 / 3, 8 / 9, 1 / 3),
        # Curve through (0, 0), (0, .5), (.5, .5), (.5, 1): crosses at a half.
        ([4, 2, 3, 1], [1, 1, 0, 0], 0.5, 0.75, 0.5),
        # Two targets and an impostor tie: from (0, 1/3) straight to (1/2, 1).
        ([9, 5, 5, 5, 1], [1, 1, 1, 0, 0], 2 / 7, 5 / 6, 2 / 3),
    ],
)
def test_cases_worked_by_hand(scores, truth, rate, area, cost):
    assert eer(scores, truth) == pytest.approx(rate)
    assert auc(scores, truth) == pytest.approx(area)
    assert min_dcf(scores, truth) == pytest.approx(cost)


def test_cosines_are_not_taken_for_logits():
    """Scores below 0 and above 1, however they are batched, are only compared.

    torchmetrics squashes such scores by a sigmoid, batch by batch, where a batch leaves [0, 1],
    and so mixes two scales.
    """
    random = np.random.default_rng(3)
    truth = random.random(4000) < 0.5
    scores = np.where(truth, 0.5, 0.1) + 0.22 * random.normal(size=4000)
    assert (scores < 0).any()
    assert (scores > 1).any()
    assert ((scores[:10] > 0) & (scores[:10] < 1)).all()
    assert eer(scores, truth) == pytest.approx(0.1817, abs=0.02)  # Phi(-0.2 / 0.22)
    assert eer(scores, truth) == pytest.approx(reference_eer(scores, truth))


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(DataError, match="1 of 2 scores are not finite"):
        eer([0.1, np.nan], [1, 0])
    with pytest.raises(DataError, match="0 of 2 trials are target trials"):
        auc([0.1, 0.2], [0, 0])
    with pytest.raises(DataError, match=r"shape \(2,\), is_target \(3,\)"):
        min_dcf([0.1, 0.2], [0, 1, 1])
    with pytest.raises(ConfigError, match="target_prior is 1"):
        min_dcf([0.1, 0.2], [0, 1], target_prior=1)
    with pytest.raises(ConfigError, match="miss_cost is 0"):
        min_dcf([0.1, 0.2], [0, 1], miss_cost=0)


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=40).filter(
        lambda names: 1 < len(set(names)) < len(names)
    ),
    st.integers(2, 500),
    st.integers(0, 5),
)
@settings(max_examples=100, deadline=None)
def test_trials_are_balanced_distinct_and_true(names, n_trials, seed):
    left, right, is_target = sample_trials(names, n_trials, seed)
    assert (left != right).all()
    who = np.array(names)
    np.testing.assert_array_equal(who[left] == who[right], is_target)
    assert is_target.sum() * 2 == len(is_target) <= n_trials
    pairs = {tuple(sorted(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)}
    assert len(pairs) == len(left)
    n_same = sum(names.count(name) * (names.count(name) - 1) // 2 for name in set(names))
    n_other = len(names) * (len(names) - 1) // 2 - n_same
    assert is_target.sum() == min(n_trials // 2, n_same, n_other)
    again = sample_trials(names, n_trials, seed)
    assert all((a == b).all() for a, b in zip((left, right, is_target), again, strict=True))


def test_every_pair_is_equally_likely_and_seeds_differ():
    names = ["a", "b", "b", "c", "c", "c"]
    counts: dict[tuple[int, int], int] = {}
    for seed in range(2000):
        left, right, is_target = sample_trials(names, 2, seed)
        assert is_target.tolist() == [True, False]
        for pair in zip(left.tolist(), right.tolist(), strict=True):
            counts[pair] = counts.get(pair, 0) + 1
    targets = {pair: n for pair, n in counts.items() if names[pair[0]] == names[pair[1]]}
    impostors = {pair: n for pair, n in counts.items() if pair not in targets}
    assert len(targets) == 4
    assert len(impostors) == 11
    assert all(400 < n < 600 for n in targets.values())
    assert all(120 < n < 250 for n in impostors.values())


def test_trials_that_cannot_be_drawn_are_refused():
    with pytest.raises(DataError, match="3 identities with 1 recordings at the most"):
        sample_trials(["a", "b", "c"], 10, 0)
    with pytest.raises(DataError, match="1 identities with 3 recordings"):
        sample_trials(["a"] * 3, 10, 0)
    with pytest.raises(DataError, match="0 identities"):
        sample_trials([], 10, 0)
    with pytest.raises(ConfigError, match="n_trials is 1"):
        sample_trials(["a", "a", "b"], 1, 0)
