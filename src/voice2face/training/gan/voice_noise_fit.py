"""Fit the map from voices to noise: directions in which speakers of a gender differ."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import nn

from voice2face.data.store import Store
from voice2face.runtime.voice_noise import VoiceNoise
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.identifier import WOMAN

# Of a store, at most so many recordings a speaker and speakers a gender are heard.
_MOST_RECORDINGS, _MOST_SPEAKERS = 8, 1000
# Fewer speakers of several recordings tell nothing of how a speaker's recordings differ.
_LEAST_SPEAKERS = 10
_N_DIRECTIONS = 2
# All chosen on held-out speakers: benchmarks/voice_in_faces.py, docs/log.md.
_SHRINKAGE = 0.8
_STEEPNESS = 60.0
_SECTORS: Literal[3, 4] = 3


def fit_voice_noise(store: Store, encoder: nn.Module, min_frames: int) -> VoiceNoise | None:
    """Fit the map to the recordings of training speakers of known gender.

    Args:
        min_frames: Shorter recordings are repeated to this length, as in use.

    Returns:
        The map; None where fewer than 10 speakers have several recordings, or all are of one
        gender.
    """
    rows = _heard(store)
    speakers, women, data_sets = (
        np.array([store.voices[column][row] for row in rows])
        for column in ("identity", "gender", "data_set")
    )
    women = np.array([WOMAN[gender] == 1 for gender in women], bool)
    several = sum(count > 1 for count in Counter(speakers.tolist()).values())
    if several < _LEAST_SPEAKERS or not women.any() or women.all():
        return None
    log_mels = [store.log_mel(row) for row in rows]
    return fitted_to(embedded(encoder, log_mels, min_frames), speakers, women, data_sets)


def fitted_to(
    embeddings: NDArray[np.floating],
    speakers: NDArray[np.generic],
    women: NDArray[np.bool_],
    data_sets: NDArray[np.generic],
) -> VoiceNoise:
    """Fit linear discriminants between speakers of one gender, recorded for one data set.

    What differs between data sets (microphones, ways of speaking) counts as what differs between
    recordings of one speaker. The directions are scaled such that speakers deviate by
    `_STEEPNESS` along each.

    Args:
        embeddings: (recordings, embedding) of unit length.
        speakers: (recordings,) names; several have more than one recording.
        women: (recordings,) whether of a woman; both occur.
        data_sets: (recordings,) names.

    Source:
        Fisher 1936; between data sets: Aronowitz, *Inter dataset variability compensation for
        speaker recognition*, ICASSP 2014. Shrinkage: Friedman 1989.
    """
    of_speaker = {name: np.flatnonzero(speakers == name) for name in np.unique(speakers)}
    voices = {name: embeddings[at].mean(axis=0) for name, at in of_speaker.items()}
    of_group: dict[tuple[bool, str], list[str]] = {}
    for name, at in of_speaker.items():
        of_group.setdefault((bool(women[at[0]]), str(data_sets[at[0]])), []).append(name)
    in_group = {
        group: np.mean([voices[name] for name in names], axis=0)
        for group, names in of_group.items()
    }
    mean = {
        gender: np.mean([in_group[group] for group in in_group if group[0] == gender], axis=0)
        for gender in (True, False)
    }
    offsets = np.stack([in_group[group] - mean[group[0]] for group in in_group])
    several = {name: at for name, at in of_speaker.items() if len(at) > 1}
    within = np.mean([np.cov(embeddings[at], rowvar=False) for at in several.values()], axis=0)
    within += offsets.T @ offsets / len(offsets)
    alike = np.trace(within) / len(within) * np.eye(len(within))
    within = (1 - _SHRINKAGE) * within + _SHRINKAGE * alike
    apart = np.stack([
        voices[name] - in_group[group]
        for group, names in of_group.items()
        for name in names
        if name in several
    ])  # fmt: skip
    between = apart.T @ apart / len(apart)
    # The greatest come last, and each is known up to its sign.
    directions = eigh(between, within)[1][:, : -1 - _N_DIRECTIONS : -1].T
    deviations = np.sqrt(np.einsum("ki,ij,kj->k", directions, between, directions))
    directions *= (
        _STEEPNESS * np.sign(directions.sum(axis=1) + 1e-300)[:, None] / deviations[:, None]
    )
    woman, man, first, second = (
        tuple(np.round(one, 6).tolist()) for one in (mean[True], mean[False], *directions)
    )
    return VoiceNoise(woman, man, (first, second), _SECTORS)


def _heard(store: Store) -> list[int]:
    """Rows of the training recordings that are heard, of speakers in the order of their names."""
    rows: dict[str, dict[str, list[int]]] = {gender: {} for gender in WOMAN}
    columns = (store.voices[name] for name in ("split", "gender", "identity"))
    for row, (split, gender, name) in enumerate(zip(*columns, strict=True)):
        if split == "train" and gender in rows:
            rows[gender].setdefault(name, []).append(row)
    return [
        row
        for of_gender in rows.values()
        for name in sorted(of_gender)[:_MOST_SPEAKERS]
        for row in of_gender[name][:_MOST_RECORDINGS]
    ]
