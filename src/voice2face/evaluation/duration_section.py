"""Identity against how much of a recording is heard."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.log_mel import normalise_bands
from voice2face.data.store import Store
from voice2face.evaluation.embeddings import embed_recordings
from voice2face.evaluation.estimates import TrialMetric, mean_estimates
from voice2face.evaluation.interfaces import System
from voice2face.evaluation.protocols import group_scores
from voice2face.evaluation.sections import Context, with_worst
from voice2face.evaluation.trials import GroupList
from voice2face.metrics import retrieval as metrics
from voice2face.pretrained.interfaces import FaceRecogniser

_DURATIONS_S = (1, 2, 5, 10, 20)
_FRAMES_A_SECOND = 100
_STRATA = ("none", "gender")
# Line-ups, and how many groups of each are asked.
_GROUPS = {2: 250, 10: 50}

Rows = NDArray[np.int64]
Generated = Mapping[int, tuple[Rows, NDArray[np.uint8]]]


def cropped_store(store: Store, voice_rows: Rows, n_frames: int) -> Store:
    """A store in which recordings are only their middle, as if no more had been said.

    Args:
        voice_rows: Rows of its voice manifest, each of `n_frames` or more.
        n_frames: Voiced frames to keep.

    Returns:
        The store with other spectrograms at these rows, each band normalised over the crop.
    """
    start, frames = list(store.voices["start"]), list(store.voices["frames"])
    crops = []
    for at, row in enumerate(int(row) for row in voice_rows):
        first = start[row] + (frames[row] - n_frames) // 2
        crop = np.asarray(store.log_mels[first : first + n_frames], np.float32)
        crops.append(normalise_bands(crop).astype(store.log_mels.dtype))
        start[row], frames[row] = at * n_frames, n_frames
    voices = {**store.voices, "start": start, "frames": frames}
    return dataclasses.replace(store, voices=voices, log_mels=np.concatenate(crops))


def generate_by_duration(context: Context, system: System) -> Generated:
    """Let a system hear crops of the recordings that the section asks about.

    Returns:
        By duration in seconds, positions in the trial set's recordings and (recordings, 1, size,
        size, 3) their faces; none of durations that no group has.
    """
    generated = {}
    for duration in _DURATIONS_S:
        lists = _lists(context, duration)
        if not lists:
            continue
        asked = np.unique(np.concatenate([one.recording.ravel() for one in lists]))
        rows = context.trials.recording_rows[asked]
        store = cropped_store(context.store, rows, duration * _FRAMES_A_SECOND)
        generated[duration] = (asked, system.generate(store, rows, 1, context.seed))
    return generated


def duration_section(
    context: Context,
    judge: FaceRecogniser,
    faces: NDArray[np.float32],
    generated: Mapping[str, Generated],
) -> dict:
    """Matching by crops of each duration, at large and within one gender.

    Returns:
        `contenders`, of each its figures ("duration/STRATUM/1:N/SECONDS s"), and `lacking`: the
        durations that no group of people has.
    """
    contenders = {}
    for name, by_duration in generated.items():
        outcomes = []
        for duration, (asked, pictures) in by_duration.items():
            shape = (len(context.trials.recording_rows), faces.shape[1])
            probes = np.zeros(shape, np.float32)
            probes[asked] = embed_recordings(judge, pictures)
            outcomes += [
                _outcome(groups, duration, probes, faces) for groups in _lists(context, duration)
            ]
        contenders[name] = with_worst(
            mean_estimates(outcomes, context.subgroups.everybody, context.weights)
        )
    lacking = [duration for duration in _DURATIONS_S if not _lists(context, duration)]
    return {"contenders": contenders, "lacking": lacking}


def _outcome(
    groups: GroupList, duration: int, probes: NDArray[np.float32], faces: NDArray[np.float32]
) -> TrialMetric:
    scores, asked = group_scores(groups, probes, faces)
    answers = np.broadcast_to(np.arange(groups.size), scores.shape[:2])
    credit = metrics.recall_credit(*metrics.rank_bounds(scores, answers), 1)
    name = f"duration/{groups.stratum}/1:{groups.size}/{duration} s"
    person = groups.person[asked].ravel()
    return TrialMetric(name, person, credit.ravel(), 1 / groups.size, by_group=False)


def _lists(context: Context, duration: int) -> Sequence[GroupList]:
    """Matching groups all of whose recordings are long enough: those of the longest first.

    So groups that are asked at one duration are asked at each shorter one, as far as there are
    few enough, and every face stays the right answer as often as any other.
    """
    if "frames" not in context.store.voices:
        return []
    frames = np.array(context.store.voices["frames"])[context.trials.recording_rows]
    lists = []
    for groups in context.trials.lists:
        if groups.protocol != "matching" or groups.stratum not in _STRATA:
            continue
        if groups.size not in _GROUPS:
            continue
        shortest = frames[groups.recording].min(axis=1)
        reached = sum((shortest >= d * _FRAMES_A_SECOND).astype(int) for d in _DURATIONS_S)
        random = np.random.default_rng([context.seed, 6, groups.size]).random(len(shortest))
        order = np.argsort(-(reached + random), kind="stable")[: _GROUPS[groups.size]]
        kept = order[shortest[order] >= duration * _FRAMES_A_SECOND]
        if len(kept):
            lists.append(
                dataclasses.replace(
                    groups,
                    person=groups.person[kept],
                    recording=groups.recording[kept],
                    face=groups.face[kept],
                )
            )
    return lists
