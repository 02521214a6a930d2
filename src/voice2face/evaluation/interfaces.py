"""What the evaluation asks of the systems it scores and of the judges that score them.

Each is a plain class with these attributes; nothing is registered or inherited. Faces are
always (n, size, size, 3) uint8 RGB, and rows always point into a store's manifests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store

__all__ = [
    "AttributeClassifier",
    "AttributeMeasure",
    "Baseline",
    "DirectMatcher",
    "FaceDetectorJudge",
    "FaceRecogniser",
    "IdentityClassifier",
    "ImageFeatures",
    "Rows",
    "SpeakerEncoder",
    "System",
]

Rows: TypeAlias = Sequence[int] | NDArray[np.int64]


@runtime_checkable
class FaceRecogniser(Protocol):
    """Tells people apart by their faces."""

    name: str

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed faces.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n, embedding), compared by cosine; a row of NaN where the face cannot be embedded.
        """
        ...


@runtime_checkable
class AttributeClassifier(Protocol):
    """Names visible attributes, in the words of the store's manifests."""

    name: str

    def classify(self, faces: NDArray[np.uint8]) -> dict[str, list[str | None]]:
        """Classify faces.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            By column of the manifest ("gender", "age"), a value a face; None where there is no
            verdict. "nationality" is never among them.
        """
        ...


@runtime_checkable
class AttributeMeasure(Protocol):
    """Measures visible traits that are numbers."""

    name: str

    def measure(self, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Measure faces.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            By trait, (n,); NaN where it cannot be told.
        """
        ...


@runtime_checkable
class FaceDetectorJudge(Protocol):
    """Tells whether there is a face at all."""

    name: str

    def found(self, faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Look for a face.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n,) whether one was found.
        """
        ...


@runtime_checkable
class ImageFeatures(Protocol):
    """General features of images, for distances between sets of them."""

    name: str

    def extract(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute features.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n, features).
        """
        ...


@runtime_checkable
class SpeakerEncoder(Protocol):
    """Tells speakers apart by their voices."""

    name: str

    def embed(self, waveform: NDArray[np.int16]) -> NDArray[np.float32]:
        """Embed a recording.

        Args:
            waveform: (samples,) int16, one channel, 16 kHz.

        Returns:
            (embedding,) of unit length.

        Raises:
            RecordingError: There is no speech in it.
        """
        ...


@runtime_checkable
class System(Protocol):
    """Anything that gives faces for recordings."""

    name: str

    def draw(self, store: Store, voice_rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces for recordings of a store.

        Args:
            store: A prepared store.
            voice_rows: (n,) rows of its voice manifest.
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
            store: A prepared store.
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
            store: A prepared store.
            pair_by: Which voices and faces belong together; see `data.pairing.pair`.
            judge: In whose space the voices are placed.
        """
        ...

    def embed_voices(
        self, store: Store, voice_rows: Rows, judge: FaceRecogniser
    ) -> NDArray[np.float32]:
        """Place recordings among the judge's embeddings.

        Args:
            store: A prepared store.
            voice_rows: (n,) rows of its voice manifest.
            judge: The one it was fitted with.

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
    def about(self) -> Mapping[str, float]:
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
