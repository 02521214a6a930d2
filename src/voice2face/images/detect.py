"""What a face detector gives, whichever it is. The detectors themselves: `pretrained.detectors`.

Coordinates are those of the continuous image: (0, 0) is the top left corner of the top left pixel,
whose centre therefore is (0.5, 0.5); x grows to the right, y downwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from voice2face.images.align import FaceTemplate


@dataclass(frozen=True)
class DetectedFace:
    """A face that a detector found.

    Attributes:
        box_px: (left, top, right, bottom); may reach past the image.
        score: The detector's own certainty, on its own scale; larger is surer.
        landmarks_px: (5, 2) float64, x and y of the left eye, right eye, nose, left and right
            corner of the mouth, as seen in the image; NaN where the detector does not give one.
    """

    box_px: tuple[float, float, float, float]
    score: float
    landmarks_px: NDArray[np.float64]

    @property
    def side_px(self) -> float:
        """Side of a square of the box's area."""
        left, top, right, bottom = self.box_px
        return float(np.sqrt((right - left) * (bottom - top)))


class FaceDetector(Protocol):
    """Finds faces.

    Attributes:
        template: Where its landmarks lie in an aligned face; a detector's nose is its own.
    """

    name: ClassVar[str]
    template: ClassVar[FaceTemplate]

    def detect(self, image: NDArray[np.uint8]) -> list[DetectedFace]:
        """Find all faces.

        Args:
            image: (rows, columns, 3) RGB.

        Returns:
            The faces, in the order of `best_first`.
        """
        ...


def best_first(faces: Iterable[DetectedFace]) -> list[DetectedFace]:
    """Sort faces, large and certain ones first.

    Between faces about which a detector is nearly as sure, the larger is the one that a photograph
    is of; a large but doubtful one does not win.

    Returns:
        Them, by falling score times side.
    """
    return sorted(faces, key=lambda face: -face.score * face.side_px)
