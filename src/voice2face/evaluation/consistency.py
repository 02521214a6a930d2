"""Consistency: faces of one speaker's recordings against those of different speakers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.estimates import Estimate, Subgroups
from voice2face.evaluation.trials import TrialSet
from voice2face.metrics import retrieval as metrics
from voice2face.metrics.intervals import percentiles

# Generated faces that differ by less than this share of what real faces of different people
# differ by are taken for one face.
_LEAST_SPREAD = 0.01
_ONE_FACE = "undefined: all speakers get the same face"


def genders_or_one(trials: TrialSet) -> NDArray[np.int64]:
    """Number each person's gender, -1 where it is not told; 0 for all where nobody's is."""
    _, gender = trials.factorize("gender")
    return gender if (gender >= 0).any() else np.zeros_like(gender)


def consistency_estimates(
    trials: TrialSet,
    probes: NDArray[np.float32],
    subgroups: Subgroups,
    weights: NDArray[np.float32],
    spread_of_real: float = math.nan,
) -> list[Estimate]:
    """Whether recordings of one speaker give like faces, and those of others unlike ones.

    The score is 1 - within / between, with the distances of `metrics.consistency` and pairs of
    speakers of the same gender: 1 where each speaker has one face of its own, 0 where the
    recordings of one speaker give faces as unlike as those of different speakers.

    Args:
        probes: (recordings, embedding) of the generated faces.
        weights: (resamples, people).
        spread_of_real: Mean distance between true faces of different people of one gender in the
            same judge's space; NaN if not known.

    Returns:
        Score, and both distances. The score is NaN, and the note says so, where different
        speakers get one face (less than 1 % of the spread of real faces, or of 1 without it).
    """
    person, n_people = trials.recording_person, len(trials.people)
    found = metrics.consistency(probes, person, genders_or_one(trials)[person])
    within, between = (np.append(one, np.full(n_people - len(one), np.nan)) for one in found)
    known = np.isfinite(within) & np.isfinite(between)
    parts = np.where(known, np.stack([within, between, np.ones(n_people)]), 0.0).T
    n_recordings = np.bincount(person, minlength=n_people)
    least = _LEAST_SPREAD * (1.0 if math.isnan(spread_of_real) else spread_of_real)
    figures = []
    for mask, group in zip(subgroups.masks, subgroups.names, strict=True):
        chosen = mask & known
        if chosen.any():
            n_asked = int(n_recordings[chosen].sum())
            figures += _of_group(parts[chosen], weights[:, chosen], least, n_asked, group)
    return figures


def _of_group(
    parts: NDArray[np.float64],
    weights: NDArray[np.float32],
    least: float,
    n_recordings: int,
    group: str,
) -> Iterator[Estimate]:
    """Figures of people of one group: (people, 3) within, between and 1 of each."""
    count = len(parts)
    near, far, _ = parts.sum(axis=0) / count
    sums = (weights @ parts.astype(np.float32)).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[:, :2] / sums[:, 2:]
        score = 1 - means[:, 0] / means[:, 1]
    one_face = bool(far < least)
    lowest, highest = percentiles(np.column_stack([score, means]))
    values = {"score": 1 - near / far if far else math.nan, "within": near, "between": far}
    for (name, value), low, high in zip(values.items(), lowest, highest, strict=True):
        is_score = name == "score"
        undefined = one_face and is_score
        hidden = undefined or count < 2
        yield Estimate(
            f"consistency/{name}",
            math.nan if undefined else float(value),
            math.nan if hidden else float(low),
            math.nan if hidden else float(high),
            count,
            n_recordings,
            0.0 if is_score else math.nan,
            "",
            group,
            True if is_score else None,
            _ONE_FACE if undefined else "",
        )
