"""How surely a voice is a woman's, as a probability, and the same voice on the other side."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError, DataError
from voice2face.files import read_json
from voice2face.ranges import record

# How far from 1 the length of an axis that was written as decimals may be.
_LENGTH_TOLERANCE = 1e-3
_LEAST_LENGTH = 1e-6


@dataclass(frozen=True)
class GenderEvidence:
    """A logistic regression on the speaker embedding.

    The probability that the speaker is a woman is 1 / (1 + exp(-(scale axis . e + bias))). The
    boundary, where it is one half, is the plane axis . e = -bias / scale.

    Attributes:
        axis: (embedding,) direction from men's voices to women's, of unit length.
        scale: Slope along the axis, above 0.
        bias: Log-odds at the origin; the boundary cuts the sphere of unit embeddings.
        margin: Typical distance of a voice from the boundary, along the axis, 0 or above.

    Raises:
        ConfigError: A value is out of range; all that are, are named.
    """

    axis: tuple[float, ...]
    scale: float
    bias: float
    margin: float = 0.0

    def __post_init__(self) -> None:
        problems: list[str] = []
        length = math.sqrt(math.fsum(value * value for value in self.axis))
        if not abs(length - 1) <= _LENGTH_TOLERANCE:
            problems.append(f"axis is of length {length:g}; unit length is needed")
        if not 0 < self.scale < math.inf:
            problems.append(f"scale is {self.scale}; a number above 0 is needed")
        elif not abs(self.bias) < self.scale:
            problems.append(f"bias is {self.bias}; less than the scale, {self.scale}, is needed")
        if not 0 <= self.margin < 2:
            problems.append(f"margin is {self.margin}; a distance from 0 to below 2 is needed")
        if problems:
            raise ConfigError(f"gender evidence: {'; '.join(problems)}")

    @classmethod
    def read(cls, path: Path) -> GenderEvidence:
        """Read the evidence from a file that `to_json` gave.

        Raises:
            DataError: It cannot be read, or holds something else.
        """
        try:
            return record(cls, read_json(path, DataError))
        except ConfigError as error:
            raise DataError(f"{path}: is not a file of gender evidence ({error})") from None

    def to_json(self) -> str:
        """Write the evidence as a file holds it."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def probability_of_woman(self, embedding: NDArray[np.floating]) -> float:
        """Tell how surely a voice is a woman's.

        Args:
            embedding: (embedding,) of unit length.

        Returns:
            The probability, 0 to 1.
        """
        # Through tanh, which does not overflow.
        return 0.5 + 0.5 * math.tanh(self.scale * self._distance(embedding) / 2)

    def on_side(self, embedding: NDArray[np.floating], woman: bool) -> NDArray[np.floating]:
        """Give the voice as it would be on the wanted side of the boundary.

        A voice that is there already, at the margin or beyond it, is given back as it is. Any
        other is brought along the axis as far beyond the boundary as it was from it, and at least
        to the margin: doubt is told by faces of both genders, not by faces between them. The rest
        of it keeps its direction, and is scaled such that the whole is of unit length.

        Args:
            embedding: (embedding,) of unit length.

        Returns:
            (embedding,) of unit length and of the same type.
        """
        distance = self._distance(embedding)
        if (distance > 0) == woman and abs(distance) >= self.margin:
            return embedding
        side = 1.0 if woman else -1.0
        axis = np.asarray(self.axis)
        along = side * max(abs(distance), self.margin) - self.bias / self.scale
        along = min(max(along, -1.0), 1.0)
        rest = embedding - float(axis @ embedding) * axis
        length = float(np.linalg.norm(rest))
        # A voice on the axis itself has no rest to keep, and goes to the axis's other end.
        on_axis = length < _LEAST_LENGTH
        moved = side * axis if on_axis else along * axis + math.sqrt(1 - along**2) / length * rest
        return (moved / np.linalg.norm(moved)).astype(embedding.dtype)

    def _distance(self, embedding: NDArray[np.floating]) -> float:
        """From the boundary along the axis; above 0 on the women's side."""
        return float(np.dot(self.axis, embedding)) + self.bias / self.scale
