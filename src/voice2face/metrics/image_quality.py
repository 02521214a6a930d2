"""Distances between sets of images, in the space of an image-features judge.

All take features, (images, features), so that any extractor of `judges` fits; what the
figures mean depends on it, and only figures of one extractor may be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import DataError

Features = NDArray[np.floating]

_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class _Membership:
    """Which images lie in whose neighbourhood.

    Attributes:
        inside: (generated,) real neighbourhoods that each is in.
        recalled: (real,) whether each is in a generated image's neighbourhood.
        covered: (real,) whether each one's neighbourhood holds a generated image.
    """

    inside: NDArray[np.float64]
    recalled: NDArray[np.bool_]
    covered: NDArray[np.bool_]


def frechet_distance(one: Features, other: Features) -> float:
    """Compute the Fréchet distance of two sets, each taken as a Gaussian.

    It is biased upwards for small sets, the more so the more features there are: compare only
    sets of equal size, and never with the published FID, which uses other features.

    Args:
        one: (images, features), at least two images.
        other: (images, features).

    Returns:
        ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``, 0 or more.

    Raises:
        DataError: The sets do not fit together, or are too small.

    Source:
        Heusel et al. 2017, GANs trained by a two time-scale update rule (arXiv 1706.08500),
        equation 6.
    """
    one, other = _checked(one, other)
    shift = one.mean(axis=0) - other.mean(axis=0)
    # tr (C1 C2)^(1/2) is the sum of the singular values of A B', where C1 = A'A and C2 = B'B: no
    # root of a matrix that is singular whenever there are fewer images than features.
    root_one, root_other = _root(one), _root(other)
    cross = np.linalg.svd(root_one @ root_other.T, compute_uv=False).sum()
    spread = (root_one**2).sum() + (root_other**2).sum()
    return float(max(0.0, shift @ shift + spread - 2 * cross))


def kernel_distance(one: Features, other: Features) -> float:
    """Compute the kernel distance (KID): the squared MMD with a cubic kernel, unbiased.

    Over all pairs of images at once, not in blocks. Whatever is called "kernel distance" here, in
    training, evaluation and benchmarks, is this function of the features that are named with it.

    Args:
        one: (images, features), at least two images, as the extractor gives them: not scaled.
        other: (images, features); of any number, as the sets' sizes do not shift it.

    Returns:
        About 0, also below, for sets of one distribution. A pair of an image with itself is left
        out.

    Raises:
        DataError: The sets do not fit together, or are too small.

    Source:
        Binkowski et al. 2018, Demystifying MMD GANs (arXiv 1801.01401), section 4: kernel
        (x.y / features + 1)^3.
    """
    one, other = _checked(one, other)
    of_one, of_other = cubic_kernel(one, one), cubic_kernel(other, other)
    n, m = len(one), len(other)
    return float(
        (of_one.sum() - of_one.trace()) / (n * (n - 1))
        + (of_other.sum() - of_other.trace()) / (m * (m - 1))
        - 2 * cubic_kernel(one, other).mean()
    )


def cubic_kernel(one: Features, other: Features) -> NDArray[np.float64]:
    """Compute the kernel of the kernel distance between all rows: (x.y / features + 1)^3.

    Args:
        one: (images, features).
        other: (others, features).

    Returns:
        (images, others).
    """
    return np.asarray((one @ other.T / one.shape[1] + 1) ** 3)


def distances(one: Features, other: Features) -> NDArray[np.float64]:
    """Compute the Euclidean distance between all rows: (images, others)."""
    one, other = _checked(one, other, least=1)
    return np.concatenate([*_distance_blocks(one, other)])


def nearest_distances(features: Features, training: Features) -> NDArray[np.float64]:
    """Find how far the nearest training image is: the sign of memorisation.

    Faces that lie nearer to the training faces than real faces of other people do are copies.
    Compare the result with that for held-out real faces.

    Args:
        features: (images, features).
        training: (training images, features).

    Returns:
        (images,) Euclidean distances.

    Raises:
        DataError: The sets do not fit together.
    """
    features, training = _checked(features, training, least=1)
    blocks = [block.min(axis=1) for block in _distance_blocks(features, training)]
    return np.concatenate(blocks)


def membership(real: Features, generated: Features, k: int = 5) -> _Membership:
    """Find which images lie in whose neighbourhood, by distances in feature space.

    Args:
        real: (images, features), more than `k`.
        generated: (images, features), more than `k`.
        k: A neighbourhood reaches to the k-th nearest image of the same set.

    Returns:
        Whose means are precision, recall, density (over k) and coverage.

    Raises:
        DataError: The sets do not fit together, or are not larger than `k`.

    Source:
        Kynkäänniemi et al. 2019 (arXiv 1904.06991), equations 1-3; Naeem et al. 2020, Reliable
        fidelity and diversity metrics (arXiv 2002.09797), equations 5 and 6.
    """
    real, generated = _checked(real, generated, least=k + 1)
    of_real, of_generated = _radii(real, k), _radii(generated, k)
    inside = np.zeros(len(generated))
    recalled, covered = [], []
    for start, block in zip(
        range(0, len(real), _BLOCK_ROWS), _distance_blocks(real, generated), strict=True
    ):
        within = block <= of_real[start : start + len(block), None]
        inside += within.sum(axis=0)
        covered.append(within.any(axis=1))
        recalled.append((block <= of_generated[None]).any(axis=1))
    return _Membership(inside, np.concatenate(recalled), np.concatenate(covered))


def _checked(
    one: Features, other: Features, least: int = 2
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give both sets as float64, or say what does not fit."""
    for features in (one, other):
        if features.ndim != 2 or len(features) < least:
            raise DataError(
                f"image features: got an array of {features.shape}; at least {least} images "
                "with a row of features each are needed"
            )
        if not np.isfinite(features).all():
            raise DataError("image features: some are NaN or infinite; leave those images out")
    if one.shape[1] != other.shape[1]:
        raise DataError(
            f"image features: {one.shape[1]} in one set, {other.shape[1]} in the other; "
            "take both from one extractor"
        )
    return one.astype(np.float64), other.astype(np.float64)


def _root(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """A, with A'A the covariance: small whichever of images and features are fewer."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))


def _distance_blocks(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Euclidean distances from some rows at a time of one set to all of the other."""
    squares = (other**2).sum(axis=1)
    for start in range(0, len(one), _BLOCK_ROWS):
        block = one[start : start + _BLOCK_ROWS]
        squared = (block**2).sum(axis=1)[:, None] + squares[None] - 2 * block @ other.T
        # What is left of rounding between equal images is nothing beside their lengths.
        rounding = 1e-12 * (squares.max(initial=0.0) + 1e-300)
        yield np.sqrt(np.where(squared < rounding, 0.0, squared))


def _radii(features: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Distance of each image to its k-th nearest other one of the set."""
    # Place k, not k - 1: the nearest of all is the image itself.
    return np.concatenate(
        [np.partition(block, k, axis=1)[:, k] for block in _distance_blocks(features, features)]
    )
