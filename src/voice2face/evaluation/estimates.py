"""Estimates with intervals, for everybody and for subgroups, and differences between systems.

A `TrialMetric` is a number per trial (right or wrong, a similarity), whose mean is estimated;
estimates, subgroups and paired differences are matrix products over identities.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.trials import TrialSet
from voice2face.metrics.intervals import identity_weights, mean_interval

_FEW = 10


@dataclass(frozen=True)
class Estimate:
    """A figure of the result.

    Attributes:
        name: Protocol, stratum and what is measured, such as "matching/gender/1:2".
        value: The figure; NaN where it is undefined, and `note` says why.
        low: Lower end of the 95 % interval over identities.
        chance: What guessing gives; NaN where there is no such level.
        unit: "%" or "".
        group: "everybody", or an attribute and its value: "gender=female".
        higher_is_better: None where neither is.
        note: What to know when reading it.
    """

    name: str
    value: float
    low: float
    high: float
    n_identities: int
    n_trials: int
    chance: float = math.nan
    unit: str = "%"
    group: str = "everybody"
    higher_is_better: bool | None = True
    note: str = ""

    @property
    def few(self) -> bool:
        """Whether too few identities stand behind it to be read."""
        return self.n_identities < _FEW

    def as_dict(self) -> dict:
        """The figure for JSON: numbers rounded to six digits, NaN as None."""
        fields = {
            key: (None if math.isnan(value) else float(f"{value:.6g}"))
            if isinstance(value, float)
            else value
            for key, value in dataclasses.asdict(self).items()
        }
        return {**fields, "few": self.few}


@dataclass(frozen=True)
class Subgroups:
    """Groups of people that figures are told for.

    Attributes:
        names: "everybody" first, then "attribute=value".
        masks: (subgroups, people) who is in each.
    """

    names: tuple[str, ...]
    masks: NDArray[np.bool_]

    @classmethod
    def from_trials(cls, trials: TrialSet, by: Sequence[str] = ()) -> Subgroups:
        """Find the subgroups of a trial set by attributes.

        Returns:
            Those that have anybody in them.
        """
        names, masks = ["everybody"], [np.ones(len(trials.people), dtype=bool)]
        for attribute in by:
            values, cell = trials.factorize(attribute)
            names += [f"{attribute}={value}" for value in values]
            masks += [cell == index for index in range(len(values))]
        return cls(tuple(names), np.stack(masks))

    @property
    def everybody(self) -> Subgroups:
        """The first cell alone."""
        return Subgroups(self.names[:1], self.masks[:1])


@dataclass(frozen=True)
class TrialMetric:
    """A number a trial, whose mean is a figure.

    Attributes:
        person: (trials,) whom each was about.
        value: (trials,).
        chance: Mean of guessing, in the unit of `value`; (trials,) where trials differ in it.
        unit: "%": values are shares, and the figure is 100 times their mean.
        bounds: Least and greatest value of a trial, where there are such.
        by_group: Whether it is told for each cell too.
    """

    name: str
    person: NDArray[np.integer]
    value: NDArray[np.float64]
    chance: float | NDArray[np.float64] = math.nan
    unit: str = "%"
    bounds: tuple[float, float] | None = (0.0, 1.0)
    by_group: bool = True
    higher_is_better: bool | None = True

    @property
    def scale(self) -> float:
        """From a mean to the figure."""
        return 100.0 if self.unit == "%" else 1.0


def mean_estimates(
    outcomes: Sequence[TrialMetric], subgroups: Subgroups, weights: NDArray[np.float32]
) -> list[Estimate]:
    """Figures of outcomes, for everybody and for each cell.

    Args:
        weights: (resamples, people); see `intervals.identity_weights`.

    Returns:
        Figures, those of one outcome together.
    """
    figures = []
    for outcome in outcomes:
        groups = subgroups if outcome.by_group else subgroups.everybody
        sums, counts = _sums(outcome, weights.shape[1])
        masks = groups.masks.T
        values, low, high = mean_interval(
            weights, sums[:, None] * masks, counts[:, None] * masks, outcome.bounds
        )
        scale = outcome.scale
        n_identities, n_trials = (counts > 0).astype(int) @ masks, counts @ masks
        guesses = np.broadcast_to(outcome.chance, outcome.value.shape)
        guessed = np.bincount(outcome.person, guesses, minlength=weights.shape[1]) @ masks
        figures += [
            Estimate(
                outcome.name,
                scale * float(values[cell]),
                scale * float(low[cell]),
                scale * float(high[cell]),
                int(n_identities[cell]),
                int(n_trials[cell]),
                scale * float(guessed[cell] / n_trials[cell]),
                outcome.unit,
                group,
                outcome.higher_is_better,
            )
            for cell, group in enumerate(groups.names)
            if n_trials[cell]
        ]
    return figures


def difference_estimates(
    system: Sequence[TrialMetric], other: Sequence[TrialMetric], weights: NDArray[np.float32]
) -> list[Estimate]:
    """How much better a system is than another on the same trials, paired.

    Args:
        other: Outcomes of the other, on the same lists with the same judge.

    Returns:
        A figure an outcome that both have: the first's less the second's. Chance is 0.
    """
    others = {outcome.name: outcome for outcome in other}
    figures = []
    for outcome in system:
        if outcome.name not in others:
            continue
        sums, counts = _sums(outcome, weights.shape[1])
        against, counts_against = _sums(others[outcome.name], weights.shape[1])
        if not np.array_equal(counts, counts_against):
            continue  # not the same trials: nothing can be said
        values, low, high = mean_interval(weights, (sums - against)[:, None], counts[:, None])
        value, least, most = (outcome.scale * float(end[0]) for end in (values, low, high))
        figures.append(
            Estimate(
                outcome.name,
                value,
                least,
                most,
                n_identities=int((counts > 0).sum()),
                n_trials=int(counts.sum()),
                chance=0.0,
                unit=outcome.unit,
                higher_is_better=outcome.higher_is_better,
            )
        )
    return figures


def _sums(outcome: TrialMetric, n_people: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of the values of each person's trials, and their number."""
    return (
        np.bincount(outcome.person, outcome.value, minlength=n_people).astype(float),
        np.bincount(outcome.person, minlength=n_people).astype(float),
    )


def worst_group(figures: Sequence[Estimate]) -> dict[str, dict]:
    """Name, for each figure, the group that fares worst.

    Args:
        figures: Of one system; those of fewer than `_FEW` identities do not count.

    Returns:
        By figure: the group, its value, and that of everybody. Figures told for fewer than two
        groups are left out.
    """
    by_name: dict[str, list[Estimate]] = {}
    for figure in figures:
        by_name.setdefault(figure.name, []).append(figure)
    worst = {}
    for name, own in by_name.items():
        known = [f for f in own if f.group != "everybody" and not f.few and not math.isnan(f.value)]
        if len(known) < 2 or known[0].higher_is_better is None:
            continue
        sign = 1 if known[0].higher_is_better else -1
        least = min(known, key=lambda figure: sign * figure.value)
        worst[name] = {
            "group": least.group,
            "value": least.as_dict()["value"],
            "everybody": next((f.as_dict()["value"] for f in own if f.group == "everybody"), None),
        }
    return worst


def weights_for(trials: TrialSet, seed: int) -> NDArray[np.float32]:
    """Resampling weights for what recordings are asked.

    People on both sides are resampled among themselves, so that others do not thin them out;
    where nobody is, all who have a recording.

    Returns:
        (resamples, people).
    """
    person = trials.recording_person
    of_both = person[trials.paired[person]]
    return spread_weights(of_both if len(of_both) else person, len(trials.people), seed)


def spread_weights(person: NDArray[np.integer], n_people: int, seed: int) -> NDArray[np.float32]:
    """Resampling weights over those who are asked about; everybody else has none.

    Args:
        person: Who is asked about, in any order and any number of times.

    Returns:
        (resamples, n_people).
    """
    asked = np.unique(person)
    weights = identity_weights(len(asked), seed)
    spread = np.zeros((len(weights), n_people), dtype=np.float32)
    spread[:, asked] = weights
    return spread
