"""Measures of visible traits, as judges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.images.traits import measure_pixels, proportion
from voice2face.pretrained.detector_judges import Detector

_BATCH = 256


class PixelMeasures:
    """Skin tone, darkness and hue of hair; see `attributes.measure_pixels`."""

    name = "pixels"

    def measure(self, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Measure faces; see `pretrained.interfaces.AttributeMeasure`."""
        parts = [
            measure_pixels(faces[start : start + _BATCH]) for start in range(0, len(faces), _BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class LandmarkMeasures:
    """Width to height of a face by a detector's landmarks; see `attributes.proportion`.

    Args:
        name: A key of `pretrained.detectors.DETECTORS`, of a detector that finds mouth corners.

    Raises:
        MissingDependencyError: A package that it needs is not installed.
        DataError: Its weights are not the published ones.
    """

    def __init__(self, name: str) -> None:
        self.name = f"{name}-landmarks"
        self._detector = Detector(name)

    def measure(self, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Measure faces; see `interfaces.AttributeMeasure`. NaN where no face is found."""
        return {"face width to height": proportion(self._detector.landmarks(faces))}
