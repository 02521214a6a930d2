"""VGGFace score, with its interval over identities."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.estimates import Estimate, Subgroups
from voice2face.evaluation.face_sets import by_person
from voice2face.evaluation.interfaces import IdentityClassifier
from voice2face.evaluation.quality_estimates import biased_estimate
from voice2face.evaluation.sections import Context, Faces, with_worst
from voice2face.metrics import retrieval as metrics


def vggface_estimates(
    posteriors: NDArray[np.floating],
    person: NDArray[np.integer],
    subgroups: Subgroups,
    weights: NDArray[np.float32],
) -> list[Estimate]:
    """VGGFace score with its interval over identities.

    Args:
        posteriors: (faces, classes), each row summing to 1.
        person: (faces,) whose recording, or face, each is.
        subgroups: Whom to tell figures for; each group has its own marginal.
        weights: (resamples, people).

    Returns:
        The figures; chance is 1, which a classifier gives that says the same of every face.
    """
    p = np.asarray(posteriors, np.float64)
    own = (p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)
    figures = []
    for mask, group in zip(subgroups.masks, subgroups.names, strict=True):
        rows = mask[person]
        if not rows.any():
            continue
        present, number = np.unique(person[rows], return_counts=True)
        sums = by_person(np.column_stack([own[rows], p[rows]]), person[rows])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = weights[:, present] @ sums / (weights[:, present] @ number)[:, None]
        marginal = means[:, 1:]
        logarithm = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
        resampled = np.exp(means[:, 0] - (marginal * logarithm).sum(axis=1))
        value = metrics.vggface_score(p[rows])
        estimate = biased_estimate("VGGFace score", value, resampled, person[rows], group, True)
        low, high = np.clip([estimate.low, estimate.high], 1, p.shape[1]).tolist()
        figures.append(dataclasses.replace(estimate, chance=1.0, low=low, high=high))
    return figures


def vggface_section(context: Context, judge: IdentityClassifier, generated: Faces) -> dict:
    """VGGFace score of each contender, and of real faces.

    Args:
        generated: Faces by contender; of several samples the first.

    Returns:
        The section; `about` is what is known of the classifier.
    """
    trials = context.trials
    contenders = {
        name: with_worst(
            vggface_estimates(
                judge.posteriors(faces[:, 0]),
                trials.recording_person,
                context.subgroups,
                context.voice_weights,
            )
        )
        for name, faces in generated.items()
    }
    chosen = context.real_faces()
    own = vggface_estimates(
        judge.posteriors(context.store.images[trials.face_rows[chosen]]),
        trials.face_person[chosen],
        context.subgroups,
        context.face_weights,
    )
    estimates = [figure.as_dict() for figure in own]
    return {"own": estimates, "contenders": contenders, "about": dict(judge.statistics)}
