"""What the evaluation asks of the systems that it scores, and of what stands beside them.

Each is a plain class with these attributes; nothing is registered or inherited. Faces are
always (n, size, size, 3) uint8 RGB, and rows always point into a store's manifests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.errors import ConfigError
from voice2face.pretrained.interfaces import FaceRecogniser

Rows: TypeAlias = Sequence[int] | NDArray[np.int64]


@runtime_checkable
class System(Protocol):
    """Anything that gives faces for recordings."""

    name: str

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces for recordings of a store.

        Args:
            rows: (n,) rows of its voice manifest.
            samples: Faces a recording, 1 or more.
            seed: Of what random numbers they take.

        Returns:
            (n, samples, size, size, 3) RGB.
        """
        ...


@runtime_checkable
class Baseline(System, Protocol):
    """A system that learns from the training split of the store it is scored on."""

    def fit(self, store: Store, pair_by: str) -> None:
        """Learn from the split "train".

        Args:
            pair_by: Which voices and faces belong together; see `data.pairing.pair`.
        """
        ...


@runtime_checkable
class DirectMatcher(Protocol):
    """Places voices among a judge's face embeddings without drawing a face: a ceiling."""

    name: str

    def fit(self, store: Store, pair_by: str, judge: FaceRecogniser) -> None:
        """Learn from the split "train".

        Args:
            pair_by: Which voices and faces belong together; see `data.pairing.pair`.
        """
        ...

    def embed_voices(self, store: Store, rows: Rows, judge: FaceRecogniser) -> NDArray[np.float32]:
        """Place recordings among the judge's embeddings.

        Args:
            rows: (n,) rows of its voice manifest.

        Returns:
            (n, embedding).
        """
        ...


@runtime_checkable
class IdentityClassifier(Protocol):
    """Names which of a fixed set of people a face is, for the VGGFace score."""

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    @property
    def statistics(self) -> Mapping[str, float]:
        """What is known of it, such as how many people it knows, and how often it is right."""
        ...

    def posteriors(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify faces.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n, people), each row summing to 1.
        """
        ...


@dataclass(frozen=True)
class Contenders:
    """Who is scored on the same trials.

    Attributes:
        systems: What is scored, at least one; of several, each is compared with all others.
        baselines: What stands beside them; fitted on the store's split "train".
        matchers: Fitted for each recogniser: a ceiling.

    Raises:
        ConfigError: Two share a name.
    """

    systems: Sequence[System]
    baselines: Sequence[Baseline] = ()
    matchers: Sequence[DirectMatcher] = ()

    def __post_init__(self) -> None:
        names = [one.name for one in (*self.systems, *self.baselines, *self.matchers)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(
                f"two systems or baselines are called {', '.join(twice)}; each needs a name of "
                "its own"
            )
