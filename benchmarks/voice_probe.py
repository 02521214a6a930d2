"""Whether the planted factors can be heard: regressions that know the truth of their own world.

No system under test has what they have, so that they serve as a yardstick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

_LAGS = (1, 2, 4, 8)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def fit_ridge(inputs: NDArray, targets: NDArray, penalty: float) -> Pipeline:
    """Fit a ridge regression, the inputs brought to unit variance first.

    Args:
        inputs: (n, inputs).
        targets: (n, outputs).
        penalty: Weight of the squared coefficients against the mean squared error.
    """
    return make_pipeline(StandardScaler(), Ridge(penalty * len(inputs))).fit(inputs, targets)


def voice_statistics(log_mel: NDArray) -> NDArray[np.float32]:
    """Summarise a spectrogram: how its bands go together, how they are spread, how they move.

    Each band has zero mean and unit variance by the front end, so that levels tell nothing;
    correlations, skewness, quantiles and memory do.

    Args:
        log_mel: (frames, mels) as a store holds them, at least 10 frames.

    Returns:
        (statistics,) one number each.
    """
    bands = np.asarray(log_mel, dtype=np.float32)
    n_mels = bands.shape[1]
    together = (bands.T @ bands / len(bands))[np.triu_indices(n_mels, 1)]
    moments = [(bands**3).mean(axis=0), (bands**4).mean(axis=0)]
    ordered = np.sort(bands.T, axis=1)
    quantiles = ordered[:, np.rint(np.array(_QUANTILES) * (len(bands) - 1)).astype(int)].ravel()
    memory = []
    for lag in _LAGS:
        later = bands[lag:].T @ bands[:-lag] / len(bands)
        memory += [np.diagonal(later, offset) for offset in (-2, 0, 2)]
    return np.concatenate([together, *moments, quantiles, *memory]).astype(np.float32)


@dataclass(frozen=True)
class VoiceProbe:
    """Reads gender, and within it the factors, from `voice_statistics`.

    Attributes:
        of_gender: To one number, positive for a man.
        of_factors: To the factors, for women and for men.
    """

    of_gender: Pipeline
    of_factors: tuple[Pipeline, Pipeline]

    def __call__(self, statistics: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Estimate what voices express.

        Args:
            statistics: (n, statistics).

        Returns:
            (n, factors) and (n,) whether it is a man.
        """
        male = self.of_gender.predict(statistics) > 0
        women, men = (ridge.predict(statistics) for ridge in self.of_factors)
        return np.where(male[:, None], men, women), male


def fit_voice_probe(
    statistics: NDArray, factors: NDArray, genders: Sequence[str], penalty: float = 0.1
) -> VoiceProbe:
    """Fit the probe on voices whose truth is known.

    Args:
        statistics: (n, statistics) of recordings.
        factors: (n, factors) what they express.
        genders: "female" or "male" of each.
        penalty: See `fit_ridge`.
    """
    male = np.array([gender == "male" for gender in genders])
    return VoiceProbe(
        fit_ridge(statistics, np.where(male, 1.0, -1.0), penalty),
        (
            fit_ridge(statistics[~male], factors[~male], penalty),
            fit_ridge(statistics[male], factors[male], penalty),
        ),
    )
