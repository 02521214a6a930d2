"""Two judges of the planted world's faces; those of real faces know nothing of cartoons.

Both estimate the factors that a face expresses. They were fitted on faces of two worlds of their
own, one each, by `benchmarks/planted_judges.py`, and share nothing but the task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voice2face.errors import ConfigError
from voice2face.synthetic.faces import SIZE_PX
from voice2face.synthetic.latents import FACE_FACTORS, SHARED

_FOLDER = Path(__file__).resolve().parents[1] / "models" / "planted_judge"
CLOSED_FORM_FILE = _FOLDER / "closed_form.npz"
NETWORK_FILE = _FOLDER / "network.onnx"
_BATCH = 256


class _PlantedJudge(ABC):
    """What both judges make of their estimates.

    An estimate is (n, 11): a value for each of `FACE_FACTORS`, then -1 for a woman to 1 for a man.

    Attributes:
        name: What results call the judge; it ends in "-shared" where `embed` leaves the factors
            of the face alone out.
    """

    name: str

    def __init__(
        self, mean: NDArray[np.float32], whitening: NDArray[np.float32], shared_only: bool
    ) -> None:
        self._mean, self._whitening = mean, whitening
        if shared_only:
            self.name = f"{self.name}-shared"
            kept = [*range(len(SHARED)), len(FACE_FACTORS)]
            within = np.linalg.inv(whitening.astype(np.float64) @ whitening)[np.ix_(kept, kept)]
            values, vectors = np.linalg.eigh(within)
            self._whitening = np.zeros((len(mean), len(kept)), np.float32)
            self._whitening[kept] = (vectors / np.sqrt(values)) @ vectors.T

    def estimate(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate the factors and the gender.

        Args:
            faces: (n, size, size, 3) RGB; those of another size than 64 px are resampled.

        Returns:
            (n, 11), see the class.

        Raises:
            ConfigError: The array has another shape.
        """
        if faces.ndim != 4 or faces.shape[1] != faces.shape[2] or faces.shape[3] != 3:
            raise ConfigError(
                f"faces of the shape {faces.shape}: the judges of the planted world need "
                "(n, size, size, 3)"
            )
        starts = range(0, len(faces), _BATCH)
        blocks = [self._estimate(_sized(faces[at : at + _BATCH])) for at in starts]
        return np.concatenate([np.zeros((0, len(FACE_FACTORS) + 1), np.float32), *blocks])

    @abstractmethod
    def _estimate(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 11) estimates of (n, 64, 64, 3) faces."""

    def factors(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate the factors: (n, 10), standard normal over the population."""
        return self.estimate(faces)[:, :-1]

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed faces for identity.

        The estimates are centred on the population, and scaled and turned so that those of one
        person have a spherical spread: what the judge sees best counts most. Cosine and Euclidean
        distance both tell people apart. With `shared_only`, the factors of the face alone, of which
        no voice can tell, take no part.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n, 11), or (n, 7) with `shared_only`.
        """
        apart = self.estimate(faces) - self._mean
        return np.matmul(apart, self._whitening, dtype=np.float32)

    def gender(self, faces: NDArray[np.uint8]) -> list[str]:
        """Name the gender of each face: "female" or "male"."""
        return ["male" if value > 0 else "female" for value in self.estimate(faces)[:, -1]]

    def classify(self, faces: NDArray[np.uint8]) -> dict[str, list[str | None]]:
        """Classify faces by the columns of a manifest: "gender" only."""
        return {"gender": [*self.gender(faces)]}


class ClosedFormJudge(_PlantedJudge):
    """Ridge regression on principal components of the pixels, and on products of the first.

    Args:
        shared_only: Whether `embed` is of what a voice can tell of: the shared factors and gender.
    """

    name = "planted-closed-form"

    def __init__(self, shared_only: bool = False) -> None:
        with np.load(CLOSED_FORM_FILE, allow_pickle=False) as file:
            fitted = {name: file[name].astype(np.float32) for name in file.files}
        super().__init__(fitted["mean"], fitted["whitening"], shared_only)
        self._fitted = fitted

    def _estimate(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        fitted = self._fitted
        pixels = halved(faces) - fitted["mean_pixels"]
        values = pixels @ fitted["of_pixels"] + fitted["intercept"]
        values += squares(pixels @ fitted["basis"]) @ fitted["of_squares"]
        return values.astype(np.float32)


class NetworkJudge(_PlantedJudge):
    """A small convolutional network.

    Args:
        shared_only: Whether `embed` is of what a voice can tell of: the shared factors and gender.
    """

    name = "planted-network"

    def __init__(self, shared_only: bool = False) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            NETWORK_FILE, options, providers=["CPUExecutionProvider"]
        )
        size = len(FACE_FACTORS) + 1
        about = self._session.get_modelmeta().custom_metadata_map
        numbers = np.array([float(value) for value in about["calibration"].split()], np.float32)
        super().__init__(numbers[:size], numbers[size:].reshape(size, size), shared_only)

    def _estimate(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        (values,) = self._session.run(["factors"], {"faces": np.ascontiguousarray(faces)})
        return np.asarray(values)


def _sized(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if faces.shape[1] == SIZE_PX:
        return faces
    from voice2face.pretrained.crops import crop_faces  # imports torch

    return np.rint(crop_faces(faces, SIZE_PX)).astype(np.uint8)


def halved(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bring faces to half their side and one row each: (n, 3072), 0 to 1."""
    half = SIZE_PX // 2
    blocks = faces.reshape(len(faces), half, 2, half, 2, 3)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(faces), -1) / 255


def squares(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """All products of two of the columns, once each."""
    i, j = np.triu_indices(values.shape[1])
    return values[:, i] * values[:, j]
