"""Residual blocks without normalisation, which the modern networks are built of."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

LEAK = 0.2


class ResidualBlock(nn.Module):
    """A bottleneck of 1x1, grouped 3x3 and 1x1 convolutions, added to its input.

    Most of a 3x3 convolution's effect at a fraction of its cost. There is no normalisation, so a
    block begins as the identity; see `initialise_residual`.

    Args:
        group_size: Maps that the 3x3 convolution mixes at a time; a divisor of `channels`.

    Source:
        Huang et al. 2024, "The GAN is dead; long live the GAN!" (arXiv 2501.05441), section 4.
    """

    def __init__(self, channels: int, group_size: int) -> None:
        super().__init__()
        groups = channels // group_size
        self.enter = nn.Conv2d(channels, channels, kernel_size=1)
        self.mix = nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=groups)
        self.leave = nn.Conv2d(channels, channels, kernel_size=1, bias=False)
        self.activation = nn.LeakyReLU(LEAK)

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Add what the block finds."""
        inside = self.activation(self.mix(self.activation(self.enter(maps))))
        return maps + self.leave(inside)


class Modulation(nn.Module):
    """Scales and shifts each map by numbers that follow from a vector.

    It begins as the identity.
    """

    def __init__(self, vector_dim: int, channels: int) -> None:
        super().__init__()
        self.affine = nn.Linear(vector_dim, 2 * channels)

    def forward(
        self,
        maps: Float[Tensor, "batch channels height width"],
        vector: Float[Tensor, "batch vector"],
    ) -> Float[Tensor, "batch channels height width"]:
        """Scale and shift."""
        scale, shift = self.affine(vector)[:, :, None, None].chunk(2, dim=1)
        return maps * (1 + scale) + shift


def initialise_residual(network: nn.Module) -> None:
    """Draw weights that keep the signal's size; the last layer of each block becomes zero.

    The path past the blocks has no rectifiers, so its layers need no gain.

    Args:
        network: Made of blocks, modulations, and plain convolutions and linear layers.

    Source:
        Zhang et al. 2019, "Fixup initialization" (arXiv 1901.09321), section 3; He et al. 2015
        (arXiv 1502.01852), equation 10.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=layer.weight[0].numel() ** -0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for layer in network.modules():
        if isinstance(layer, ResidualBlock):
            with torch.no_grad():
                # It follows a rectifier, which takes nearly half of the power.
                layer.mix.weight.mul_((2 / (1 + LEAK**2)) ** 0.5)
                layer.leave.weight.zero_()
        elif isinstance(layer, Modulation):
            with torch.no_grad():
                layer.affine.weight.mul_(0.1)
