"""Which random numbers belong to which face, and the way between two voices. Pure functions.

Every number depends on the user's seed and the face's own number only: not on the recording, nor
on how many faces are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_women", "noise", "recording_seed", "slerp", "stretch"]

# The random numbers that choose a face's gender are others than those of its noise.
_GENDER_STREAM = 1


def noise(seed: int, indices: Sequence[int], dim: int) -> NDArray[np.float32]:
    """Draw the noise of faces, for a generator that takes some beside the embedding.

    Args:
        indices: Numbers of the faces, from 0.
        dim: Length of the noise; may be 0.

    Returns:
        (faces, dim) standard normal.
    """
    drawn = np.empty((len(indices), dim), dtype=np.float32)
    if dim:
        for row, index in enumerate(indices):
            drawn[row] = np.random.default_rng([seed, index]).standard_normal(dim)
    return drawn


def recording_seed(seed: int, number: int) -> int:
    """Derive a seed of a recording's own, for faces of many recordings that share no noise."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def stretch(
    seed: int, index: int, n_frames: int, crop_frames: int, embedding_dim: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose what a further face hears, for a generator that takes an embedding alone.

    Args:
        index: Number of the face, from 1.
        crop_frames: Frames of the stretch; it goes on at the recording's start.

    Returns:
        (crop_frames,) numbers of the frames, and the (embedding_dim,) standard normal numbers that
        are added to the embedding, before scaling.
    """
    random = np.random.default_rng([seed, index])
    start = int(random.integers(n_frames))
    frames = np.remainder(start + np.arange(crop_frames), n_frames)
    return frames, random.standard_normal(embedding_dim)


def are_women(seed: int, indices: Sequence[int], probability: float) -> list[bool]:
    """Choose the gender of each face of a voice.

    Args:
        indices: Numbers of the faces, from 0.

    Returns:
        True for a woman. Face 0 has the more probable gender; each further one is a woman with the
        probability.
    """
    return [
        (np.random.default_rng([seed, index, _GENDER_STREAM]).random() if index else 0.5)
        < probability
        for index in indices
    ]


def slerp(first: NDArray[np.float32], last: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Walk along the great circle from one point of the unit sphere to another.

    Args:
        first: (embedding,) of unit length.
        last: (embedding,) of unit length.
        steps: Points to give, at least 2, both ends with them.

    Returns:
        (steps, embedding) of unit length, at equal angles; the ends are the very points given. Of
        two opposite points, which have no one way between them, the way is through an axis that
        both are far from.

    Source:
        Shoemake, *Animating rotation with quaternion curves*, SIGGRAPH 1985, equation for slerp.
    """
    one, other = (point.astype(np.float64) for point in (first, last))
    across = other - (one @ other) * one
    if np.linalg.norm(across) < 1e-6:
        axis = np.eye(len(one))[np.abs(one).argmin()]
        across = axis - (one @ axis) * one
    across /= np.linalg.norm(across)
    angle = np.arctan2(across @ other, one @ other)
    angles = np.linspace(0, angle, steps)[:, None]
    points = (np.cos(angles) * one + np.sin(angles) * across).astype(np.float32)
    points[0], points[-1] = first, last
    return points
