"""Visible traits that are numbers, of drawn and true faces of the same people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.estimates import Estimate, Subgroups, TrialMetric, mean_estimates
from voice2face.evaluation.sections import Context, Faces, differences_between, with_worst
from voice2face.metrics.intervals import percentiles
from voice2face.pretrained.interfaces import AttributeMeasure

# What no judge here can tell.
UNTOLD = ("facial hair", "glasses", "eye colour", "length of hair", "marks of the skin")
_FEWEST = 3
_SAME = 1e-9

Values = NDArray[np.float64]


def measured_section(
    context: Context, judge: AttributeMeasure, generated: Faces, systems: Sequence[str]
) -> dict:
    """How near drawn faces are to true ones of the same people in each trait.

    Of people with a voice and a face. "difference" is the mean absolute difference of a drawn
    face from the mean of its person's true faces, and its chance that from everybody's; it
    favours an average face. "correlation" is over people, of the means of both sides, and says
    whether the voice's trait is drawn.

    Returns:
        The section; `own` is of one half of each person's true faces against the other half.
    """
    trials, n_people = context.trials, len(context.trials.people)
    true = judge.measure(context.true_faces())
    contenders, outcomes = {}, {}
    for name, faces in generated.items():
        person = np.repeat(trials.recording_person, faces.shape[1])
        found = judge.measure(faces.reshape(-1, *faces.shape[2:]))
        means = {
            trait: _means(values, trials.face_person, n_people) for trait, values in true.items()
        }
        outcomes[name] = _outcomes(found, person, means)
        contenders[name] = with_worst(
            [
                *mean_estimates(outcomes[name], context.subgroups, context.weights),
                *_correlations(found, person, means, context.subgroups, context.weights),
            ]
        )
    own = _retest(true, trials.face_person, context)
    return {
        "own": [figure.as_dict() for figure in own],
        "contenders": contenders,
        **differences_between(outcomes, systems, context.weights),
    }


def _retest(
    true: Mapping[str, Values], person: NDArray[np.integer], context: Context
) -> list[Estimate]:
    """One half of each person's true faces against the mean of the other half."""
    n_people, everybody = len(context.trials.people), context.subgroups.everybody
    order = np.argsort(person, kind="stable")
    place = np.empty(len(person), int)
    place[order] = np.arange(len(person)) - np.searchsorted(person[order], person[order])
    probe = place % 2 == 1
    means = {
        trait: _means(values[~probe], person[~probe], n_people) for trait, values in true.items()
    }
    found = {trait: values[probe] for trait, values in true.items()}
    return [
        *mean_estimates(_outcomes(found, person[probe], means), everybody, context.weights),
        *_correlations(found, person[probe], means, everybody, context.weights),
    ]


def _outcomes(
    found: Mapping[str, Values], person: NDArray[np.integer], means: Mapping[str, Values]
) -> list[TrialMetric]:
    outcomes = []
    for trait, values in found.items():
        kept = np.isfinite(values) & np.isfinite(means[trait][person])
        if not kept.any():
            continue
        others = means[trait][np.isfinite(means[trait])]
        chance = np.abs(values[kept][:, None] - others).mean(axis=1)
        outcomes.append(
            TrialMetric(
                f"difference/{trait}",
                person[kept],
                np.abs(values[kept] - means[trait][person[kept]]),
                chance,
                unit="",
                bounds=None,
                higher_is_better=False,
            )
        )
    return outcomes


def _correlations(
    found: Mapping[str, Values],
    person: NDArray[np.integer],
    means: Mapping[str, Values],
    subgroups: Subgroups,
    weights: NDArray[np.float32],
) -> list[Estimate]:
    figures = []
    for trait, values in found.items():
        generated = _means(values, person, weights.shape[1])
        n_trials = np.bincount(person[np.isfinite(values)], minlength=weights.shape[1])
        figures += correlation_estimates(
            f"correlation/{trait}", (generated, means[trait]), n_trials, subgroups, weights
        )
    return figures


def correlation_estimates(
    name: str,
    sides: tuple[Values, Values],
    n_trials: NDArray[np.integer],
    subgroups: Subgroups,
    weights: NDArray[np.float32],
) -> list[Estimate]:
    """Pearson correlation over people, with the interval of people drawn anew.

    Args:
        sides: (people,) each; people who lack a side (NaN) are left out.
        n_trials: (people,) faces behind each.
        subgroups: Whom to tell figures for; those of fewer than three people are left out.
        weights: (resamples, people).

    Returns:
        The figures; undefined, with a note, where one side is the same for all.
    """
    one, other = sides
    figures = []
    for mask, group in zip(subgroups.masks, subgroups.names, strict=True):
        kept = mask & np.isfinite(one) & np.isfinite(other)
        n_people = int(kept.sum())
        if n_people < _FEWEST:
            continue
        x, y = one[kept], other[kept]
        value, low, high, note = math.nan, math.nan, math.nan, ""
        if min(x.std(), y.std()) <= _SAME * (1 + np.abs(x).max() + np.abs(y).max()):
            note = "undefined: the trait is the same for all"
        else:
            value = float(_weighted(np.ones((1, n_people)), x, y)[0])
            ends = percentiles(_weighted(weights[:, kept].astype(np.float64), x, y))
            low, high = (float(end) for end in ends)
        figures.append(
            Estimate(
                name,
                value,
                low,
                high,
                n_people,
                int(n_trials[kept].sum()),
                0.0,
                "",
                group,
                note=note,
            )
        )
    return figures


def _weighted(weights: Values, x: Values, y: Values) -> Values:
    """Correlation in each resample; NaN where a side does not vary."""
    x, y = x - x.mean(), y - y.mean()
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mx, my = weights @ x / total, weights @ y / total
        covariance = weights @ (x * y) / total - mx * my
        spread = (weights @ x**2 / total - mx**2) * (weights @ y**2 / total - my**2)
        return np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 0)), np.nan)


def _means(values: Values, person: NDArray[np.integer], n_people: int) -> Values:
    """(people,) mean of each person's known values; NaN where there is none."""
    known = np.isfinite(values)
    count = np.bincount(person[known], minlength=n_people)
    total = np.bincount(person[known], values[known], minlength=n_people)
    return np.divide(total, count, out=np.full(n_people, np.nan), where=count > 0)
