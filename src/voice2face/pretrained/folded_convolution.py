"""A convolution with the batch normalisation after it multiplied into its weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class FoldedConvolution(nn.Module):
    """Convolve and normalise by the statistics that were fixed at the end of training.

    Those are part of the weights, so that a batch's images do not see each other. It is no
    `nn.Conv2d`: `initialise_he` leaves it as it is.

    Args:
        padding: At each side; None pads as TensorFlow does, the odd row and column at the right
            and below.

    Raises:
        KeyError: The state dict lacks a tensor.
    """

    def __init__(
        self,
        state: Mapping[str, Tensor],
        convolution: str,
        norm: str,
        epsilon: float,
        stride: int = 1,
        padding: int | None = None,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        gain = state[norm + ".weight"] / torch.sqrt(state[norm + ".running_var"] + epsilon)
        weight = state[convolution + ".weight"] * gain[:, None, None, None]
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(state[norm + ".bias"] - state[norm + ".running_mean"] * gain)
        self.stride, self.padding = stride, padding
        self.groups = len(weight) if depthwise else 1

    def forward(self, x: Float[Tensor, "batch maps rows columns"]) -> Tensor:
        """Compute the normalised maps; no activation."""
        padding = self.padding
        if padding is None:
            x, padding = _padded_as_tensorflow(x, self.weight.shape[-1], self.stride)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)


def _padded_as_tensorflow(x: Tensor, kernel: int, stride: int) -> tuple[Tensor, int]:
    """Give the maps, padded where both sides differ, and what is left to pad at each side."""
    rows, columns = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[2:])
    if rows == columns and rows % 2 == 0:
        return x, rows // 2
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)), 0
