"""The modern generator: a speaker embedding and noise beside it to a face."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.networks.base_configs import BaseNoiseGeneratorConfig
from voice2face.networks.residual import LEAK, Modulation, ResidualBlock, initialise_residual
from voice2face.ranges import Count, Items


@dataclass(frozen=True)
class ResidualGeneratorConfig(BaseNoiseGeneratorConfig):
    """Sizes of a `ResidualGenerator`.

    Attributes:
        style_dim: Length of the vector that both become and that every block is modulated by.
        channels: Maps at each side length; the first is that of 4x4 pixels, each further one of
            twice the side.
        blocks: Residual blocks at each side length.
        group_size: See `ResidualBlock`.
        shuffle: Pixels of the face along a side for each place of the last maps: most of the work
            is done at so much less resolution.
    """

    style_dim: Count = 128
    channels: Annotated[tuple[Count, ...], Items(1)] = (256, 128, 64, 32)
    blocks: Count = 1
    group_size: Count = 16
    shuffle: Count = 2

    @property
    def image_size_px(self) -> int:
        """Side of the square image."""
        return self.shuffle * 4 * 2 ** (len(self.channels) - 1)


class ResidualGenerator(nn.Module):
    """Residual blocks without normalisation, modulated by voice and noise.

    Noise stands beside the voice, so that a voice has many faces: pose, light and hair, which
    cannot be heard, need not be averaged. Like the published generator it has no output
    non-linearity.

    Source:
        Blocks: Huang et al. 2024 (arXiv 2501.05441). Modulation: Karras et al. 2019 (arXiv
        1812.04948), section 2, without its normalisation. Shuffle: Shi et al. 2016 (arXiv
        1609.05158), section 2.
    """

    def __init__(self, config: ResidualGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.noise_dim = config.noise_dim
        style, first = config.style_dim, config.channels[0]
        self.style = nn.Sequential(
            nn.Linear(config.embedding_dim + config.noise_dim, style),
            nn.LeakyReLU(LEAK),
            nn.Linear(style, style),
            nn.LeakyReLU(LEAK),
        )
        self.begin = nn.Linear(style, first * 4 * 4)
        self.widths = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=1) for before, after in pairwise(config.channels)
        )
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                _ModulatedBlock(style, channels, config.group_size) for _ in range(config.blocks)
            )
            for channels in config.channels
        )
        self.end = nn.Conv2d(config.channels[-1], 3 * config.shuffle**2, kernel_size=3, padding=1)
        initialise_residual(self)

    def forward(
        self,
        speaker_embedding: Float[Tensor, "batch embedding"],
        noise: Float[Tensor, "batch noise"],
    ) -> Float[Tensor, "batch 3 size size"]:
        """Draw one face for each embedding.

        Args:
            speaker_embedding: Of unit length.
            noise: z, of unit variance in each number.

        Returns:
            RGB images, nominally in [-1, 1], not clamped.
        """
        # A unit vector's numbers are small; both halves should count alike.
        voice = speaker_embedding * self.config.embedding_dim**0.5
        style = self.style(torch.cat([voice, noise], dim=1))
        maps = self.begin(style).unflatten(1, (-1, 4, 4))
        maps = maps.contiguous(memory_format=torch.channels_last)
        for index, blocks in enumerate(self.blocks):
            if index:
                # Narrower first: a 1x1 convolution is the same on either side of enlarging.
                maps = F.interpolate(
                    self.widths[index - 1](maps), scale_factor=2.0, mode="bilinear"
                )
            for block in cast("nn.ModuleList", blocks):
                maps: Tensor = block(maps, style)
        return F.pixel_shuffle(self.end(maps), self.config.shuffle)


class _ModulatedBlock(nn.Module):
    def __init__(self, style_dim: int, channels: int, group_size: int) -> None:
        super().__init__()
        self.modulation = Modulation(style_dim, channels)
        self.block = ResidualBlock(channels, group_size)

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        return self.block(self.modulation(maps, style))


class ScaledNoise(nn.Module):
    """A generator whose noise is scaled first: less than 1 gives more typical, less varied faces.

    Source:
        The truncation trick: Brock et al. 2019 (arXiv 1809.11096), section 3.1, by scaling in
        place of drawing anew.
    """

    def __init__(self, generator: nn.Module, scale: float) -> None:
        super().__init__()
        self.generator = generator
        self.scale = scale

    def forward(
        self,
        speaker_embedding: Float[Tensor, "batch embedding"],
        noise: Float[Tensor, "batch noise"],
    ) -> Float[Tensor, "batch 3 size size"]:
        """Draw one face for each embedding: see `ResidualGenerator.forward`."""
        return self.generator(speaker_embedding, self.scale * noise)
