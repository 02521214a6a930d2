"""Metrics as pure functions of arrays. What they are asked about is in `protocols`.

Where scores tie, a metric is the mean over all orders of the tied ones, so that a system that
cannot tell any two faces apart gets exactly what guessing gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voice2face.errors import ConfigError, DataError

# Places of k in recall@k.
RECALL_AT = (1, 5, 10)


def unit(embeddings: NDArray) -> NDArray[np.float32]:
    """Bring embeddings to unit length.

    Args:
        embeddings: (n, embedding); a row of NaN stands for "no embedding".

    Returns:
        (n, embedding); rows that are not finite, or zero, become zero.
    """
    found = np.asarray(embeddings, dtype=np.float32)
    found = np.where(np.isfinite(found).all(axis=1, keepdims=True), found, 0)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.divide(found, length, out=np.zeros_like(found), where=length > 0)


def rank_bounds(
    scores: ArrayLike, answers: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the candidates that stand before and beside the right one.

    Args:
        scores: (..., candidates), higher is nearer.
        answers: (...) index of the right candidate.

    Returns:
        (...) candidates with a higher score than the right one, and others with the same.

    Raises:
        DataError: A score is not finite.
    """
    scores = np.asarray(scores)
    if not np.isfinite(scores).all():
        raise DataError(f"{np.sum(~np.isfinite(scores))} of {scores.size} scores are not finite")
    right = np.take_along_axis(scores, np.asarray(answers)[..., None], axis=-1)
    return (scores > right).sum(axis=-1), (scores == right).sum(axis=-1) - 1


def recall_credit(n_better: ArrayLike, n_tied: ArrayLike, k: int) -> NDArray[np.float64]:
    """Chance that the right candidate is among the first k, ties in random order.

    Args:
        k: Places that count, from 1.

    Returns:
        A number from 0 to 1 each. Its mean is Recall@k; for k = 1 also the matching accuracy.

    Raises:
        ConfigError: k is below 1.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; give 1 or more")
    return np.clip((k - np.asarray(n_better)) / (np.asarray(n_tied) + 1), 0, 1)


def precision_credit(n_better: ArrayLike, n_tied: ArrayLike) -> NDArray[np.float64]:
    """Mean of 1/rank over the places that the tied ones take; its mean is the average precision.

    Returns:
        A number from 0, excluded, to 1 each.
    """
    first, last = np.asarray(n_better), np.asarray(n_better) + np.asarray(n_tied) + 1
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, last.max(initial=0) + 1)))
    return (harmonic[last] - harmonic[first]) / (last - first)


def expected_rank(n_better: ArrayLike, n_tied: ArrayLike) -> NDArray[np.float64]:
    """Rank of the right candidate, from 1; the middle of those it ties with."""
    return 1 + np.asarray(n_better) + np.asarray(n_tied) / 2


def cosine_similarity(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Cosine of the angle between the vectors of each row, from -1 to 1; 0 if one is zero."""
    return np.einsum("nd,nd->n", unit(one), unit(other), dtype=np.float64)


def l1_distance(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Sum of absolute differences between the rows, each brought to unit length."""
    return np.abs(unit(one) - unit(other)).sum(axis=1, dtype=np.float64)


def l2_distance(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Euclidean distance between the rows, each brought to unit length; from 0 to 2."""
    return np.linalg.norm(unit(one).astype(np.float64) - unit(other), axis=1)


def vggface_score(posteriors: ArrayLike) -> float:
    """How sure, and how varied over images, a face classifier is of whom it sees.

    exp( mean_i sum_c p(c|i) log(p(c|i) / p(c)) ), p(c) the mean of p(c|i) over the images.

    Args:
        posteriors: (images, classes), each row summing to 1.

    Returns:
        From 1 (every image gets the same verdict) to the number of classes.

    Raises:
        DataError: A row is no distribution.

    Source:
        The Inception score of Salimans et al. 2016 (arXiv 1606.03498), with a face classifier.
    """
    p = np.asarray(posteriors, dtype=np.float64)
    if p.ndim != 2 or (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-4):
        raise DataError("posteriors: each row must be a distribution over classes that sums to 1")
    marginal = p.mean(axis=0)
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)
    return float(np.exp(np.mean((p * np.log(ratio)).sum(axis=1))))


def confusion_matrix(
    truth: Sequence[str], verdicts: Sequence[str | None], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Count verdicts by truth.

    Args:
        truth: What is right, each one of `labels`.
        verdicts: What was said; None, or anything that is no label, is "no verdict".

    Returns:
        (labels, labels + 1): a row a truth, a column a verdict; the last column is "no verdict".
    """
    place = {label: index for index, label in enumerate(labels)}
    rows = np.array([place[label] for label in truth], dtype=np.int64)
    columns = np.array([place.get(said or "", len(labels)) for said in verdicts], dtype=np.int64)
    width = len(labels) + 1
    counts = np.bincount(rows * width + columns, minlength=len(labels) * width)
    return counts.reshape(len(labels), width)


def consistency(
    embeddings: NDArray, identity: ArrayLike, group: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances between generated faces of one speaker, and of speakers of one group.

    Within is the mean of 1 - cosine over the pairs of one identity; between is the mean over
    pairs of that identity with others of its group. A system is consistent where within is well
    below between; where between is zero, it draws one face for all, and nothing can be said.

    Args:
        embeddings: (n, embedding) of generated faces, one a recording; zero or NaN: none.
        identity: (n,) number of each one's identity, from 0.
        group: (n,) number of the group its identity is in; negative leaves it out.

    Returns:
        (identities,) within and between; NaN where there is no pair. Identities run from 0 to the
        largest number.
    """
    vectors = unit(embeddings).astype(np.float64)
    identity, group = np.asarray(identity), np.asarray(group)
    used = (group >= 0) & vectors.any(axis=1)
    n_identities = int(identity.max(initial=-1)) + 1
    vectors, identity, group = vectors[used], identity[used], group[used]
    n_groups = int(group.max(initial=-1)) + 1

    # Sum of the cosines of all pairs: from the lengths of sums, without looking at any pair.
    sums = np.zeros((n_identities, vectors.shape[1]))
    np.add.at(sums, identity, vectors)
    count = np.bincount(identity, minlength=n_identities).astype(float)
    group_of = np.zeros(n_identities, dtype=np.int64)
    group_of[identity] = group
    group_sums = np.zeros((max(n_groups, 1), vectors.shape[1]))
    np.add.at(group_sums, group, vectors)
    group_count = np.bincount(group, minlength=max(n_groups, 1))[group_of]

    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.einsum("nd,nd->n", sums, sums)
        within = 1 - (own - count) / (count * (count - 1))
        across = np.einsum("nd,nd->n", sums, group_sums[group_of]) - own
        between = 1 - across / (count * (group_count - count))
    within[count < 2] = np.nan
    between[(count == 0) | (group_count == count)] = np.nan
    return within, between
