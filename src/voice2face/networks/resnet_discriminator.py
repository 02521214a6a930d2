"""Discriminator and classifier on a residual trunk, as the report proposes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.networks.base_configs import BaseClassifierConfig
from voice2face.networks.discriminator import Heads
from voice2face.ranges import Count, Items


@dataclass(frozen=True)
class ResnetDiscriminatorConfig(BaseClassifierConfig):
    """Sizes of a `ResnetDiscriminator`.

    Attributes:
        channels: Maps after the first convolution and after each block; each block halves the
            side, so that five bring 64 pixels to 4.
        face_embedding_dim: Length of the face embedding, the trunk's output.
    """

    channels: Annotated[tuple[Count, ...], Items(1)] = (32, 64, 128, 256, 512)
    face_embedding_dim: Count = 64


class _ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one, both brought to half the side.

    Without normalisation: a batch's faces do not see each other, so that several processes
    compute what one does.

    Source:
        He et al. 2016 (arXiv 1512.03385), with the order activation-convolution of He et al. 2016
        (arXiv 1603.05027) and average pooling.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, kernel_size=3, padding=1)
        self.second = nn.Conv2d(n_out, n_out, kernel_size=3, padding=1)
        self.skip = nn.Conv2d(n_in, n_out, kernel_size=1, bias=False)

    def forward(self, maps: Float[Tensor, "batch maps rows columns"]) -> Tensor:
        """Halve the side of a batch of maps."""
        inner = self.first(F.leaky_relu(maps, 0.2))
        # Pooled first: the second convolution then costs a quarter.
        inner = self.second(F.leaky_relu(F.avg_pool2d(inner, 2), 0.2))
        return (self.skip(F.avg_pool2d(maps, 2)) + inner) / math.sqrt(2)


class ResnetDiscriminator(nn.Module):
    """Tells whether a face is real, and whose it is, through residual blocks."""

    def __init__(self, config: ResnetDiscriminatorConfig) -> None:
        super().__init__()
        first, *rest = config.channels
        blocks: list[nn.Module] = [nn.Conv2d(3, first, kernel_size=3, padding=1)]
        width = first
        for channels in rest:
            blocks.append(_ResidualBlock(width, channels))
            width = channels
        blocks += [nn.LeakyReLU(0.2), nn.Conv2d(width, config.face_embedding_dim, kernel_size=4)]
        self.trunk = nn.Sequential(*blocks)
        self.heads = Heads(config.face_embedding_dim, config.n_classes)

    def forward(self, faces: Float[Tensor, "batch 3 size size"]) -> tuple[Tensor, ...]:
        """Judge a batch of faces.

        Args:
            faces: RGB images in [-1, 1], 64x64.

        Returns:
            See `Heads.forward`.
        """
        return self.heads(self.trunk(faces).flatten(start_dim=1))
