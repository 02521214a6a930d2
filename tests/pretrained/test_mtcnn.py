"""The parts of the cascade, against hand-computed cases and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from voice2face.pretrained.detectors.mtcnn import (
    _cut_out,
    _integral_image,
    _shift,
    _square,
    _suppress,
)
from voice2face.pretrained.detectors.mtcnn_networks import load_networks


def test_suppression_by_hand() -> None:
    """Shares of the union: 1 and 0 1/3, 2 in 0 a quarter, 3 none."""
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [0, 0, 5, 5], [20, 20, 30, 30]], dtype=float)
    scores = np.array([0.8, 0.9, 0.7, 0.95], dtype=np.float32)
    assert _suppress(boxes, scores, 0.34).tolist() == [3, 1, 0, 2]
    assert _suppress(boxes, scores, 0.3).tolist() == [3, 1, 2]
    assert _suppress(boxes, scores, 0.34, over_smaller=True).tolist() == [3, 1, 2]
    assert _suppress(boxes, scores, 0.5, over_smaller=True).tolist() == [3, 1, 0]
    assert _suppress(boxes[:0], scores[:0], 0.5).tolist() == []


def test_boxes_by_hand() -> None:
    boxes = np.array([[10.0, 20.0, 30.0, 60.0]])
    np.testing.assert_allclose(_shift(boxes, np.array([[0.1, 0.1, -0.1, 0.5]])), [[12, 24, 28, 80]])
    np.testing.assert_allclose(_square(boxes), [[0, 20, 40, 60]])


@pytest.mark.parametrize(
    ("box", "size"),
    [((3.0, 4.0, 83.0, 84.0), 5), ((10.5, 20.25, 61.5, 71.25), 4), ((7.0, 9.0, 10.0, 12.0), 24)],
)
def test_cut_out_is_the_mean_over_each_cell(box: tuple[float, ...], size: int) -> None:
    """Against plain means over the image enlarged by 8, where all edges are between pixels."""
    pixels = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)
    cut = _cut_out(_integral_image(Image.fromarray(pixels)), np.array([box]), size)[0].numpy()
    large = pixels.astype(float).repeat(8, axis=0).repeat(8, axis=1)
    left, top, cell = round(box[0] * 8), round(box[1] * 8), round((box[2] - box[0]) * 8 / size)
    inside = large[top : top + size * cell, left : left + size * cell]
    means = inside.reshape(size, cell, size, cell, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(cut.transpose(1, 2, 0) * 128 + 127.5, means, atol=1e-3)


def test_cut_out_is_grey_outside_and_exact_at_half_pixels() -> None:
    image = Image.fromarray(np.full((10, 10, 3), 228, np.uint8))
    cut = _cut_out(_integral_image(image), np.array([[-5.0, 0.0, 5.0, 10.0]]), 4)[0, 0]
    np.testing.assert_allclose(cut[:, 2:] * 128 + 127.5, 228, atol=1e-3)
    np.testing.assert_allclose(cut[:, :2] * 128 + 127.5, 128, atol=1e-3)
    ramp = np.repeat(np.arange(10, dtype=np.uint8)[None, :, None] * 10, 10, 0).repeat(3, 2)
    cut = _cut_out(_integral_image(Image.fromarray(ramp)), np.array([[2.5, 3, 4.5, 5]]), 1)
    # Half of 20, all of 30, half of 40, over two pixels.
    np.testing.assert_allclose(cut * 128 + 127.5, 30, atol=1e-4)


@pytest.mark.usefixtures("mtcnn_weights")
def test_networks_judge_each_candidate_alone() -> None:
    _, refine, output = load_networks()
    torch.manual_seed(0)
    for network, side in ((refine, 24), (output, 48)):
        batch = torch.randn(3, 3, side, side)
        whole = network(batch)
        for row in range(3):
            for part, single in zip(whole, network(batch[row : row + 1]), strict=True):
                torch.testing.assert_close(part[row], single[0], rtol=1e-4, atol=1e-5)
