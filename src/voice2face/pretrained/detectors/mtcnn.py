"""MTCNN: three small networks, each looking closer at what the one before let pass."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from voice2face.images.align import LEFT_EYE, RIGHT_EYE, FaceTemplate
from voice2face.images.detect import DetectedFace, best_first
from voice2face.pretrained.detectors.mtcnn_networks import load_networks

_Boxes = NDArray[np.float64]

_MIN_FACE_PX, _MAX_SIDE_PX = 40, 640
# Least probability after P-Net, R-Net and O-Net.
_THRESHOLDS = (0.6, 0.7, 0.8)
# That go from one network to the next, the likeliest first.
_MAX_CANDIDATES = 128
_WINDOW_PX = 12
_STRIDE_PX = 2
_PYRAMID_FACTOR = 0.709
_MEAN, _SPREAD = 127.5, 128.0


class Mtcnn:
    """The cascade of Zhang et al. 2016, batched: at most one call of R-Net and one of O-Net.

    Candidates are cut out of an integral image, all at once and free of aliasing.

    Raises:
        MissingDependencyError: The package with the weights is not installed.
        DataError: The weights are not the published ones.

    Source:
        Zhang, Zhang, Li and Qiao 2016, Joint face detection and alignment using multitask cascaded
        convolutional networks (arXiv 1604.02878).
    """

    name: ClassVar[str] = "mtcnn"
    template: ClassVar[FaceTemplate] = FaceTemplate(
        left_eye=LEFT_EYE,
        right_eye=RIGHT_EYE,
        nose=(0.497, 0.552),
        left_mouth=(0.334, 0.713),
        right_mouth=(0.664, 0.712),
    )

    def __init__(self) -> None:
        self._proposal, self._refine, self._output = load_networks()

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> list[DetectedFace]:
        """Find all faces.

        Returns:
            The faces; `score` is O-Net's probability.
        """
        searched, scale = _bounded(image, _MAX_SIDE_PX)
        searched = _brightened(searched)
        boxes = self._propose(searched)
        if len(boxes) == 0:
            return []
        integral = _integral_image(searched)
        probability, shifts = self._refine(_cut_out(integral, boxes, 24))
        keep = probability.numpy() > _THRESHOLDS[1]
        boxes, scores = _shift(boxes, shifts.numpy().astype(np.float64))[keep], probability[keep]
        chosen = _suppress(boxes, scores.numpy(), 0.7)[:_MAX_CANDIDATES]
        if len(chosen) == 0:
            return []
        boxes = _square(boxes[chosen])
        probability, shifts, points = self._output(_cut_out(integral, boxes, 48))
        origin, side = boxes[:, None, :2], (boxes[:, None, 2:] - boxes[:, None, :2])
        landmarks = origin + points.numpy() * side
        boxes, scores = _shift(boxes, shifts.numpy().astype(np.float64)), probability.numpy()
        keep = np.flatnonzero(scores > _THRESHOLDS[2])
        keep = keep[_suppress(boxes[keep], scores[keep], 0.7, over_smaller=True)]
        return best_first(
            DetectedFace(tuple((boxes[i] / scale).tolist()), float(scores[i]), landmarks[i] / scale)
            for i in keep
        )

    def _propose(self, image: Image.Image) -> _Boxes:
        """P-Net over a pyramid whose finest level shows the smallest face as one window."""
        boxes, scores = [], []
        scale = _WINDOW_PX / _MIN_FACE_PX
        while min(image.size) * scale >= _WINDOW_PX:
            width, height = (max(_WINDOW_PX, round(side * scale)) for side in image.size)
            level = image.resize((width, height), Image.Resampling.BILINEAR)
            probability, shifts = self._proposal(_to_tensor(level))
            likely = probability > _THRESHOLDS[0]
            rows, columns = (index.numpy() for index in torch.nonzero(likely, as_tuple=True))
            corner = np.stack([columns, rows], axis=1) * float(_STRIDE_PX)
            window = np.concatenate([corner, corner + _WINDOW_PX], axis=1)
            window *= np.array([image.width / width, image.height / height] * 2)
            found = probability[likely].numpy()
            kept = _suppress(window, found, 0.5)
            boxes.append(_shift(window, shifts[:, likely].numpy().T.astype(np.float64))[kept])
            scores.append(found[kept])
            scale *= _PYRAMID_FACTOR
        if not boxes:
            return np.zeros((0, 4))
        every, found = np.concatenate(boxes), np.concatenate(scores)
        kept = _suppress(every, found, 0.7)[:_MAX_CANDIDATES]
        return _square(every[kept])


def _bounded(image: NDArray[np.uint8], max_side_px: int) -> tuple[Image.Image, float]:
    """Reduce a large image, and say by how much."""
    picture = Image.fromarray(image)
    scale = min(1.0, max_side_px / max(picture.size))
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return picture, scale


def _brightened(image: Image.Image) -> Image.Image:
    """Multiply a dark picture, which the networks were not trained on, up to usual values.

    Dark: only a fiftieth of its grey values are above 128. Those then are above 200.
    """
    counts = np.cumsum(image.convert("L").histogram())
    bright = int(np.searchsorted(counts, 0.98 * counts[-1]))
    if bright >= 128:
        return image
    factor = 200 / max(bright, 8)
    return image.point([min(255, round(value * factor)) for value in range(256)] * 3)


def _to_tensor(image: Image.Image) -> torch.Tensor:
    pixels = np.asarray(image, dtype=np.float32)
    return torch.from_numpy((pixels - _MEAN) / _SPREAD).permute(2, 0, 1)[None].contiguous()


def _integral_image(image: Image.Image) -> NDArray[np.int32]:
    """(rows + 1, columns + 1, 3): sum of all pixels above and to the left, each minus 128."""
    pixels = np.asarray(image).astype(np.int32) - 128
    integral = np.zeros((pixels.shape[0] + 1, pixels.shape[1] + 1, 3), np.int32)
    np.cumsum(pixels, axis=0, out=pixels)
    np.cumsum(pixels, axis=1, out=integral[1:, 1:])
    return integral


def _cut_out(integral: NDArray[np.int32], boxes: _Boxes, size_px: int) -> torch.Tensor:
    """Cut boxes out and average them down to one size; grey outside the image.

    The integral image, read between its points by bilinear interpolation, is the exact integral
    of the image taken as squares of one colour, so each result is the mean over its own area.

    Args:
        boxes: (boxes, 4) in pixels.

    Returns:
        (boxes, 3, size, size).
    """
    steps = np.linspace(0, 1, size_px + 1)
    x = boxes[:, :1] + (boxes[:, 2:3] - boxes[:, :1]) * steps
    y = boxes[:, 1:2] + (boxes[:, 3:] - boxes[:, 1:2]) * steps
    area = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-6)
    x, y = np.clip(x, 0, integral.shape[1] - 1), np.clip(y, 0, integral.shape[0] - 1)
    left = np.minimum(x.astype(int), integral.shape[1] - 2)
    top = np.minimum(y.astype(int), integral.shape[0] - 2)
    along, down = (x - left)[:, None, :, None], (y - top)[:, :, None, None]
    rows, columns = top[:, :, None], left[:, None, :]
    upper = integral[rows, columns] * (1 - along) + integral[rows, columns + 1] * along
    lower = integral[rows + 1, columns] * (1 - along) + integral[rows + 1, columns + 1] * along
    sums = np.diff(np.diff(upper * (1 - down) + lower * down, axis=1), axis=2)
    means = sums * (size_px**2 / area)[:, None, None, None]
    normalised = (means + (128 - _MEAN)) / _SPREAD
    return torch.from_numpy(normalised.transpose(0, 3, 1, 2).astype(np.float32))


def _shift(boxes: _Boxes, shifts: NDArray[np.float64]) -> _Boxes:
    """Move each edge by its share of the box's side."""
    side = boxes[:, 2:] - boxes[:, :2]
    return boxes + shifts * np.concatenate([side, side], axis=1)


def _square(boxes: _Boxes) -> _Boxes:
    """Make boxes square around their centres, as large as their longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _suppress(
    boxes: _Boxes, scores: NDArray[np.float32], overlap: float, over_smaller: bool = False
) -> NDArray[np.int64]:
    """Non-maximum suppression: drop a box that overlaps a likelier one.

    Args:
        boxes: (boxes, 4).
        scores: (boxes,).
        overlap: Most that two kept boxes may share, 0 to 1.
        over_smaller: Measure the share against the smaller box, not against the union.

    Returns:
        Indices of the kept boxes, likeliest first.
    """
    order = np.argsort(-scores, kind="stable")
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[rest, :2], boxes[best, :2])
        high = np.minimum(boxes[rest, 2:], boxes[best, 2:])
        common = np.clip(high - low, 0, None).prod(axis=1)
        whole = (
            np.minimum(area[rest], area[best]) if over_smaller else area[rest] + area[best] - common
        )
        order = rest[common <= overlap * whole]
    return np.array(kept, dtype=np.int64)
