"""Whether the planted factors can be heard and seen: closed-form regressions, for reference.

They know the truth of their own, other world, and so serve as a yardstick; no system under test
has what they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ridge", "VoiceProbe", "fit_ridge", "fit_voice_probe", "voice_statistics"]

_LAGS = (1, 2, 4, 8)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Ridge:
    """A linear map with an intercept.

    Attributes:
        weights: (inputs, outputs).
        intercept: (outputs,).
    """

    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]

    def __call__(self, inputs: NDArray) -> NDArray[np.float32]:
        """Map (n, inputs) to (n, outputs)."""
        return inputs @ self.weights + self.intercept


def fit_ridge(inputs: NDArray, targets: NDArray, penalty: float) -> Ridge:
    """Fit a ridge regression, the inputs brought to unit variance first.

    Args:
        inputs: (n, inputs).
        targets: (n, outputs).
        penalty: Weight of the squared coefficients against the mean squared error.

    Returns:
        The map, on inputs as they were given.

    Source:
        Hoerl and Kennard, Ridge regression (1970).
    """
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    scaled = ((inputs - mean) / deviation).astype(np.float32)
    middle = targets.mean(axis=0)
    rest = (targets - middle).astype(np.float32)
    n, size = scaled.shape
    # The same solution either way; the smaller system is solved.
    wide = size > n
    gram = (scaled @ scaled.T if wide else scaled.T @ scaled).astype(np.float64) / n
    gram[np.diag_indices_from(gram)] += penalty
    if wide:
        weights = scaled.T.astype(np.float64) @ np.linalg.solve(gram, rest / n)
    else:
        weights = np.linalg.solve(gram, (scaled.T @ rest).astype(np.float64) / n)
    weights = weights / deviation[:, None]
    return Ridge(weights.astype(np.float32), (middle - mean @ weights).astype(np.float32))


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

    of_gender: Ridge
    of_factors: tuple[Ridge, Ridge]

    def __call__(self, statistics: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Estimate what voices express.

        Args:
            statistics: (n, statistics).

        Returns:
            (n, factors) and (n,) whether it is a man.
        """
        male = self.of_gender(statistics)[:, 0] > 0
        women, men = (ridge(statistics) for ridge in self.of_factors)
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
    sign = np.where(male, 1.0, -1.0)[:, None]
    return VoiceProbe(
        fit_ridge(statistics, sign, penalty),
        (
            fit_ridge(statistics[~male], factors[~male], penalty),
            fit_ridge(statistics[male], factors[male], penalty),
        ),
    )
