"""Which generated faces are broken, told from their pixels by a network small enough to ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# Larger faces are averaged to this side.
CRITIC_PX = 64
_WIDTHS = (24, 48, 96, 128)
_DROPOUT = 0.1
# The middle of an aligned face, rows and columns: mostly skin.
_MIDDLE = slice(20, 52), slice(16, 48)
# Beyond this logit a face counts as broken, in the models that ship.
THRESHOLD = -1.2
WEIGHTS_FILE = Path(__file__).with_name("artifact_critic.npz")


class ArtifactCritic(nn.Module):
    """A convolutional network that gives the logit of how broken a face looks.

    `ArtifactScore` reads the maps of a network of 4 million parameters, which no bundle has; this
    one has learnt from it, and from the ratings, by `experiments/artifact_ratings.py critic`. What
    of the logits follows linearly from the mean colour of a face's middle is taken off: else dark
    faces would be generated again more often than light ones.

    Attributes:
        colour: (3,) change of the logit with mean red, green and blue, which is taken off.

    Source:
        Learning from another model's outputs: Hinton et al. 2015 (arXiv 1503.02531), section 2.
    """

    colour: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("colour", torch.zeros(3))
        layers: list[nn.Module] = []
        before = 3
        for width, stride in [*((width, 2) for width in _WIDTHS), (_WIDTHS[-1], 1)]:
            convolution = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        side = CRITIC_PX // 2 ** len(_WIDTHS)
        layers += [nn.Flatten(), nn.Dropout(_DROPOUT), nn.Linear(before * side**2, 1)]
        self.layers = nn.Sequential(*layers)

    @classmethod
    def trained(cls) -> ArtifactCritic:
        """Load the critic that ships, in evaluation mode."""
        critic = cls()
        with np.load(WEIGHTS_FILE) as file:
            state = {name: torch.tensor(file[name]).float() for name in file.files}
        critic.load_state_dict(state)
        return critic.eval()

    def forward(self, faces: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, " batch"]:
        """Score faces.

        Args:
            faces: RGB in [-1, 1], aligned, of 64 pixels or a multiple.
        """
        faces = F.avg_pool2d(faces, faces.shape[-1] // CRITIC_PX)
        return self.layers(faces)[:, 0] - self.mean_colour(faces) @ self.colour

    @staticmethod
    def mean_colour(faces: Float[Tensor, "batch 3 64 64"]) -> Float[Tensor, "batch 3"]:
        """Average the middle of faces."""
        return faces[:, :, _MIDDLE[0], _MIDDLE[1]].mean(dim=(2, 3))
