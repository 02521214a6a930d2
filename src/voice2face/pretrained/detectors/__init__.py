"""Face detectors. A new one is a file with a class, and a line here. Which is best: docs/faces.md.

Each finds its weights in an installed package, and says what to install where it is absent.
"""

from __future__ import annotations

from voice2face.errors import look_up
from voice2face.images.detect import FaceDetector
from voice2face.pretrained.detectors.dlib_hog import DlibHog
from voice2face.pretrained.detectors.mtcnn import Mtcnn

DETECTORS: dict[str, type[FaceDetector]] = {kind.name: kind for kind in (Mtcnn, DlibHog)}
DEFAULT = "mtcnn"


def load_detector(name: str = DEFAULT) -> FaceDetector:
    """Make a detector ready, with its default settings.

    Raises:
        ConfigError: No detector of that name.
        MissingDependencyError: A package that it needs is not installed.
        DataError: Its weights are not the published ones.
    """
    return look_up("face detector", name, DETECTORS)()
