"""Whose speech is whose: windows of a recording's speech, embedded and clustered by voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.log_mel import normalise_bands
from voice2face.errors import DataError
from voice2face.files import read_json

# Beside a trained encoder: the speaker stage calibrates it.
TWO_VOICES_FILE = "two_voices.json"
# Of 10 ms: two and a half seconds, half of which is the next window's too.
WINDOW_FRAMES = 250
HOP_FRAMES = 125
# With less speech than ten seconds, nobody asks whether two people speak.
LEAST_FRAMES = 1000
# A second voice has this share of the windows at least: fewer are sounds that are unlike speech.
_LEAST_SHARE = 0.12
_MOST_ROUNDS = 50
_BATCH = 32


@dataclass(frozen=True)
class Division:
    """Overlapping windows of a recording's speech, each of one of its voices.

    Attributes:
        embeddings: (windows, embedding) of unit length. Window i begins at frame i `HOP_FRAMES`.
        labels: (windows,) number of each one's voice, from 0, the most frequent first.
    """

    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_frames: int

    @property
    def cosine(self) -> float:
        """Cosine of the mean directions of two voices; 1 where one has hardly any windows."""
        counts = np.bincount(self.labels)
        if len(counts) < 2 or counts[1] < _LEAST_SHARE * len(self.labels):
            return 1.0
        first, second = _centres(self.embeddings, self.labels, 2)
        return float(first @ second)

    @cached_property
    def whose(self) -> NDArray[np.int64]:
        """(frames,) numbers of the voices, from 0, who speaks most first.

        A frame is of the voice that the windows over it are most like.
        """
        likeness = _likeness(self.embeddings, self.labels, int(np.max(self.labels)) + 1)
        # Between two beginnings of windows lie two windows' halves; at the ends, one's.
        before = np.concatenate([likeness[:1], likeness])
        after = np.concatenate([likeness, likeness[-1:]])
        of_hop = (before + after).argmax(axis=1)
        hops = np.minimum(np.arange(self.n_frames) // HOP_FRAMES, len(of_hop) - 1)
        return _largest_first(of_hop[hops])

    def parts(self, log_mel: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], float]]:
        """Divide the speech.

        Args:
            log_mel: (frames, mels) of the speech.

        Returns:
            For each voice, who speaks most first: (frames, mels) of all that it says, normalised;
            and its share of the speech. A voice that no frame is most like is left out.
        """
        counts = np.bincount(self.whose)
        return [
            (normalise_bands(log_mel[self.whose == one]), float(count / self.n_frames))
            for one, count in enumerate(counts)
        ]


def divide(embeddings: NDArray[np.float32], n_frames: int, n_voices: int) -> Division:
    """Divide windows of speech among voices.

    Args:
        embeddings: Of `windows_of`.
        n_voices: How many people speak; of fewer windows, as many as there are.
    """
    labels = cluster(embeddings, min(n_voices, len(embeddings)))
    return Division(embeddings, labels, n_frames)


def windows_of(
    log_mel: NDArray[np.float32], embed: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Embed windows of a recording's speech, each normalised by itself.

    Args:
        log_mel: (frames, mels), normalised.
        embed: From (windows, frames, mels) to (windows, embedding) of unit length.

    Returns:
        (windows, embedding) of unit length; of less speech than one window, the whole's.
    """
    count = max(1, (len(log_mel) - WINDOW_FRAMES) // HOP_FRAMES + 1)
    found: list[NDArray[np.float32]] = []
    for first in range(0, count, _BATCH):
        starts = range(first * HOP_FRAMES, min(first + _BATCH, count) * HOP_FRAMES, HOP_FRAMES)
        cut = [normalise_bands(log_mel[start : start + WINDOW_FRAMES]) for start in starts]
        found.append(embed(np.stack(cut)))
    return np.concatenate(found)


def cluster(embeddings: NDArray[np.float32], n_clusters: int) -> NDArray[np.int64]:
    """Divide unit vectors into clusters by direction.

    Ward's agglomeration gives the first division, which spherical k-means improves.

    Args:
        embeddings: (windows, embedding) of unit length.
        n_clusters: At least 1, at most the number of windows.

    Returns:
        (windows,) number of each one's cluster, the largest cluster first; none is empty.

    Source:
        Ward 1963, Hierarchical grouping to optimize an objective function; Dhillon and Modha
        2001, Concept decompositions, section 3.
    """
    labels = _agglomerated(embeddings.astype(np.float64), n_clusters)
    for _ in range(_MOST_ROUNDS):
        moved = _likeness(embeddings, labels, n_clusters).argmax(axis=1)
        if (moved == labels).all() or len(np.unique(moved)) < n_clusters:
            break
        labels = moved
    return _largest_first(labels)


def two_voices_threshold(path: Path) -> float | None:
    """Read the threshold that was calibrated for an encoder, {"threshold": -1 to 1 or null}.

    Returns:
        See `ModelDescription.two_voices`; None where there is no such file, too.

    Raises:
        DataError: The file cannot be read, or holds something else.
    """
    if not path.exists():
        return None
    content: dict[str, Any] = read_json(path, DataError)
    found = content.get("threshold", "missing")
    if found is None:
        return None
    if not isinstance(found, int | float) or isinstance(found, bool) or not -1 <= found <= 1:
        raise DataError(
            f"{path}: threshold is {found!r:.40}; a number from -1 to 1, or null, is needed"
        )
    return float(found)


def _largest_first(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number labels anew from 0, the most frequent first; of equals, the first that occurs."""
    _, first, numbers, counts = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    return np.argsort(np.lexsort((first, -counts)))[numbers]


def _centres(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float32]:
    """Mean directions of the clusters, (clusters, embedding) of unit length."""
    sums = np.zeros((n_clusters, embeddings.shape[1]), np.float32)
    np.add.at(sums, labels, embeddings)
    lengths = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
    return sums / np.maximum(lengths, np.float32(1e-9))


def _likeness(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int
) -> NDArray[np.float32]:
    """Cosine of each window with each cluster's mean direction, (windows, clusters)."""
    return np.inner(embeddings, _centres(embeddings, labels, n_clusters))


def _agglomerated(points: NDArray[np.float64], n_clusters: int) -> NDArray[np.int64]:
    """Join the two clusters whose squared deviations grow least, until so many are left."""
    labels = np.arange(len(points))
    sizes = np.ones(len(points))
    cost = np.maximum(1 - np.inner(points, points), 0)  # half of the squared distance
    np.fill_diagonal(cost, np.inf)
    for _ in range(len(points) - n_clusters):
        one, other = sorted(divmod(int(cost.argmin()), len(points)))
        # Lance and Williams 1967, for Ward's criterion.
        both = sizes[one] + sizes[other]
        joined = (
            (sizes + sizes[one]) * cost[one]
            + (sizes + sizes[other]) * cost[other]
            - sizes * cost[one, other]
        ) / (sizes + both)
        joined[[one, other]] = np.inf
        joined[~np.isfinite(cost[one]) | ~np.isfinite(cost[other])] = np.inf
        cost[one] = cost[:, one] = joined
        cost[other] = cost[:, other] = np.inf
        sizes[one] = both
        labels[labels == other] = one
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
