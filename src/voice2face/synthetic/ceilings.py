"""What the best possible system would reach, where it is known: in planted worlds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.metrics import retrieval as metrics
from voice2face.metrics.verification import auc, eer
from voice2face.synthetic.latents import WorldSettings, line_up_scores
from voice2face.synthetic.world import is_planted, world_settings

_MOST_TRIALS = 100_000
_MOST_SCORES = 4_000_000
_LINE_UP = 10


def known_ceiling(
    store: Store, lists: Iterable[tuple[str, str, int]]
) -> tuple[str, dict[str, float]]:
    """Find the best reachable figures of every trial list, where the store is a planted world.

    Args:
        lists: Protocol, stratum and size of each.

    Returns:
        The best matching in words, and the ceiling by the name of a figure, in its unit, percent
        but for the median rank. Both are empty where the truth is not known.
    """
    if not is_planted(store):
        return "", {}
    settings = world_settings(store)
    figures: dict[str, float] = {}
    for protocol, stratum, size in lists:
        # "all" joins the attributes that are told, in a planted world gender alone.
        if stratum in ("none", "gender", "all"):
            figures |= list_ceiling(settings, protocol, stratum, size)
    found = []
    for n in (2, 5, 10):
        mixed, within = (_best(settings, "matching", n, same)[0][1] for same in (False, True))
        found.append(f"1 of {n}: {mixed:.1f} %, within gender {within:.1f} %")
    return f"Best reachable matching in this planted world: {'; '.join(found)}.", figures


def list_ceiling(
    settings: WorldSettings, protocol: str, stratum: str, size: int
) -> dict[str, float]:
    """Find the best reachable figures of a trial list of a planted world, by simulation.

    Of matching with one factor and two candidates of one gender the answer is
    arccos(-r / sqrt(2 - r^2)) / pi: the two errors v - r f_1 and v - r f_2 are normal with
    variances 1 - r^2 and 1 + r^2 and covariance 1 - r^2, and the first is the smaller when their
    sum and difference differ in sign.

    Returns:
        The ceiling by the name of a figure, in its unit. The standard error of matching is below
        0.2 percentage points, of retrieval at most 50 / sqrt(4,000,000 / size).
    """
    start = f"{protocol}/{stratum}" + ("" if protocol == "verification" else f"/1:{size}")
    found = _best(settings, protocol, size, stratum != "none")
    return {f"{start}/{name}".removesuffix("/"): value for name, value in found}


@lru_cache(maxsize=64)
def _best(
    settings: WorldSettings, protocol: str, size: int, same_gender: bool
) -> tuple[tuple[str, float], ...]:
    """Figures of the best score by the rest of their name."""
    # The first candidates of a longer line-up are a shorter one.
    scores = _scores(settings, max(size, _LINE_UP), same_gender)[:, :size]
    if protocol == "verification":
        is_target = np.arange(scores.shape[1]) == 0
        both = scores.ravel(), np.broadcast_to(is_target, scores.shape).ravel()
        return ("eer", 100 * eer(*both)), ("auc", 100 * auc(*both))
    better, tied = metrics.rank_bounds(scores, np.zeros(len(scores), int))
    if protocol == "matching":
        return (("", _percent(metrics.recall_credit(better, tied, 1))),)
    recalls = [
        (f"recall@{k}", _percent(metrics.recall_credit(better, tied, k)))
        for k in metrics.RECALL_AT
        if k < size
    ]
    precision = _percent(metrics.precision_credit(better, tied))
    median = float(np.median(metrics.expected_rank(better, tied)))
    return (*recalls, ("map", precision), ("median rank", median))


@lru_cache(maxsize=4)
def _scores(settings: WorldSettings, size: int, same_gender: bool) -> NDArray[np.float64]:
    n_trials = max(1, min(_MOST_TRIALS, _MOST_SCORES // size))
    return np.concatenate([*line_up_scores(settings, size, same_gender, n_trials)])


def _percent(shares: NDArray[np.float64]) -> float:
    return 100 * float(shares.mean())
