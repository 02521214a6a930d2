"""Judges of our own: general image features, read by what was fitted to FairFace's training faces.

They are independent of dlib's networks: other features, other training faces, another method. They
know the faces of FairFace's training split, and so must be tested on others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from voice2face.labels import AGE_BANDS
from voice2face.pretrained.image_features import EfficientNetFeatures

PROBE_FILE = Path(__file__).with_name("fairface_probe.npz")
# FairFace as it is used here has adults only.
_BANDS = AGE_BANDS[3:]
_STRENGTH_PER_FACE = 0.2


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
        return _standardised(self._features.extract_parts(faces), self._probe)


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


def fit_probe(
    features: NDArray[np.float32], genders: list[str], ages: list[str]
) -> dict[str, NDArray[np.float32]]:
    """Fit what `FairFaceProbe` and `PartsRecogniser` read.

    Args:
        features: (faces, features) by `EfficientNetFeatures.extract_parts`.
        genders: "female" or "male" of each face.

    Returns:
        Arrays by name, for `PROBE_FILE`: mean and deviation of each feature; weights (features,
        1 + bands) and offsets (1 + bands) of the scores, of which the first is above 0 for men.
    """
    statistics = {"mean": features.mean(axis=0), "deviation": features.std(axis=0) + 1e-6}
    x = _standardised(features, statistics).astype(np.float64)
    targets = np.column_stack(
        [
            [1.0 if gender == "male" else -1.0 for gender in genders],
            [[age == band for band in _BANDS] for age in ages],
        ]
    )
    model = Ridge(alpha=_STRENGTH_PER_FACE * len(x)).fit(x, targets)
    found = statistics | {"weights": model.coef_.T, "offsets": model.intercept_}
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def _standardised(
    features: NDArray[np.float32], statistics: dict[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    return (features - statistics["mean"]) / statistics["deviation"]
