"""Generator F_g: a speaker embedding to a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor, nn

from voice2face.networks.base_configs import BaseVoiceGeneratorConfig
from voice2face.ranges import Count, Items, Whole


@dataclass(frozen=True)
class GeneratorConfig(BaseVoiceGeneratorConfig):
    """Sizes of a `Generator`; the defaults are the published ones.

    Attributes:
        channels: Maps after each transposed convolution but the last. The first gives 4x4 pixels,
            each further one doubles the side: five give 64x64.
        extra_layers: Convolutions of 3x3 that follow at each side length, at the same width: a
            deeper generator, as the report proposes.
    """

    channels: Annotated[tuple[Count, ...], Items(1)] = (1024, 512, 256, 128, 64)
    extra_layers: Whole = 0

    @property
    def image_size_px(self) -> int:
        """Side of the square image."""
        return 4 * 2 ** (len(self.channels) - 1)


class Generator(nn.Module):
    """Transposed convolutions with ReLU, and a last 1x1 one to three colours.

    There is no output non-linearity: values are meant for [-1, 1], and are clamped where an image
    is made.

    Source:
        Wen, Singh and Raj 2019 (arXiv 1905.10604), Table 1. Parameter names are those of the
        published weights file, so that it loads as it is.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        first, *rest = config.channels
        extra = config.extra_layers
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.embedding_dim, first, kernel_size=4),
            nn.ReLU(),
            *_same_size(first, extra),
        ]
        width = first
        for channels in rest:
            layers += [
                nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1),
                nn.ReLU(),
                *_same_size(channels, extra),
            ]
            width = channels
        layers.append(nn.ConvTranspose2d(width, 3, kernel_size=1))
        self.model = nn.Sequential(*layers)

    def forward(
        self, speaker_embedding: Float[Tensor, "batch embedding"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Draw one face for each embedding.

        Args:
            speaker_embedding: Of unit length.

        Returns:
            RGB images, nominally in [-1, 1], not clamped.
        """
        return self.model(speaker_embedding[:, :, None, None])


def _same_size(channels: int, count: int) -> list[nn.Module]:
    """Layers that change neither width nor side."""
    return [
        layer
        for _ in range(count)
        for layer in (nn.Conv2d(channels, channels, kernel_size=3, padding=1), nn.ReLU())
    ]
