"""The modern discriminator: sees the face and hears the voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.networks.base_configs import BaseConditionalConfig
from voice2face.networks.residual import LEAK, ResidualBlock, initialise_residual
from voice2face.ranges import Count, Items


@dataclass(frozen=True)
class ProjectionDiscriminatorConfig(BaseConditionalConfig):
    """Sizes of a `ProjectionDiscriminator`.

    Attributes:
        channels: Maps at each side length; the last is that of 4x4 pixels, each earlier one of
            twice the side.
        blocks: Residual blocks at each side length.
        group_size: See `ResidualBlock`.
        shuffle: Pixels of the face along a side that become maps of one place, before anything
            else.
    """

    channels: Annotated[tuple[Count, ...], Items(1)] = (32, 64, 128, 256)
    blocks: Count = 1
    group_size: Count = 16
    shuffle: Count = 2


class FaceTrunk(nn.Module):
    """Residual blocks without normalisation from a face to a vector.

    Args:
        channels: See `ProjectionDiscriminatorConfig`.

    Source:
        Huang et al. 2024 (arXiv 2501.05441), section 4.
    """

    def __init__(
        self, channels: tuple[int, ...], blocks: int, group_size: int, shuffle: int
    ) -> None:
        super().__init__()
        self._shuffle = shuffle
        layers: list[nn.Module] = [nn.Conv2d(3 * shuffle**2, channels[0], kernel_size=3, padding=1)]
        for index, width in enumerate(channels):
            layers += [ResidualBlock(width, group_size) for _ in range(blocks)]
            if index + 1 < len(channels):
                layers += [nn.AvgPool2d(2), nn.Conv2d(width, channels[index + 1], kernel_size=1)]
        self.layers = nn.Sequential(*layers)
        # Each map's 4x4 places, weighed.
        self.last = nn.Conv2d(channels[-1], channels[-1], kernel_size=4, groups=channels[-1])

    def forward(self, faces: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch channels"]:
        """Describe faces."""
        maps = self.layers(F.pixel_unshuffle(faces, self._shuffle))
        return F.leaky_relu(self.last(maps).flatten(start_dim=1), LEAK)


class ProjectionDiscriminator(nn.Module):
    """How real a face is, and how real as the face of a voice.

    Source:
        Miyato and Koyama 2018 (arXiv 1802.05637), equation 3, with a linear map of the voice in
        place of a class's vector.
    """

    def __init__(self, config: ProjectionDiscriminatorConfig) -> None:
        super().__init__()
        width = config.channels[-1]
        self.trunk = FaceTrunk(config.channels, config.blocks, config.group_size, config.shuffle)
        # No bias: only differences count.
        self.real = nn.Linear(width, 1, bias=False)
        self.voice = nn.Linear(config.embedding_dim, width)
        initialise_residual(self)

    def forward(
        self,
        faces: Float[Tensor, "batch 3 size size"],
        voices: Float[Tensor, "batch several embedding"],
    ) -> Float[Tensor, "batch several"]:
        """Judge each face as that of each of several voices.

        Args:
            faces: RGB images in [-1, 1].
            voices: Speaker embeddings of unit length; several of them a face cost next to nothing.

        Returns:
            Logits, of which only differences mean anything.
        """
        found = self.trunk(faces)
        # Unit vectors have numbers of deviation embedding_dim ** -0.5; the sum over the width
        # should be of order 1.
        wanted = self.voice(voices * voices.shape[-1] ** 0.5) / found.shape[1] ** 0.5
        return self.real(found) + (wanted * found[:, None]).sum(dim=2)
