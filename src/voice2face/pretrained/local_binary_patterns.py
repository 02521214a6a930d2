"""Local binary patterns: face recognition without weights, training data or a package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.pretrained.crops import batches, crop_faces

_SIZE_PX = 82
_PARTS = 8
_BATCH = 64
# The eight neighbours of a pixel, in a circle.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class LocalBinaryPatterns:
    """Histograms of which neighbours of a pixel are brighter, in 8 x 8 parts of the face.

    Source:
        Ahonen, Hadid and Pietikäinen 2006, Face description with local binary patterns (IEEE PAMI
        28): uniform patterns with 8 neighbours. The square roots of the histograms are given, so
        that their cosine is the Bhattacharyya coefficient, in place of the chi-square distance.
    """

    name = "local-binary-patterns"

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed aligned faces: (n, 3776), of unit length."""
        found = np.zeros((len(faces), _PARTS**2 * 59), np.float32)
        for rows in batches(len(faces), _BATCH):
            grey = crop_faces(faces[rows], _SIZE_PX) @ _LUMA
            found[rows] = np.sqrt(_histograms(_patterns(grey)) / _PARTS**2)
        return found


def _patterns(grey: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n, rows - 2, columns - 2) number of each pixel's pattern, 0 to 58."""
    centre = grey[:, 1:-1, 1:-1]
    code = np.zeros(centre.shape, np.int64)
    for bit, (down, right) in enumerate(_NEIGHBOURS):
        rows = slice(1 + down, grey.shape[1] - 1 + down)
        columns = slice(1 + right, grey.shape[2] - 1 + right)
        code |= (grey[:, rows, columns] >= centre).astype(np.int64) << bit
    return _uniform()[code]


def _uniform() -> NDArray[np.int64]:
    """Number of each code: 58 that change at most twice around the circle, 58 for all others."""
    codes = np.arange(256)
    turned = (codes >> 1) | ((codes & 1) << 7)
    n_changes = np.unpackbits((codes ^ turned).astype(np.uint8)[:, None], axis=1).sum(axis=1)
    numbers = np.full(256, 58)
    numbers[n_changes <= 2] = np.arange(58)
    return numbers


def _histograms(patterns: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, parts * 59) share of each pattern in each part."""
    n, side, _ = patterns.shape
    part = np.arange(side) * _PARTS // side
    place = part[:, None] * _PARTS + part[None]
    bins = (np.arange(n)[:, None, None] * _PARTS**2 + place) * 59 + patterns
    counts = np.bincount(bins.ravel(), minlength=n * _PARTS**2 * 59).reshape(n, _PARTS**2, 59)
    return (counts / counts.sum(axis=2, keepdims=True)).reshape(n, -1)
