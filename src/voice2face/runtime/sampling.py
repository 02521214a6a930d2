"""Which random numbers belong to which face, and the way between two voices. Pure functions.

Every random number depends on the user's seed and the face's own number only: not on the recording,
nor on how many faces are asked for. Where a model says so, the voice weighs two noises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice2face.runtime.random_numbers import Stream, normals, uniforms, words
from voice2face.runtime.voice_noise import weights as weigh


def noise(
    seed: int,
    indices: Sequence[int],
    dim: int,
    weights: NDArray[np.floating] | None = None,
    redraw: int = 0,
) -> NDArray[np.float32]:
    """Draw the noise of faces, for a generator that takes some beside the embedding.

    Args:
        indices: Numbers of the faces, from 0.
        dim: Length of the noise; may be 0.
        weights: See `voice_weights`; None: the noise does not depend on the voice.
        redraw: How many times the faces were generated before: each time has numbers of its own.

    Returns:
        (faces, dim) standard normal.
    """
    count = dim if weights is None else 2 * dim
    both = normals(seed, Stream.NOISE, indices, (redraw + 1) * count)[:, redraw * count :]
    if weights is None:
        return both.astype(np.float32)
    mixed = weights[:, :1] * both[:, :dim] + weights[:, 1:] * both[:, dim:]
    return mixed.astype(np.float32)


def voice_weights(
    seed: int, indices: Sequence[int], place: NDArray[np.float64], sectors: Literal[3, 4]
) -> NDArray[np.float64]:
    """Weigh two noises of each face, by the voice.

    Args:
        indices: Numbers of the faces, from 0.
        place: (2,) of the voice: see `VoiceNoise`; `sectors` too.

    Returns:
        (faces, 2) of unit length.
    """
    return weigh(place, 2 * np.pi * uniforms(seed, Stream.ANGLE, indices, 1)[:, 0], sectors)


def recording_seed(seed: int, number: int) -> int:
    """Derive a seed of a recording's own, for faces of many recordings that share no noise."""
    return int(words(seed, Stream.RECORDING, [number], 1)[0, 0] >> np.uint64(11))


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
    start = int(uniforms(seed, Stream.CROP, [index], 1)[0, 0] * n_frames)
    frames = np.remainder(start + np.arange(crop_frames), n_frames)
    return frames, normals(seed, Stream.JITTER, [index], embedding_dim)[0]


def are_women(seed: int, indices: Sequence[int], probability: float) -> list[bool]:
    """Choose the gender of each face of a voice.

    Args:
        indices: Numbers of the faces, from 0.

    Returns:
        True for a woman. Face 0 has the more probable gender; each further one is a woman with the
        probability.
    """
    drawn = uniforms(seed, Stream.GENDER, indices, 1)[:, 0]
    return [
        bool((number if index else 0.5) < probability)
        for index, number in zip(indices, drawn, strict=True)
    ]


def slerp(
    first: NDArray[np.floating], last: NDArray[np.floating], steps: int
) -> NDArray[np.float32]:
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
