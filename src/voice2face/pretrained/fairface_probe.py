"""Judges of our own: general image features, read by what was fitted to FairFace's training faces.

They are independent of dlib's networks: other features, other training faces, another method. They
know the faces of FairFace's training split, and so must be tested on others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.labels import AGE_BANDS
from voice2face.pretrained.image_features import EfficientNetFeatures

PROBE_FILE = Path(__file__).with_name("fairface_probe.npz")
# FairFace as it is used here has adults only.
_BANDS = AGE_BANDS[3:]


class _Probe:
    """The parts features of EfficientNet-Lite0, and what was fitted to them.

    What was fitted is in `fairface_probe.npz`, which `benchmarks/judges.py --fit` makes, so that
    all users have the same judge.

    Raises:
        MissingDependencyError: The package with the features' weights is not installed.
        DataError: Those weights are not the published ones.
    """

    def __init__(self) -> None:
        self._features = EfficientNetFeatures()
        with np.load(PROBE_FILE) as file:
            self._probe = dict(file)

    def _standardised(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        features = self._features.extract_parts(faces)
        return (features - self._probe["mean"]) / self._probe["deviation"]


class FairFaceProbe(_Probe):
    """Gender and age by ridge regression on the features; see the module."""

    name = "fairface-probe"

    def classify(self, faces: NDArray[np.uint8]) -> dict[str, list[str | None]]:
        """Classify aligned faces.

        Returns:
            "gender": "female" or "male"; "age": a band of `data.manifest.AGE_BANDS` from 20 on.
        """
        scores = self._standardised(faces) @ self._probe["weights"] + self._probe["offsets"]
        return {
            "gender": ["male" if score > 0 else "female" for score in scores[:, 0]],
            "age": [_BANDS[index] for index in scores[:, 1:].argmax(axis=1)],
        }


class PartsRecogniser(_Probe):
    """The same features, each standardised over FairFace's training faces, as a face embedding.

    It was never taught who is who: it is a weaker judge than one that was, and an independent one.
    """

    name = "efficientnet-lite0-parts"

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed aligned faces: (n, 1280)."""
        return self._standardised(faces)
