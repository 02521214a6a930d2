"""Image features of a network that nobody trained: no weights, no training data, no bias of them.

Random embeddings keep the order of distances between sets of images where trained ones do, and are
surer where the images are far from photographs. They do not know what a face is.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from voice2face.pretrained.crops import batches, crop_faces, one_thread

_SIZE_PX = 64
_CHANNELS = (3, 32, 64, 128, 256)
_BATCH = 128


class RandomFeatures:
    """Four random convolutions with ReLU and average pooling; means over a grid of 2 x 2 parts.

    Weights are drawn by NumPy from a fixed seed, and so are the same with every version of torch.

    Source:
        Naeem et al. 2020, Reliable fidelity and diversity metrics for generative models (arXiv
        2002.09797), section 3.3.2, where it is a VGG16.
    """

    name = "random-convolutions"

    def __init__(self) -> None:
        random = np.random.Generator(np.random.PCG64(20200223))
        self._weights = []
        for n_in, n_out in pairwise(_CHANNELS):
            deviation = np.sqrt(2 / (9 * n_in))  # He et al. 2015: keeps the activations' scale
            weight = deviation * random.standard_normal((n_out, n_in, 3, 3))
            self._weights.append(torch.from_numpy(weight.astype(np.float32)))

    def extract(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute features: (n, 1024)."""
        found = np.zeros((len(faces), 4 * _CHANNELS[-1]), np.float32)
        with one_thread():
            for rows in batches(len(faces), _BATCH):
                x = torch.from_numpy(crop_faces(faces[rows], _SIZE_PX)).permute(0, 3, 1, 2)
                x = (x - 127.5) / 64
                for weight in self._weights:
                    x = functional.avg_pool2d(functional.conv2d(x, weight, padding=1).relu(), 2)
                found[rows] = functional.adaptive_avg_pool2d(x, 2).flatten(1).numpy()
        return found
