"""What each kind of judge says of the systems: one section of the result a kind and judge.

A section is a dict: `own` (figures of the judge on real faces), `contenders` (by system: `figures`,
`worst` group, and what else there is), `differences` (of the first system less each other one) and
`differences_of` (by further system, likewise).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.evaluation.consistency import consistency_estimates, genders_or_one
from voice2face.evaluation.embeddings import Embeddings
from voice2face.evaluation.estimates import (
    Estimate,
    Subgroups,
    TrialMetric,
    difference_estimates,
    mean_estimates,
    spread_weights,
    weights_for,
    worst_group,
)
from voice2face.evaluation.protocols import (
    TrialScores,
    identity_metrics,
    rank_estimates,
    similarity_metrics,
    verification_estimates,
)
from voice2face.evaluation.trials import TrialSet
from voice2face.metrics import retrieval as metrics
from voice2face.pretrained.interfaces import AttributeClassifier, FaceDetectorJudge

_REAL_FACES = 2000

Faces = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Context:
    """What all sections share.

    Attributes:
        weights: (resamples, people) of the bootstrap, for what asks those with voice and face.
        voice_weights: Likewise, for what asks all who have a voice.
        face_weights: Likewise, for what asks all who have a face.
    """

    store: Store
    trials: TrialSet
    subgroups: Subgroups
    weights: NDArray[np.float32]
    voice_weights: NDArray[np.float32]
    face_weights: NDArray[np.float32]
    seed: int

    @classmethod
    def create(cls, store: Store, trials: TrialSet, by: Sequence[str], seed: int) -> Context:
        """Set the context."""
        n_people = len(trials.people)
        return cls(
            store,
            trials,
            Subgroups.from_trials(trials, by),
            weights_for(trials, seed),
            spread_weights(trials.recording_person, n_people, seed),
            spread_weights(trials.face_person, n_people, seed),
            seed,
        )

    def real_faces(self) -> NDArray[np.int64]:
        """Some faces of the split, as positions in the trial set."""
        n_faces = len(self.trials.face_rows)
        random = np.random.default_rng([self.seed, 1])
        return np.sort(random.permutation(n_faces)[:_REAL_FACES])

    def true_faces(self) -> NDArray[np.uint8]:
        """(faces, size, size, 3) all faces of the trial set."""
        return self.store.images[self.trials.face_rows]


def identity_section(context: Context, embeddings: Embeddings, systems: Sequence[str]) -> dict:
    """Matching, verification, retrieval, similarity and consistency, by one face recogniser.

    Args:
        systems: Which contenders are scored; the others stand beside them.
    """
    trials, faces = context.trials, embeddings.faces
    spread = _spread_of_real(trials, faces)
    contenders, outcomes = {}, {}
    for name, own in embeddings.probes.items():
        scores = TrialScores(trials, own, faces)
        outcomes[name] = [*identity_metrics(scores), *similarity_metrics(scores)]
        figures = [
            *mean_estimates(outcomes[name], context.subgroups, context.weights),
            *verification_estimates(scores, context.subgroups, context.weights),
            *rank_estimates(scores, context.subgroups, context.weights),
            *consistency_estimates(trials, own, context.subgroups, context.voice_weights, spread),
        ]
        contenders[name] = with_worst(figures)
    return {
        "own": [figure.as_dict() for figure in _judge_on_real(context, faces)],
        "contenders": contenders,
        **differences_between(outcomes, systems, context.weights),
    }


def _other_faces(trials: TrialSet) -> list[NDArray[np.int64]]:
    """For each place of each list, another face of the same person: a perfect system's answer.

    Returns:
        (groups, size) positions in the faces, one array a list; -1 where the person has one face.
    """
    count = np.bincount(trials.face_person, minlength=len(trials.people))
    start = np.cumsum(count) - count
    lists = []
    for groups in trials.lists:
        own, first = count[groups.person], start[groups.person]
        # Half-way round the person's faces: for two, the other one.
        following = first + (groups.face - first + np.maximum(own // 2, 1)) % np.maximum(own, 1)
        lists.append(np.where(own > 1, following, -1))
    return lists


def _judge_on_real(context: Context, faces: NDArray[np.float32]) -> list[Estimate]:
    """The judge with a true face of the same person in place of a generated one."""
    trials = context.trials
    others = _other_faces(trials)
    lists, probe_of = [], []
    for groups, other in zip(trials.lists, others, strict=True):
        kept = (other >= 0).all(axis=1)
        if kept.any():
            parts = (groups.person[kept], groups.recording[kept], groups.face[kept])
            lists.append(dataclasses.replace(groups, **dict(zip(_MEMBERS, parts, strict=True))))
            probe_of.append(other[kept])
    asked = TrialScores(dataclasses.replace(trials, lists=tuple(lists)), faces, faces, probe_of)
    everybody, weights = context.subgroups.everybody, context.weights
    return [
        *mean_estimates([*identity_metrics(asked), *similarity_metrics(asked)], everybody, weights),
        *verification_estimates(asked, everybody, weights),
        *rank_estimates(asked, everybody, weights),
    ]


_MEMBERS = ("person", "recording", "face")


def _spread_of_real(trials: TrialSet, faces: NDArray[np.float32]) -> float:
    """Mean distance between true faces of different people of one gender."""
    gender = genders_or_one(trials)[trials.face_person]
    _, between = metrics.consistency(faces, trials.face_person, gender)
    return float(np.nanmean(between)) if np.isfinite(between).any() else math.nan


def attribute_section(
    context: Context, judge: AttributeClassifier, generated: Faces, systems: Sequence[str]
) -> dict:
    """Whether generated faces have the speaker's attributes, as a classifier sees them.

    A face without a verdict counts as wrong: nobody gains by drawing no face. Chance is what the
    best constant answer gets.

    Returns:
        The section; a contender also has `confusion` by attribute.
    """
    trials, contenders, outcomes = context.trials, {}, {}
    for name, faces in generated.items():
        samples = faces.shape[1]
        person = np.repeat(trials.recording_person, samples)
        verdicts = judge.classify(faces.reshape(-1, *faces.shape[2:]))
        outcomes[name], confusion = _agreement(context, person, verdicts)
        figures = mean_estimates(outcomes[name], context.subgroups, context.voice_weights)
        contenders[name] = {**with_worst(figures), "confusion": confusion}
    chosen = context.real_faces()
    real, confusion = _agreement(
        context,
        trials.face_person[chosen],
        judge.classify(context.store.images[trials.face_rows[chosen]]),
    )
    own = mean_estimates(real, context.subgroups, context.face_weights)
    return {
        "own": [figure.as_dict() for figure in own],
        "own_confusion": confusion,
        "contenders": contenders,
        **differences_between(outcomes, systems, context.voice_weights),
    }


def _agreement(
    context: Context, person: NDArray[np.integer], verdicts: Mapping[str, list[str | None]]
) -> tuple[list[TrialMetric], dict]:
    """An outcome and a confusion matrix, also by group, for each attribute that the store tells."""
    outcomes, confusion = [], {}
    for attribute, said in verdicts.items():
        if attribute not in ("gender", "age"):
            continue
        truth = [context.trials.attributes[attribute][one] for one in person]
        known = np.array([value is not None for value in truth], dtype=bool)
        if not known.any():
            continue
        true = [value for value in truth if value is not None]
        heard = [value for value, there in zip(said, known, strict=True) if there]
        labels = sorted(set(true))
        about = person[known]
        counts = metrics.confusion_matrix(true, heard, labels)
        right = np.array([t == s for t, s in zip(true, heard, strict=True)], dtype=float)
        constant = labels[int(counts.sum(axis=1).argmax())]
        chance = np.array([value == constant for value in true], dtype=float)
        outcomes.append(TrialMetric(f"agreement/{attribute}", about, right, chance))
        judged = np.array([s is not None for s in heard], dtype=float)
        outcomes.append(TrialMetric(f"verdict given/{attribute}", about, judged))
        confusion[attribute] = {
            "labels": labels,
            "counts": counts.tolist(),
            "groups": _confusion_by_group(context.subgroups, about, true, heard, labels),
        }
    return outcomes, confusion


def _confusion_by_group(
    subgroups: Subgroups,
    person: NDArray[np.integer],
    true: list[str],
    heard: list[str | None],
    labels: Sequence[str],
) -> dict[str, list]:
    """Confusion matrices of each cell but the first, everybody, that has anybody in it."""
    found = {}
    for group, mask in zip(subgroups.names[1:], subgroups.masks[1:], strict=True):
        rows = np.flatnonzero(mask[person]).tolist()
        if rows:
            of_true, of_heard = [true[row] for row in rows], [heard[row] for row in rows]
            found[group] = metrics.confusion_matrix(of_true, of_heard, labels).tolist()
    return found


def detection_section(
    context: Context, judge: FaceDetectorJudge, generated: Faces, systems: Sequence[str]
) -> dict:
    """Share of generated images in which a detector finds a face."""
    trials, contenders, outcomes = context.trials, {}, {}
    for name, faces in generated.items():
        found = judge.found(faces.reshape(-1, *faces.shape[2:])).astype(float)
        person = np.repeat(trials.recording_person, faces.shape[1])
        outcomes[name] = [TrialMetric("face found", person, found)]
        contenders[name] = with_worst(
            mean_estimates(outcomes[name], context.subgroups, context.voice_weights)
        )
    chosen = context.real_faces()
    found = judge.found(context.store.images[trials.face_rows[chosen]]).astype(float)
    real = [TrialMetric("face found", trials.face_person[chosen], found)]
    own = mean_estimates(real, context.subgroups, context.face_weights)
    return {
        "own": [figure.as_dict() for figure in own],
        "contenders": contenders,
        **differences_between(outcomes, systems, context.voice_weights),
    }


def with_worst(figures: Sequence[Estimate]) -> dict:
    """Put a contender's figures into a section, with the worst group of each."""
    return {"figures": [f.as_dict() for f in figures], "worst": worst_group(figures)}


def differences_between(
    outcomes: Mapping[str, list[TrialMetric]],
    systems: Sequence[str],
    weights: NDArray[np.float32],
) -> dict:
    """Compare each system with each other contender, on the same trials.

    Returns:
        `differences`, of the first system by the other's name, and `differences_of`, by system.
    """
    of = {
        system: {
            name: [f.as_dict() for f in difference_estimates(outcomes[system], other, weights)]
            for name, other in outcomes.items()
            if name != system
        }
        for system in systems
    }
    return {"differences": of.pop(systems[0]), "differences_of": of}
