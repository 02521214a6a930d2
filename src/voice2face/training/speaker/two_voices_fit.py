"""Calibrate when a second voice is heard: on speakers held back, of whom each speaks alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch import nn

from voice2face.audio.log_mel import log_mel, normalise_bands
from voice2face.audio.settings import FrontEnd
from voice2face.audio.vad import voiced_waveform
from voice2face.data.store import Store, rows_by_identity
from voice2face.runtime.voices import LEAST_FRAMES, divide, windows_of
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.variants import BEYOND, with_variants

# Of recordings in which one person speaks, at most this share may be taken for two.
_MOST_WRONG = 0.02
# Of fewer recordings, none of them taken for two, the share of the next ones may well be greater.
_LEAST_RECORDINGS = 50
# Bounds on the work.
_SPEAKERS = 200
_LONGEST_S = 120


def fit_two_voices(
    encoder: nn.Module, store: Store, stage: SpeakerSettings, front_end: FrontEnd
) -> float | None:
    """Find where two clusters of windows count as two voices, on the validation split.

    Returns:
        See `ModelDescription.two_voices`; None where the store holds no waveforms, or too few
        speakers who say enough.

    Raises:
        MissingDependencyError: `pyworld-prebuilt` is not installed, for the variants.
    """
    kinds = 3 if stage.variants.each else 1
    n_speakers = len(rows_by_identity(store.voices, "val"))
    if store.waveforms is None or kinds * n_speakers < _LEAST_RECORDINGS:
        return None

    def embed(cut: NDArray[np.float32]) -> NDArray[np.float32]:
        return embedded(encoder, list(cut), 0)

    heard = lone_speakers(store, "val", stage, front_end)
    return threshold_of([cosines_of_two(embed, list(one.values())) for one in heard.values()])


def lone_speakers(
    store: Store, split: str, stage: SpeakerSettings, front_end: FrontEnd
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Join what each speaker of a split says, as if it were one recording of one person.

    Returns:
        By kind, {speaker: (frames, mels), normalised} of those who say at least ten seconds: as
        recorded; and if the stage trains on variants, together with variants like those, and with
        variants `BEYOND` them.

    Raises:
        DataError: The store holds no waveforms.
        MissingDependencyError: `pyworld-prebuilt` is not installed, for the variants.
    """
    kinds = {"as recorded": store}
    if stage.variants.each:
        kinds["with variants like training"] = with_variants(store, stage.variants, split)
        kinds["with variants beyond"] = with_variants(store, BEYOND, split)
    found: dict[str, dict[str, NDArray[np.float32]]] = {}
    for kind, one in kinds.items():
        rows_of = rows_by_identity(one.voices, split)
        known = {
            name: rows
            for name, rows in rows_of.items()
            if one.voices["data_set"][rows[0]] not in stage.unlabelled
        }
        heard = {
            name: _joined(one, rows, front_end) for name, rows in islice(known.items(), _SPEAKERS)
        }
        found[kind] = {name: bands for name, bands in heard.items() if len(bands) >= LEAST_FRAMES}
    return found


def cosines_of_two(
    embed: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    recordings: Sequence[NDArray[np.float32]],
) -> NDArray[np.float64]:
    """Divide each recording in two, whoever speaks; see `Division.cosine`.

    Args:
        embed: See `voices.windows_of`.
        recordings: (frames, mels) each, normalised.
    """
    return np.array([divide(windows_of(one, embed), len(one), 2).cosine for one in recordings])


def threshold_of(kinds: Sequence[NDArray[np.float64]]) -> float | None:
    """Find the greatest threshold at which of no kind more than 2 % are taken for two voices.

    Args:
        kinds: Cosines of recordings in which one person speaks, by their kind.

    Returns:
        The threshold, rounded down to hundredths; None of fewer than 50 recordings in all.
    """
    if sum(map(len, kinds)) < _LEAST_RECORDINGS:
        return None
    # Below the next one that would be wrong.
    lowest = min(float(np.sort(one)[int(_MOST_WRONG * len(one))]) for one in kinds if len(one))
    return max(-1.0, float(np.floor(100 * lowest)) / 100)


def _joined(store: Store, rows: Sequence[int], front_end: FrontEnd) -> NDArray[np.float32]:
    """The spectrogram of recordings joined end to end, their pauses cut out."""
    most = _LONGEST_S * front_end.sample_rate_hz
    parts: list[NDArray[np.int16]] = []
    for row in rows:
        parts.append(voiced_waveform(store.waveform(row), front_end))
        if sum(map(len, parts)) >= most:
            break
    return normalise_bands(
        log_mel(np.concatenate(parts)[:most], front_end), front_end.band_range_db
    )
