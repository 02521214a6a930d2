"""What baselines hear of a recording: statistics of its spectrogram, or a bundle's embedding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.evaluation.interfaces import Rows

VoiceFeatures: TypeAlias = Callable[[Store, Rows], NDArray[np.float32]]

_BANDS = 32


def log_mel_statistics(store: Store, voice_rows: Rows) -> NDArray[np.float32]:
    """Describe recordings by statistics over time; nothing is trained.

    Each band of a store's spectrograms has mean 0 and variance 1 over a recording, so that these
    tell nothing. What is left: which bands rise and fall together (harmonics and formants), how
    fast each changes, and how its values are distributed.

    Returns:
        (n, features): correlations between pairs of 32 bands, then each band's correlation with
        itself 1 and 4 frames later, its skewness and its kurtosis.
    """
    found = []
    upper = np.triu_indices(_BANDS, k=1)
    for row in voice_rows:
        log_mel = store.log_mel(int(row))
        width = log_mel.shape[1] // _BANDS
        bands = log_mel[:, : width * _BANDS].reshape(len(log_mel), _BANDS, width).mean(axis=2)
        bands = bands - bands.mean(axis=0)
        bands /= bands.std(axis=0) + 1e-6
        later = [(bands[lag:] * bands[: len(bands) - lag]).sum(axis=0) for lag in (1, 4)]
        found.append(
            np.concatenate(
                [
                    (bands.T @ bands / len(bands))[upper],
                    *(one / len(bands) for one in later),
                    (bands**3).mean(axis=0),
                    (bands**4).mean(axis=0),
                ]
            )
        )
    return np.stack(found).astype(np.float32)
