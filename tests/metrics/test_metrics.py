"""Every metric against an independent reference or a case worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.special import rel_entr
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, top_k_accuracy_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from voice2face.errors import ConfigError, DataError
from voice2face.metrics import retrieval as metrics

RANDOM = np.random.default_rng(0)


def recall(scores, answers, k) -> float:
    return metrics.recall_credit(*metrics.rank_bounds(scores, answers), k).mean()


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_ranks_with_ties_agree_with_scipy(seed, n_candidates, levels):
    random = np.random.default_rng(seed)
    scores = random.integers(levels, size=(6, n_candidates)).astype(float)
    answers = random.integers(n_candidates, size=6)
    better, tied = metrics.rank_bounds(scores, answers)
    expected = [rankdata(-row)[answer] for row, answer in zip(scores, answers, strict=True)]
    np.testing.assert_allclose(metrics.expected_rank(better, tied), expected)


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_recall_credit_is_the_share_over_all_orders_of_the_tied(seed, k):
    random = np.random.default_rng(seed)
    scores = random.integers(3, size=(1, 5)).astype(float)
    share = []
    for _ in range(600):
        order = np.lexsort((random.random(5), -scores[0]))
        share.append(0 in order[:k])
    assert recall(scores, [0], k) == pytest.approx(np.mean(share), abs=0.09)


def test_recall_agrees_with_scikit_learn_and_matching_is_its_first_place():
    scores = RANDOM.normal(size=(200, 20))
    answers = RANDOM.integers(20, size=200)
    for k in (1, 5, 10):
        expected = top_k_accuracy_score(answers, scores, k=k, labels=range(20))
        assert recall(scores, answers, k) == pytest.approx(expected)
    right = (scores.argmax(axis=1) == answers).mean()
    assert recall(scores, answers, 1) == pytest.approx(right)


def test_scores_that_tell_nothing_get_exactly_chance():
    scores, answers = np.zeros((7, 4)), np.arange(7) % 4
    assert recall(scores, answers, 1) == 1 / 4
    assert recall(scores, answers, 3) == 3 / 4
    ranks = metrics.expected_rank(*metrics.rank_bounds(scores, answers))
    assert (ranks == 2.5).all()
    # Two tie for the first place, and one of them is right.
    assert recall([[1.0, 1.0, 0.0]], [0], 1) == 1 / 2


@given(st.integers(0, 10_000), st.integers(2, 30))
@settings(max_examples=40, deadline=None)
def test_precision_credit_is_the_average_precision_over_all_orders_of_the_tied(seed, levels):
    random = np.random.default_rng(seed)
    scores = random.integers(levels, size=(8, 25)).astype(float)
    answers = random.integers(25, size=8)
    found = metrics.precision_credit(*metrics.rank_bounds(scores, answers))
    # The mean over orders of the tied, in which the right one takes each of their places once.
    for row, answer, credit in zip(scores, answers, found, strict=True):
        tied = np.flatnonzero(row == row[answer])
        place = np.arange(len(tied)) - np.flatnonzero(tied == answer)
        orders = np.tile(row, (len(tied), 1))
        for turn, order in enumerate(orders):
            order[tied] += 1e-6 * ((place + turn) % len(tied))
        expected = [average_precision_score(np.eye(25)[answer], order) for order in orders]
        assert credit == pytest.approx(np.mean(expected), abs=1e-12)


def test_similarities_agree_with_scipy():
    one, other = RANDOM.normal(size=(2, 30, 8))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (one, other)]
    np.testing.assert_allclose(
        metrics.cosine_similarity(one, other), 1 - np.diag(cdist(one, other, "cosine")), atol=1e-6
    )
    for name, of in (("cityblock", metrics.l1_distance), ("euclidean", metrics.l2_distance)):
        np.testing.assert_allclose(of(one, other), np.diag(cdist(*unit, name)), atol=1e-5)


def test_what_cannot_be_embedded_is_zero_and_not_a_number():
    found = metrics.unit(np.array([[3.0, 4.0], [np.nan, 1.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, 0]])


def test_vggface_score_has_its_known_ends_and_agrees_with_scipy():
    assert metrics.vggface_score(np.eye(5)) == pytest.approx(5)
    assert metrics.vggface_score(np.tile([0.2, 0.3, 0.5], (4, 1))) == pytest.approx(1)
    p = RANDOM.dirichlet(np.ones(6), size=50)
    expected = np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean())
    assert metrics.vggface_score(p) == pytest.approx(expected)
    with pytest.raises(DataError, match="sums to 1"):
        metrics.vggface_score(np.ones((2, 3)))


def test_confusion_agrees_with_scikit_learn_and_keeps_what_got_no_verdict():
    labels = ["a", "b", "c"]
    truth = RANDOM.choice(labels, 100).tolist()
    said = RANDOM.choice(labels, 100).tolist()
    found = metrics.confusion_matrix(truth, said, labels)
    np.testing.assert_array_equal(found[:, :3], sklearn_confusion(truth, said, labels=labels))
    assert not found[:, 3].any()
    found = metrics.confusion_matrix(["a", "a", "b"], [None, "a", "z"], ["a", "b"])
    assert found.tolist() == [[1, 0, 1], [0, 0, 1]]


def test_consistency_is_the_mean_distance_of_all_pairs():
    vectors = RANDOM.normal(size=(12, 5))
    identity = np.repeat([0, 1, 2, 3], 3)
    group = np.repeat([0, 0, 0, 1], 3)
    within, between = metrics.consistency(vectors, identity, group)
    for one in range(4):
        own = vectors[identity == one]
        assert within[one] == pytest.approx(pdist(own, "cosine").mean(), abs=1e-6)
        others = vectors[(identity != one) & (group == group[identity == one][0])]
        if len(others):
            expected = cdist(own, others, "cosine").mean()
            assert between[one] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(between[3])  # alone in its group


def test_consistency_leaves_out_whom_it_cannot_ask():
    vectors = np.array([[1.0, 0], [0, 1], [1, 0], [np.nan, 1]])
    within, _ = metrics.consistency(vectors, [0, 0, 1, 1], [0, 0, 0, 0])
    assert within[0] == pytest.approx(1)
    assert np.isnan(within[1])  # one of its two faces could not be embedded


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="k is 0"):
        metrics.recall_credit(0, 0, 0)
    with pytest.raises(DataError, match="1 of 2 scores"):
        metrics.rank_bounds([[1.0, np.nan]], [0])
