"""Initial weights that keep the signal's size from layer to layer."""

from __future__ import annotations

import math

import torch
from torch import nn


def initialise_he(network: nn.Module, unit_input: bool = False) -> None:
    """Draw weights so that activations neither fade nor grow through rectified layers.

    Torch's default draws smaller ones: without normalisation layers the first images are grey and
    the first gradients faint, which costs a short run many of its steps.

    Args:
        network: Convolutions, transposed or not, and linear layers with (leaky) ReLU between.
            Biases become 0.
        unit_input: The input is a vector of unit length, not of unit variance.

    Source:
        He et al. 2015 (arXiv 1502.01852), equation 10. For a transposed convolution the number of
        inputs that reach one output pixel is channels * (kernel / stride)^2.
    """
    first = True
    for layer in network.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            # A 1x1 input reaches each pixel of the first layer's output once.
            reach = 1 if first else math.prod(layer.kernel_size) / math.prod(layer.stride)
            fan_in = layer.in_channels * reach
        elif isinstance(layer, nn.Conv2d):
            fan_in = layer.in_channels * math.prod(layer.kernel_size)
        elif isinstance(layer, nn.Linear):
            fan_in = layer.in_features
        else:
            continue
        if first and unit_input:
            fan_in = 1
        nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in))
        if layer.bias is not None:
            with torch.no_grad():
                layer.bias.zero_()
        first = False
