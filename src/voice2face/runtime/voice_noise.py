"""What of a face's noise follows from the voice: near voices get near noise, others other noise.

A voice has a place in a plane, with the average voice of its gender in the middle. Of each face,
the plane is turned by an angle that is random, and a smooth step from one sector of it to the next
gives the weights of two independent noises. Of one voice, noise over seeds therefore is standard
normal; of one seed, voices of one sector get nearly the same noise, and of others other noise. The
fewer the sectors, the more seldom two recordings of one speaker fall on both sides of a boundary,
and the more often two speakers on one side. Which face it is that a voice gets is arbitrary: the
map knows voices, and was learnt from no face.

Source:
    Locality-sensitive hashing by signs of projections: Charikar, *Similarity estimation techniques
    from rounding algorithms*, STOC 2002; here with a smooth step in place of the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice2face.ranges import Finite

_LEAST_LENGTH = 1e-12


@dataclass(frozen=True)
class VoiceNoise:
    """A map from speaker embeddings to noise.

    Attributes:
        woman: (embedding,) mean embedding of women's voices.
        man: (embedding,) mean embedding of men's voices.
        directions: 2 x (embedding,), what is taken of an embedding once the mean of its gender is
            subtracted; the longer, the steeper is the step between two sectors.
        sectors: Of the plane: 3, or as formats 4 and 5 have it, 4.
    """

    woman: tuple[Finite, ...]
    man: tuple[Finite, ...]
    directions: tuple[tuple[Finite, ...], tuple[Finite, ...]]
    sectors: Literal[3, 4] = 4

    @property
    def lengths(self) -> set[int]:
        """Lengths of all its vectors: one number, the embedding's, where it can be used."""
        return {len(vector) for vector in (self.woman, self.man, *self.directions)}

    def place(
        self, embedding: NDArray[np.floating], woman_probability: float | None
    ) -> NDArray[np.float64]:
        """Tell where in the plane a voice is.

        Args:
            embedding: (embedding,) of unit length.
            woman_probability: How probable it is that a woman speaks; None counts as one half.

        Returns:
            (2,) coordinates, of the size of the directions.
        """
        p = 0.5 if woman_probability is None else woman_probability
        mean = p * np.asarray(self.woman) + (1 - p) * np.asarray(self.man)
        return np.asarray(self.directions) @ (embedding - mean)


def weights(
    place: NDArray[np.float64], angles: NDArray[np.float64], sectors: Literal[3, 4]
) -> NDArray[np.float64]:
    """Weigh two noises by where a voice is.

    Args:
        place: (2,) as `VoiceNoise.place` gives it.
        angles: (faces,) by which the plane is turned, in radians.
        sectors: See `VoiceNoise`.

    Returns:
        (faces, 2) of unit length. Those of neighbouring sectors are 90 degrees apart if there are
        four, and 120 if there are three.
    """
    cos, sin = np.cos(angles), np.sin(angles)
    x, y = place
    turned = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    steps = np.tanh(turned) if sectors == 4 else _third(turned)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    # The average voice is in no sector, and gets the first noise.
    return np.where(lengths > _LEAST_LENGTH, steps / np.maximum(lengths, _LEAST_LENGTH), [1.0, 0.0])


def _third(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the middles of three sectors, by a softmax of how far a point lies in each."""
    towards = 2 * np.pi / 3 * np.arange(3)
    middles = np.stack([np.cos(towards), np.sin(towards)], axis=1)
    scores: NDArray[np.float64] = np.inner(points, middles)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares @ middles / shares.sum(axis=1, keepdims=True)
