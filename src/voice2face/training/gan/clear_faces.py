"""Which faces show what they are paired by: trained on those alone, a generator draws it surely."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voice2face.data.pairing import Pairing
from voice2face.data.store import Store
from voice2face.errors import ConfigError
from voice2face.training.progress import progress_bar

_FOLDS = 5
_BATCH = 1024
# Described at a time: more would not fit the processor's cache.
_AT_A_TIME = 128
# A face is described by so many small pixels along a side, and by edges in so many parts of it.
_PIXELS = 32
_PARTS = 8
_DIRECTIONS = 8
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Of the ridge, a face and standardised number.
_STRENGTH = 0.2


def clearest(store: Store, pairing: Pairing, share: float, show: bool = False) -> Pairing:
    """Keep of each label the faces that show it most surely, of each age as many.

    Of people who share a gender, some photographs show it plainly and others do not: turned away,
    blurred, or labelled wrongly. Which, tells a classifier that was fitted to other people's. It
    is surer of the young, so that it chooses within each age that the store tells.

    Args:
        pairing: Its voices and faces under labels that many people share.
        share: Of each label's faces, how many are kept; 1 keeps all.

    Returns:
        The pairing, with as many voices and fewer faces; as it was where there is only one label,
        or one person, so that nothing can be compared.

    Raises:
        ConfigError: The faces' side is no multiple of 32 pixels.

    Source:
        Northcutt, Jiang and Chuang 2021, Confident learning (arXiv 1911.00068), section 3: ranking
        by out-of-sample self-confidence.
    """
    identities = [store.faces["identity"][row] for row in pairing.face_rows]
    if share == 1 or len(pairing.labels) < 2 or len(set(identities)) < 2:
        return pairing
    images = store.images[pairing.face_rows]
    margins = left_out_margins(images, pairing.face_labels, identities, show)
    ages = [store.faces["age"][row] or "" for row in pairing.face_rows]
    kinds = [f"{label}/{age}" for label, age in zip(pairing.face_labels, ages, strict=True)]
    _, group = np.unique(kinds, return_inverse=True)
    kept = np.zeros(len(margins), bool)
    for one in range(group.max() + 1):
        alike = np.flatnonzero(group == one)
        surest = alike[np.argsort(-margins[alike], kind="stable")]
        kept[surest[: math.ceil(share * len(alike))]] = True
    return dataclasses.replace(
        pairing, face_rows=pairing.face_rows[kept], face_labels=pairing.face_labels[kept]
    )


def left_out_margins(
    faces: NDArray[np.uint8],
    labels: NDArray[np.int64],
    identities: list[str],
    show: bool = False,
) -> NDArray[np.float64]:
    """Tell how surely each face shows its label, by a classifier fitted to other people's faces.

    Ridge regression of each label on `describe`, on the faces and their mirror images.

    Args:
        faces: (n, size, size, 3) RGB, aligned.
        labels: (n,) from 0 on; two or more occur.
        identities: (n,) whose face it is, of two people or more; nobody's faces tell about his or
            her own.

    Returns:
        (n,) score of the face's own label less the best other one's; below 0 where it looks like
        another.

    Raises:
        ConfigError: The side is no multiple of 32 pixels.
    """
    n_labels = int(labels.max()) + 1
    people, person = np.unique(identities, return_inverse=True)
    fold = person % min(_FOLDS, len(people))
    # One row above the regression's inputs is 1, for its intercept.
    moments: list[NDArray[np.float64]] = []
    bar = progress_bar("choosing clear faces", 2 * len(faces), 0, "face", show)
    for one in range(fold.max() + 1):
        total = None
        for rows in _batches(np.flatnonzero(fold == one)):
            wanted = np.eye(n_labels, dtype=np.float32)[labels[rows]]
            for seen in (faces[rows], faces[rows, :, ::-1]):
                inputs = describe(seen)
                both = np.column_stack([np.ones(len(rows), np.float32), inputs, wanted])
                product = (both.T @ both).astype(np.float64)
                total = product if total is None else total + product
            bar.update(len(rows))
        assert total is not None
        moments.append(total)
    of_all = np.sum(moments, axis=0)
    margins = np.zeros(len(faces))
    for one, of_fold in enumerate(moments):
        weights, offset = _ridge(of_all - of_fold, n_labels)
        for rows in _batches(np.flatnonzero(fold == one)):
            seen = describe(faces[rows]) + describe(faces[rows, :, ::-1])
            scores = seen / 2 @ weights + offset
            own = scores[np.arange(len(rows)), labels[rows]].copy()
            scores[np.arange(len(rows)), labels[rows]] = -np.inf
            margins[rows] = own - scores.max(axis=1)
            bar.update(len(rows))
    bar.close()
    return margins


def describe(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe faces by small pixels and by histograms of the directions of their edges.

    Args:
        faces: (n, size, size, 3) RGB, aligned; the side a multiple of 32.

    Returns:
        (n, 3584): colours in [-1, 1], then the square roots of the shares of the face's edges.

    Raises:
        ConfigError: The side is no multiple of 32.

    Source:
        Dalal and Triggs 2005, Histograms of oriented gradients for human detection (CVPR), section
        6, normalised over the whole face.
    """
    size = faces.shape[1]
    if size % _PIXELS:
        raise ConfigError(
            f"gan.confident_fraction below 1 needs faces whose side is a multiple of {_PIXELS} "
            f"pixels, not {size}: leave it at 1"
        )
    parts = [faces[rows] for rows in _batches(np.arange(len(faces)), _AT_A_TIME)]
    return np.concatenate([np.hstack([_pixels(part), _edges(part)]) for part in parts])


def _pixels(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 3072) colours of small pixels, in [-1, 1]."""
    n, size = faces.shape[:2]
    step = size // _PIXELS
    of_pixels = faces.reshape(n, _PIXELS, step, _PIXELS, step, 3).astype(np.float32)
    return of_pixels.mean(axis=(2, 4)).reshape(n, -1) / 127.5 - 1


def _edges(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 512) square roots of the share of the face's edges in each part and direction."""
    n, size = faces.shape[:2]
    grey = faces.astype(np.float32) @ _LUMA
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    strength = np.hypot(down, right)
    # An edge counts for the two directions that its own lies between.
    turn = np.arctan2(down, right) % np.pi * (_DIRECTIONS / np.pi)
    lower = np.floor(turn)
    nearness = turn - lower
    row, column = np.indices((size, size)) // (size // _PARTS)
    part = (np.arange(n)[:, None, None] * _PARTS + row) * _PARTS + column
    edges = np.zeros(n * _PARTS**2 * _DIRECTIONS)
    for direction, share in ((lower, 1 - nearness), (lower + 1, nearness)):
        bins = part * _DIRECTIONS + direction.astype(np.int64) % _DIRECTIONS
        edges += np.bincount(bins.ravel(), (share * strength).ravel(), len(edges))
    shares = edges.reshape(n, -1).astype(np.float32)
    return np.sqrt(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-6))


def _batches(rows: NDArray[np.int64], size: int = _BATCH) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _ridge(
    moments: NDArray[np.float64], n_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and offsets from the sums of products of 1, inputs and targets."""
    count, sums = moments[0, 0], moments[0, 1:]
    centred = moments[1:, 1:] - np.outer(sums, sums) / count
    inputs = slice(0, len(centred) - n_labels)
    targets = slice(len(centred) - n_labels, len(centred))
    gram = centred[inputs, inputs]
    # A penalty as of standardised inputs; one that never varies gets no weight.
    penalty = _STRENGTH * np.maximum(np.diag(gram), 1e-6 * count)
    weights = np.linalg.solve(gram + np.diag(penalty), centred[inputs, targets])
    return weights, (sums[targets] - sums[inputs] @ weights) / count
