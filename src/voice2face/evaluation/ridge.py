"""Ridge regression whose strength is chosen by leaving whole groups out, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voice2face.errors import DataError

Matrix = NDArray[np.float64]

# Strengths that are tried, as multiples of the inputs' mean variance times their number.
_STRENGTHS = tuple(np.logspace(-3, 3, 13))


@dataclass(frozen=True)
class Ridge:
    """A fitted regression.

    Attributes:
        mean: (inputs,) of the training inputs.
        deviation: (inputs,) likewise; inputs are standardised.
        weights: (inputs, targets).
        offset: (targets,) mean of the training targets.
        strength: The penalty that was chosen.
    """

    mean: Matrix
    deviation: Matrix
    weights: Matrix
    offset: Matrix
    strength: float

    def deviations(self, inputs: NDArray[np.floating]) -> Matrix:
        """Predict how far the targets lie from their training mean.

        Args:
            inputs: (rows, inputs).

        Returns:
            (rows, targets).
        """
        return ((inputs - self.mean) / self.deviation) @ self.weights


def fit_ridge(
    inputs: NDArray[np.floating], targets: NDArray[np.floating], groups: ArrayLike
) -> Ridge:
    """Fit targets to inputs, with the strength that predicts groups best that were left out.

    Args:
        inputs: (rows, inputs).
        targets: (rows, targets).
        groups: (rows,) what may not be split, such as the speaker of each row. Leaving single
            rows out would tell how well a speaker is predicted who was heard in training.

    Raises:
        DataError: There are fewer than two groups.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    if len(inputs) == 0 or group.max() < 1:
        raise DataError("a regression needs training recordings of two speakers or more")
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    x = (inputs - mean) / deviation
    offset = targets.mean(axis=0)
    y = np.asarray(targets - offset, np.float64)
    values, vectors = _axes(np.asarray(x, np.float64))
    scores = x @ vectors
    strengths = [one * values.sum() / x.shape[1] for one in _STRENGTHS]
    errors = _left_out_errors(scores, values, y, group, strengths)
    best = int(np.argmin(errors))
    weights = vectors @ ((scores.T @ y) / (values + strengths[best])[:, None])
    return Ridge(mean, deviation, weights, offset, strengths[best])


def _left_out_errors(
    scores: Matrix, values: Matrix, targets: Matrix, groups: NDArray[np.integer], strengths: list
) -> list[float]:
    """Mean squared error of groups left out, for each strength, without refitting.

    With H the matrix that takes targets to predictions, and g the rows of a group, the residuals
    of a fit without them are (I - H_gg)^-1 times their residuals of the fit with them.

    Args:
        scores: (rows, axes) centred inputs along the axes of their covariance.
        values: (axes,) sum of squares along each.
        targets: (rows, targets) centred.
        groups: (rows,) group of each row, from 0.
        strengths: Penalties; the offset is not penalised.

    Source:
        Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, section 7.10,
        equation 7.52, here by blocks.
    """
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    projected = scores.T @ targets
    errors = []
    for strength in strengths:
        shrink = 1 / (values + strength)
        residuals = targets - scores @ (shrink[:, None] * projected)
        total = 0.0
        for rows in members:
            block = scores[rows]
            hat = (block * shrink) @ block.T + 1 / len(scores)
            total += (np.linalg.solve(np.eye(len(rows)) - hat, residuals[rows]) ** 2).sum()
        errors.append(float(total / targets.size))
    return errors


def _axes(x: Matrix) -> tuple[Matrix, Matrix]:
    """Sums of squares, and (inputs, axes) directions, of the axes that inputs vary along."""
    if len(x) >= x.shape[1]:
        values, vectors = np.linalg.eigh(x.T @ x)
    else:
        _, singular, transposed = np.linalg.svd(x, full_matrices=False)
        values, vectors = singular**2, transposed.T
    keep = values > 1e-9 * max(values.max(), 1e-300)
    return values[keep], vectors[:, keep]
