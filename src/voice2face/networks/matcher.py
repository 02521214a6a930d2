"""The matcher: voices and faces in one space, where those of a person lie close."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.networks.projection_discriminator import FaceTrunk
from voice2face.networks.residual import LEAK, initialise_residual
from voice2face.ranges import Count, Items, Positive


@dataclass(frozen=True)
class MatcherConfig:
    """Sizes of a `Matcher`.

    Attributes:
        hidden_dim: Of the voice's one hidden layer.
        channels: See `ProjectionDiscriminatorConfig`.
        blocks: See there.
        group_size: See there.
        shuffle: See there; coarser than the discriminator, since identity is no matter of texture.
        temperature: At the start, of the similarities; it is learnt.
    """

    embedding_dim: Count = 64
    common_dim: Count = 64
    hidden_dim: Count = 128
    channels: Annotated[tuple[Count, ...], Items(1)] = (48, 96, 192)
    blocks: Count = 1
    group_size: Count = 16
    shuffle: Count = 4
    temperature: Positive = 0.1


class Matcher(nn.Module):
    """Embeds faces and voices as unit vectors of one space.

    Source:
        Two encoders and a learnt temperature: Radford et al. 2021 (arXiv 2103.00020), figure 3.
    """

    def __init__(self, config: MatcherConfig) -> None:
        super().__init__()
        self.trunk = FaceTrunk(config.channels, config.blocks, config.group_size, config.shuffle)
        self.face = nn.Linear(config.channels[-1], config.common_dim)
        self.voice = nn.Sequential(
            nn.Linear(config.embedding_dim, config.hidden_dim),
            nn.LeakyReLU(LEAK),
            nn.Linear(config.hidden_dim, config.common_dim),
        )
        initialise_residual(self)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))

    def forward(
        self,
        faces: Float[Tensor, "faces 3 size size"],
        voices: Float[Tensor, "voices embedding"],
    ) -> Float[Tensor, "faces voices"]:
        """Compare every face with every voice.

        Args:
            faces: RGB images in [-1, 1].
            voices: Speaker embeddings of unit length.

        Returns:
            Cosine similarities, divided by the temperature.
        """
        face = F.normalize(self.face(self.trunk(faces)), dim=1)
        voice = F.normalize(self.voice(voices * voices.shape[1] ** 0.5), dim=1)
        return self.log_scale.exp().clamp(max=100) * face @ voice.T
