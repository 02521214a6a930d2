"""The face detectors of `data.detectors` as judges of whether there is a face at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.data.detectors import load_detector
from voice2face.evaluation.judges.chips import chips, one_thread

__all__ = ["Detector"]

_SIZE_PX = 64
_MARGIN_PX = 16


class Detector:
    """A face detector that looks at aligned faces.

    An aligned face fills its image, and detectors want some room around it: the edge is repeated.

    Args:
        name: A key of `data.detectors.DETECTORS`.

    Raises:
        ConfigError: No detector of that name.
        MissingDependencyError: A package that it needs is not installed.
        DataError: Its weights are not the published ones.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._detector = load_detector(name)

    def found(self, faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Look for a face.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n,) whether one was found.
        """
        room = ((_MARGIN_PX, _MARGIN_PX), (_MARGIN_PX, _MARGIN_PX), (0, 0))
        found = np.zeros(len(faces), bool)
        with one_thread():
            for row in range(len(faces)):
                pixels = np.rint(chips(faces[row : row + 1], _SIZE_PX)[0]).astype(np.uint8)
                found[row] = bool(self._detector.detect(np.pad(pixels, room, mode="edge")))
        return found
