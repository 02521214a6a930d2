"""How broken a generated face looks, read from the maps of the frozen network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# Sides of the maps that are read, at strides 8 (averaged) and 16 of 128 pixels.
_PLACES = 8
WEIGHTS_FILE = Path(__file__).with_name("artifact_score.npz")


class ArtifactScore(nn.Module):
    """A linear score of `FrozenFeatures`: 0 for a face with nothing amiss, 1 for a broken one.

    A discriminator tells generated faces by their texture, not by what people see: whether a face
    looks broken can hardly be read from its logits, but well from the maps. The weights are those
    of a ridge regression on ratings of generated faces and photographs, which
    `experiments/artifact_ratings.py` fits. Nothing of them is learnt or saved with a run.

    Source:
        A reward model of ratings: Xu et al. 2023 (arXiv 2304.05977), section 2.3.
    """

    weights: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        with np.load(WEIGHTS_FILE) as file:
            for name in ("weights", "offset"):
                self.register_buffer(name, torch.tensor(file[name]), persistent=False)

    def forward(self, maps: list[Tensor]) -> Float[Tensor, " batch"]:
        """Score faces.

        Args:
            maps: Of `FrozenFeatures` at 128 pixels.
        """
        return described(maps).float() @ self.weights + self.offset


def described(maps: list[Tensor]) -> Float[Tensor, "batch numbers"]:
    """Lay out what the score is read from: (batch, (40 + 112) * 8 * 8)."""
    return torch.cat(
        [F.adaptive_avg_pool2d(of_stride, _PLACES).flatten(1) for of_stride in maps[1:3]], dim=1
    )
