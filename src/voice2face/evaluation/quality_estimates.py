"""Image quality: figures of whole sets of faces, with intervals over identities.

What is a mean over faces (precision, recall, density, coverage) becomes a `TrialMetric`. The others
are functions of sums over identities or over pairs of them, resampled exactly; only the Fréchet
distance has to be computed anew in each resample.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.estimates import Estimate, Subgroups, TrialMetric, mean_estimates
from voice2face.evaluation.face_sets import FaceSet, PairSums
from voice2face.evaluation.sections import Context, Faces, with_worst
from voice2face.metrics.image_quality import (
    cubic_kernel,
    distances,
    frechet_distance,
    kernel_distance,
    membership,
    nearest_distances,
)
from voice2face.metrics.intervals import percentiles
from voice2face.pretrained.interfaces import ImageFeatures

_TRAINING_FACES = 4000
_DRAWN_FACES = 2000
# Below this, distances between sets say nothing.
_FEWEST = 10
_NEIGHBOUR = 5
_FRECHET_RESAMPLES = 100
_DEVIATIONS = 1.959964  # of a normal distribution, that hold its central 95 %

Matrix = NDArray[np.float64]


def quality_estimates(
    generated: FaceSet, real: FaceSet, training: NDArray[np.floating], subgroups: Subgroups
) -> list[Estimate]:
    """Compare drawn faces with real ones by their features.

    Both sides' people are drawn anew, those of both sides together where they are the same people.
    Neighbourhoods stay as they are meanwhile: precision and density vary with the drawn side only,
    recall and coverage with the real one.

    Args:
        training: (faces, features) of training faces; none where there are none.
        subgroups: Whom to tell figures for: whose faces are drawn, compared with real faces of the
            same group. The Fréchet distance is told for everybody only: it grows as sets shrink.

    Returns:
        The figures. None for a group with fewer than 10 faces on a side.
    """
    figures = []
    for mask, group in zip(subgroups.masks, subgroups.names, strict=True):
        mine, theirs = generated.only(mask), real.only(mask)
        if min(len(mine.person), len(theirs.person)) < _FEWEST:
            continue
        alone = Subgroups((group,), mask[None])
        if group == subgroups.names[0]:
            figures.append(_frechet(mine, theirs))
        figures.append(kernel_distance_estimate(mine, theirs, group))
        figures += _neighbourhood_figures(mine, theirs, alone)
        figures.append(_diversity(mine, group))
        if len(training):
            figures.append(_nearest_training_face(mine, training, group))
    return figures


def _set_figure(
    name: str,
    value: float,
    ends: tuple[float, float],
    person: NDArray[np.integer],
    group: str,
    higher_is_better: bool | None = None,
) -> Estimate:
    """Make a figure of a set of faces, without an interval where they are of one person.

    Args:
        person: (faces,) whose each is.
    """
    n_identities = len(np.unique(person))
    low, high = ends if n_identities > 1 else (math.nan, math.nan)
    return Estimate(
        name,
        value,
        low,
        high,
        n_identities,
        len(person),
        unit="",
        group=group,
        higher_is_better=higher_is_better,
    )


def kernel_distance_estimate(generated: FaceSet, real: FaceSet, group: str) -> Estimate:
    """Compute `image_quality.kernel_distance`, with its interval over the people of both sides."""
    x, y = generated.features, real.features
    within = [
        PairSums.within(cubic_kernel(one.features, one.features), one) for one in (generated, real)
    ]
    across = PairSums.across(cubic_kernel(x, y), generated, real)

    def distance(of_generated: Matrix, of_real: Matrix) -> Matrix:
        return (
            within[0].mean(of_generated, of_generated)
            + within[1].mean(of_real, of_real)
            - 2 * across.mean(of_generated, of_real)
        )

    figure = _resampled(
        "kernel distance", distance, (generated, real), group, higher_is_better=False
    )
    return dataclasses.replace(figure, value=kernel_distance(x, y))


def _diversity(generated: FaceSet, group: str) -> Estimate:
    sums = PairSums.within(distances(generated.features, generated.features), generated)
    return _resampled("diversity", lambda weight: sums.mean(weight, weight), (generated,), group)


def _resampled(
    name: str,
    statistic: Callable[..., Matrix],
    sets: Sequence[FaceSet],
    group: str,
    higher_is_better: bool | None = None,
) -> Estimate:
    """A statistic of weights of the people of each set, with its interval."""
    present = [np.unique(one.person) for one in sets]
    value = statistic(*(np.ones((1, len(people))) for people in present))[0]
    resampled = statistic(
        *(one.weights[:, people] for one, people in zip(sets, present, strict=True))
    )
    low, high = percentiles(resampled)
    ends = (float(low), float(high))
    return _set_figure(name, float(value), ends, sets[0].person, group, higher_is_better)


def _neighbourhood_figures(generated: FaceSet, real: FaceSet, alone: Subgroups) -> list[Estimate]:
    found = membership(real.features, generated.features, _NEIGHBOUR)
    of_generated = [
        TrialMetric("precision", generated.person, (found.inside > 0).astype(float)),
        TrialMetric("density", generated.person, found.inside / _NEIGHBOUR, unit="", bounds=None),
    ]
    of_real = [
        TrialMetric("recall", real.person, found.recalled.astype(float)),
        TrialMetric("coverage", real.person, found.covered.astype(float)),
    ]
    return [
        *mean_estimates(of_generated, alone, generated.weights),
        *mean_estimates(of_real, alone, real.weights),
    ]


def _nearest_training_face(faces: FaceSet, training: NDArray[np.floating], group: str) -> Estimate:
    """Median distance to the nearest training face."""
    values = nearest_distances(faces.features, np.asarray(training))
    order = np.argsort(values, kind="stable")
    below = np.cumsum(faces.weights[:, faces.person[order]], axis=1, dtype=np.float64)
    middle = (below >= below[:, -1:] / 2).argmax(axis=1)
    resampled = np.where(below[:, -1] > 0, values[order][middle], np.nan)
    low, high = percentiles(resampled)
    ends = (float(low), float(high))
    value = float(np.median(values))
    return _set_figure("nearest training face", value, ends, faces.person, group)


def _frechet(generated: FaceSet, real: FaceSet) -> Estimate:
    """With the spread of resampled distances, about the distance itself: they lie above it."""
    value = frechet_distance(generated.features, real.features)
    middle = generated.features.mean(axis=0)
    x, y = generated.features - middle, real.features - middle
    grams = x @ x.T, x @ y.T, y @ y.T
    weights = zip(
        generated.weights[:_FRECHET_RESAMPLES, generated.person],
        real.weights[:_FRECHET_RESAMPLES, real.person],
        strict=True,
    )
    resampled = np.array([frechet_of_grams(*grams, *pair) for pair in weights])
    return biased_estimate(
        "Fréchet distance", value, resampled, generated.person, "everybody", False
    )


def biased_estimate(
    name: str,
    value: float,
    resampled: Matrix,
    person: NDArray[np.integer],
    group: str,
    higher_is_better: bool,
) -> Estimate:
    """Make a figure that repeated faces shift, so that its resamples lie beside it.

    Args:
        resampled: (resamples,) the figure in each; NaN where it has none.

    Returns:
        The figure, whose interval is that of a lognormal distribution about the value with the
        spread of the resamples. The note tells the shift.
    """
    figure = _set_figure(name, value, (value, value), person, group, higher_is_better)
    known = resampled[np.isfinite(resampled) & (resampled > 0)]
    if figure.n_identities < 2 or len(known) < 2 or value <= 0:
        return dataclasses.replace(figure, low=math.nan, high=math.nan)
    reach = math.exp(_DEVIATIONS * float(np.log(known).std(ddof=1)))
    note = (
        f"Drawing people anew repeats faces, which alone moves it by {known.mean() - value:+.3g} "
        "on average; the interval is that of the spread alone."
    )
    return dataclasses.replace(figure, low=value / reach, high=value * reach, note=note)


def frechet_of_grams(
    of_x: Matrix,
    across: Matrix,
    of_y: Matrix,
    weights_x: NDArray[np.float32],
    weights_y: NDArray[np.float32],
) -> float:
    """Compute the Fréchet distance of two sets whose images are there several times.

    Args:
        of_x: (x, x) inner products of the features of the one set.
        across: (x, y) with those of the other.
        of_y: (y, y).
        weights_x: (x,) how often each image is there.
        weights_y: (y,) likewise.

    Returns:
        What `image_quality.frechet_distance` gives for the repeated rows; NaN where a set has
        fewer than two images.
    """
    rows, columns = np.flatnonzero(weights_x), np.flatnonzero(weights_y)
    v, w = weights_x[rows].astype(np.float64), weights_y[columns].astype(np.float64)
    if min(v.sum(), w.sum()) < 2:
        return math.nan
    of_x, of_y = of_x[np.ix_(rows, rows)], of_y[np.ix_(columns, columns)]
    across = across[np.ix_(rows, columns)]
    p, q = v / v.sum(), w / w.sum()
    mean_x, mean_y, mean_across = p @ of_x @ p, q @ of_y @ q, p @ across @ q
    spread = (v @ np.diag(of_x) - v.sum() * mean_x) / (v.sum() - 1)
    spread += (w @ np.diag(of_y) - w.sum() * mean_y) / (w.sum() - 1)
    centred = across - (across @ q)[:, None] - p @ across + mean_across
    scaled = np.sqrt(v / (v.sum() - 1))[:, None] * centred * np.sqrt(w / (w.sum() - 1))
    square = scaled @ scaled.T if len(rows) <= len(columns) else scaled.T @ scaled
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(square), 0, None)).sum()
    return max(0.0, float(mean_x + mean_y - 2 * mean_across + spread - 2 * roots))


def quality_section(context: Context, judge: ImageFeatures, generated: Faces) -> dict:
    """Image quality, by one kind of features.

    The people of real faces are halved: one half is what faces are compared with, the other is
    judged as they are, in equal number. Its figures are what a perfect system would reach.

    Args:
        generated: Faces by contender; of several samples the first.

    Returns:
        The section; "own" is of held-out real faces.
    """
    store, trials = context.store, context.trials
    random = np.random.default_rng([context.seed, 2])
    n_people = len(trials.people)
    train = np.flatnonzero(np.array(store.faces["split"]) == "train")
    train = np.sort(random.permutation(train)[:_TRAINING_FACES])
    training = judge.extract(store.images[train]) if len(train) else np.zeros((0, 1))
    chosen = context.real_faces()
    real = judge.extract(store.images[trials.face_rows[chosen]])
    owner = trials.face_person[chosen]
    people = random.permutation(np.unique(owner))
    in_reference = np.isin(owner, people[: len(people) // 2])
    n_faces = min(int((~in_reference).sum()), len(trials.recording_rows), _DRAWN_FACES)
    kept = np.sort(random.permutation(len(trials.recording_rows))[:n_faces])
    held_out = np.flatnonzero(~in_reference)
    held_out = np.sort(random.permutation(held_out)[:n_faces])

    # The same people on both sides get the same weights, other people others.
    speakers = trials.recording_person[kept]
    same = np.array_equal(np.unique(speakers), np.unique(owner[in_reference]))
    seeds = [context.seed, context.seed if same else context.seed + 1, context.seed + 2]
    reference = FaceSet.create(real[in_reference], owner[in_reference], n_people, seeds[1])
    others = FaceSet.create(real[held_out], owner[held_out], n_people, seeds[2])
    contenders = {}
    for name, faces in generated.items():
        mine = FaceSet.create(judge.extract(faces[kept, 0]), speakers, n_people, seeds[0])
        contenders[name] = with_worst(
            quality_estimates(mine, reference, training, context.subgroups)
        )
    own = quality_estimates(others, reference, training, context.subgroups)
    return {"own": [figure.as_dict() for figure in own], "contenders": contenders}
