"""What the best possible system would reach, where it is known: in planted worlds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.metrics import retrieval as metrics
from voice2face.metrics.verification import auc, eer
from voice2face.synthetic.latents import WorldSettings, ceiling_line, line_up_scores
from voice2face.synthetic.world import is_planted, world_settings

__all__ = ["known_ceiling", "list_ceiling"]

_MOST_TRIALS = 100_000
_MOST_SCORES = 4_000_000
_LINE_UP = 10


class _TrialList(Protocol):
    """What a ceiling depends on: see `evaluation.trials.GroupList`."""

    @property
    def protocol(self) -> str:
        """Of matching, verification or retrieval."""
        ...

    @property
    def stratum(self) -> str:
        """What the people of a line-up share."""
        ...

    @property
    def size(self) -> int:
        """People in a line-up."""
        ...


def known_ceiling(store: Store, lists: Iterable[_TrialList]) -> tuple[str, dict[str, float]]:
    """Find the best reachable figures of every trial list, where the store is a planted world.

    Returns:
        The best matching in words, and the ceiling by the name of a figure, in its unit, percent
        but for the median rank. Both are empty where the truth is not known.
    """
    if not is_planted(store):
        return "", {}
    settings = world_settings(store)
    figures: dict[str, float] = {}
    for groups in lists:
        # "all" joins the attributes that are told, in a planted world gender alone.
        if groups.stratum in ("none", "gender", "all"):
            figures |= list_ceiling(settings, groups)
    return ceiling_line(settings), figures


def list_ceiling(settings: WorldSettings, groups: _TrialList) -> dict[str, float]:
    """Find the best reachable figures of a trial list of a planted world, by simulation.

    Returns:
        The ceiling by the name of a figure, in its unit. The standard error of matching is below
        0.2 percentage points, of retrieval at most 50 / sqrt(4,000,000 / size).
    """
    start = f"{groups.protocol}/{groups.stratum}"
    told = _best(settings, groups.protocol, groups.size, groups.stratum != "none")
    if groups.protocol != "verification":
        start = f"{start}/1:{groups.size}"
    return {f"{start}/{name}".removesuffix("/"): value for name, value in told}


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
