"""Faces and voices as a judge's embeddings: computed once, before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.metrics import retrieval as metrics
from voice2face.pretrained.interfaces import FaceRecogniser


@dataclass(frozen=True)
class Embeddings:
    """What a face recogniser makes of a trial set; all of unit length, zero where it finds no face.

    Attributes:
        faces: (faces, embedding) of the true faces.
        probes: (recordings, embedding) by contender: the mean of a recording's samples.
    """

    faces: NDArray[np.float32]
    probes: Mapping[str, NDArray[np.float32]]

    @classmethod
    def compute(
        cls,
        judge: FaceRecogniser,
        faces: NDArray[np.uint8],
        generated: Mapping[str, NDArray[np.uint8]],
        placed: Mapping[str, NDArray[np.float32]],
    ) -> Embeddings:
        """Embed faces.

        Args:
            faces: (faces, size, size, 3), the true ones.
            generated: (recordings, samples, size, size, 3) by contender.
            placed: (recordings, embedding) by contender that generates no face.
        """
        probes = {name: embed_recordings(judge, own) for name, own in generated.items()}
        probes |= {name: metrics.unit(own) for name, own in placed.items()}
        return cls(metrics.unit(judge.embed(faces)), probes)


def embed_recordings(judge: FaceRecogniser, generated: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed recordings' faces.

    Args:
        generated: (recordings, samples, size, size, 3).

    Returns:
        (recordings, embedding) mean of each recording's, of unit length; zero where there is none.
    """
    n, samples = generated.shape[:2]
    found = metrics.unit(judge.embed(generated.reshape(-1, *generated.shape[2:])))
    return metrics.unit(found.reshape(n, samples, -1).mean(axis=1))
