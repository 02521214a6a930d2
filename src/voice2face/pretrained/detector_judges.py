"""The face detectors of `pretrained.detectors` as judges of whether there is a face at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.images.detect import DetectedFace
from voice2face.pretrained.crops import crop_faces, one_thread
from voice2face.pretrained.detectors import load_detector

_SIZE_PX = 64
_MARGIN_PX = 16


class Detector:
    """A face detector that looks at aligned faces.

    An aligned face fills its image, and detectors want some room around it: the edge is repeated.

    Raises:
        ConfigError: No detector of that name.
        MissingDependencyError: A package that it needs is not installed.
        DataError: Its weights are not the published ones.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._detector = load_detector(name)

    def found(self, faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Look for a face: (n,) whether one was found."""
        return np.array([bool(seen) for seen in self._detections(faces)], bool)

    def landmarks(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Find the landmarks of the face that is surest.

        Returns:
            (n, 5, 2) as `images.detect.DetectedFace`, at 64 px; NaN where none is found.
        """
        found = np.full((len(faces), 5, 2), np.nan)
        for row, seen in enumerate(self._detections(faces)):
            if seen:
                found[row] = max(seen, key=lambda face: face.score).landmarks_px
        return found

    def _detections(self, faces: NDArray[np.uint8]) -> list[list[DetectedFace]]:
        room = ((_MARGIN_PX, _MARGIN_PX), (_MARGIN_PX, _MARGIN_PX), (0, 0))
        seen = []
        with one_thread():
            for row in range(len(faces)):
                pixels = np.rint(crop_faces(faces[row : row + 1], _SIZE_PX)[0]).astype(np.uint8)
                seen.append(self._detector.detect(np.pad(pixels, room, mode="edge")))
        return seen
