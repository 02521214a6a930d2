"""VGGFace score, with its interval over identities."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.face_sets import by_person
from voice2face.evaluation.figures import Cells, Figure
from voice2face.evaluation.interfaces import IdentityClassifier
from voice2face.evaluation.quality_figures import biased_figure
from voice2face.evaluation.sections import Faces, Scene, with_worst
from voice2face.metrics import retrieval as metrics

__all__ = ["vggface_figures", "vggface_section"]


def vggface_figures(
    posteriors: NDArray[np.floating],
    person: NDArray[np.integer],
    cells: Cells,
    weights: NDArray[np.float32],
) -> list[Figure]:
    """VGGFace score with its interval over identities.

    Args:
        posteriors: (faces, classes), each row summing to 1.
        person: (faces,) whose recording, or face, each is.
        cells: Whom to tell figures for; each group has its own marginal.
        weights: (resamples, people).

    Returns:
        The figures; chance is 1, which a classifier gives that says the same of every face.
    """
    p = np.asarray(posteriors, np.float64)
    own = (p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)
    figures = []
    for mask, group in zip(cells.masks, cells.names, strict=True):
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
        told = biased_figure("VGGFace score", value, resampled, person[rows], group, True)
        low, high = np.clip([told.low, told.high], 1, p.shape[1]).tolist()
        figures.append(dataclasses.replace(told, chance=1.0, low=low, high=high))
    return figures


def vggface_section(scene: Scene, judge: IdentityClassifier, drawn: Faces) -> dict:
    """VGGFace score of each contender, and of real faces.

    Args:
        drawn: Faces by contender; of several samples the first.

    Returns:
        The section; `about` is what is known of the classifier.
    """
    trials = scene.trials
    contenders = {
        name: with_worst(
            vggface_figures(
                judge.posteriors(faces[:, 0]),
                trials.recording_person,
                scene.cells,
                scene.voice_weights,
            )
        )
        for name, faces in drawn.items()
    }
    chosen = scene.real_faces()
    own = vggface_figures(
        judge.posteriors(scene.store.images[trials.face_rows[chosen]]),
        trials.face_person[chosen],
        scene.cells,
        scene.face_weights,
    )
    told_own = [figure.as_dict() for figure in own]
    return {"own": told_own, "contenders": contenders, "about": dict(judge.about)}
