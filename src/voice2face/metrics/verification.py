"""Verification: do two recordings, or a voice and a face, belong to one identity?

A trial is a pair with a score, higher where the system thinks that both are of one identity; it is
a target trial where they are. Pure functions of scores and truth, and the drawing of trials.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sklearn.metrics
from numpy.typing import ArrayLike, NDArray

from voice2face.errors import ConfigError, DataError


def eer(scores: ArrayLike, is_target: ArrayLike) -> float:
    """Equal error rate: where as many impostors are accepted as targets are rejected.

    All trials of one score are decided together. Between two thresholds next to each other both
    rates are taken to run along a straight line, so that constant scores give 0.5.

    Args:
        scores: (trials,) any finite numbers, higher for "the same identity". They are compared
            only, never taken for probabilities.
        is_target: (trials,) True where the identity is the same.

    Returns:
        The rate, from 0 to 1; 0.5 is chance.

    Raises:
        DataError: A score is not finite, the lengths differ, or one kind of trial is missing.
    """
    false_alarms, misses = _error_rates(scores, is_target)
    # false_alarms - misses rises from -1 to 1: the two points around its zero.
    difference = false_alarms - misses
    after = int(np.searchsorted(difference, 0.0))
    if after == 0 or difference[after] == 0:
        return float(false_alarms[after])
    before = after - 1
    share = -difference[before] / (difference[after] - difference[before])
    return float(false_alarms[before] + share * (false_alarms[after] - false_alarms[before]))


def auc(scores: ArrayLike, is_target: ArrayLike) -> float:
    """Area under the ROC curve: how often a target trial outscores an impostor; ties count half.

    Returns:
        The area, from 0 to 1; 0.5 is chance.

    Raises:
        DataError: See `eer`.
    """
    false_alarms, misses = _error_rates(scores, is_target)
    return float(sklearn.metrics.auc(false_alarms, 1 - misses))


def min_dcf(
    scores: ArrayLike,
    is_target: ArrayLike,
    target_prior: float = 0.05,
    miss_cost: float = 1.0,
    false_alarm_cost: float = 1.0,
) -> float:
    """Least detection cost over all thresholds, normalised.

    Args:
        target_prior: Probability of a target trial in use, between 0 and 1, both excluded.
        miss_cost: Cost of rejecting a target, above 0.
        false_alarm_cost: Cost of accepting an impostor, above 0.

    Returns:
        The cost, from 0 to 1; 1 is that of the better of "always yes" and "always no".

    Raises:
        ConfigError: The prior or a cost is out of range.
        DataError: See `eer`.

    Source:
        NIST 2016 Speaker Recognition Evaluation Plan, section 3: equations 1 and 2.
    """
    if not 0 < target_prior < 1:
        raise ConfigError(f"target_prior is {target_prior}; a number between 0 and 1 is needed")
    if not (miss_cost > 0 and false_alarm_cost > 0):
        raise ConfigError(
            f"miss_cost is {miss_cost} and false_alarm_cost {false_alarm_cost}; "
            "numbers above 0 are needed"
        )
    false_alarms, misses = _error_rates(scores, is_target)
    of_miss = miss_cost * target_prior
    of_false_alarm = false_alarm_cost * (1 - target_prior)
    costs = of_miss * misses + of_false_alarm * false_alarms
    return float(costs.min() / min(of_miss, of_false_alarm))


def sample_trials(
    identities: Sequence[str], n_trials: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw verification trials: as many of one identity as of two.

    Each pair of rows is in at most one trial, and all pairs of a kind are equally likely. Where
    there are fewer pairs of a kind than asked for, all of them are used, and as many of the other.

    Returns:
        Rows of one side and of the other, never the same in both, and True for target trials.
        Each is (trials,); the target trials come first.

    Raises:
        ConfigError: Fewer than 2 trials are asked for.
        DataError: No identity has two recordings, or there is only one identity.
    """
    if n_trials < 2:
        raise ConfigError(f"n_trials is {n_trials}; at least 2 are needed, one of each kind")
    _, label, count = np.unique(
        np.asarray(identities, dtype=str), return_inverse=True, return_counts=True
    )
    order = np.argsort(label, kind="stable")
    place = np.arange(len(order))
    # Sorted by identity, the row at a place has its targets from there to the end of its block,
    # and its impostors from the end of its block to the end of all.
    end = np.repeat(np.cumsum(count), count)
    n_targets, n_impostors = end - place - 1, len(order) - end
    n_pairs = int(n_targets.sum()), int(n_impostors.sum())
    if not all(n_pairs):
        found = f"{len(count)} identities with {count.max(initial=0)} recordings at the most"
        raise DataError(
            f"no trials can be drawn from {found}; two identities or more are needed, "
            "and one of them with two recordings"
        )
    random = np.random.default_rng(seed)
    n_each = min(n_trials // 2, *n_pairs)
    left, right = [], []
    for per_place, total, first in (
        (n_targets, n_pairs[0], place + 1),
        (n_impostors, n_pairs[1], end),
    ):
        chosen = random.choice(total, n_each, replace=False)
        ends = np.cumsum(per_place)
        one = np.searchsorted(ends, chosen, side="right")
        other = first[one] + chosen - (ends[one] - per_place[one])
        left.append(order[one])
        right.append(order[other])
    return np.concatenate(left), np.concatenate(right), np.arange(2 * n_each) < n_each


def _error_rates(
    scores: ArrayLike, is_target: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False-alarm and miss rate at every threshold, from "always no" to "always yes"."""
    score = np.asarray(scores, dtype=np.float64)
    target = np.asarray(is_target, dtype=np.bool_)
    if score.ndim != 1 or score.shape != target.shape:
        raise DataError(
            f"scores have the shape {score.shape}, is_target {target.shape}; "
            "two lists of one length are needed"
        )
    if not np.isfinite(score).all():
        raise DataError(f"{np.sum(~np.isfinite(score))} of {len(score)} scores are not finite")
    n_targets = int(target.sum())
    if n_targets in (0, len(target)):
        raise DataError(
            f"{n_targets} of {len(target)} trials are target trials; both kinds are needed"
        )
    false_alarms, hits, _ = sklearn.metrics.roc_curve(target, score, drop_intermediate=False)
    return false_alarms, 1 - hits
