"""What the evaluation asks of judges, and training of teachers.

Each is a plain class with these attributes; nothing is inherited. Faces are (n, size, size, 3)
uint8 RGB, aligned.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


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
