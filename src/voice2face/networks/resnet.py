"""The residual network of ImageNet, with the names that torchvision and timm give its weights."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.errors import DataError
from voice2face.networks.state_dict import read_state_dict
from voice2face.pretrained.folded_convolution import FoldedConvolution

_EPSILON = 1e-5
_KERNELS = {"basic": (3, 3), "bottleneck": (1, 3, 1)}
# Of RGB in [0, 1] over ImageNet's photographs.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class Resnet(nn.Module):
    """The convolutions of a ResNet (18, 34, 50 and deeper), without its classes.

    Args:
        path: A state dict with torchvision's names, whatever stands before them ("module.").
        n_stages: Of its four stages, how many to make; their maps have a fourth, an eighth, ... of
            the image's side.

    Raises:
        DataError: The file is missing, or is of another network; the first tensor that is missing
            or of another shape is named.

    Source:
        He et al. 2016 (arXiv 1512.03385), Table 1; in bottlenecks the 3x3 convolution has the
        stride, as in torchvision and timm.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, path: Path, n_stages: int = 4) -> None:
        super().__init__()
        state = _plain_names(path, read_state_dict(path)[0])
        weights = _Weights(path, state)
        kind = "bottleneck" if "layer1.0.conv3.weight" in state else "basic"
        width = weights.width("conv1")
        self.stem = weights.folded("conv1", "bn1", 3, 7, stride=2)
        blocks: list[nn.Module] = []
        for stage in range(1, n_stages + 1):
            for index in range(_n_blocks(state, stage)):
                stride = 2 if stage > 1 and index == 0 else 1
                prefix = f"layer{stage}.{index}."
                blocks.append(_Block(weights, prefix, _KERNELS[kind], width, stride))
                width = weights.width(f"{prefix}conv{len(_KERNELS[kind])}")
        self.blocks = nn.Sequential(*blocks)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False)

    def maps(self, pixels: Float[Tensor, "batch 3 rows columns"]) -> Tensor:
        """Compute the maps after the last stage that was made.

        Args:
            pixels: RGB in [0, 255].

        Returns:
            (batch, maps, rows, columns).
        """
        x = F.relu(self.stem((pixels / 255 - self.mean) / self.scale))
        return self.blocks(F.max_pool2d(x, kernel_size=3, stride=2, padding=1))


class _Block(nn.Module):
    """Two or three convolutions beside nothing, or beside a 1x1 one where the shape changes."""

    def __init__(
        self, weights: _Weights, prefix: str, kernels: tuple[int, ...], n_in: int, stride: int
    ) -> None:
        super().__init__()
        strided = kernels.index(3)
        layers: list[nn.Module] = []
        width = n_in
        for index, kernel in enumerate(kernels):
            name, norm = f"{prefix}conv{index + 1}", f"{prefix}bn{index + 1}"
            step = stride if index == strided else 1
            layers.append(weights.folded(name, norm, width, kernel, step))
            width = weights.width(name)
        self.layers = nn.ModuleList(layers)
        self.skip = None
        if stride > 1 or n_in != width:
            names = f"{prefix}downsample.0", f"{prefix}downsample.1"
            self.skip = weights.folded(*names, n_in, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers[:-1]:
            y = F.relu(layer(y))
        return F.relu(self.layers[-1](y) + (x if self.skip is None else self.skip(x)))


class _Weights:
    """A state dict whose tensors are asked for by name and shape."""

    def __init__(self, path: Path, state: dict[str, Tensor]) -> None:
        self._path, self._state = path, state

    def width(self, convolution: str) -> int:
        """Maps that a convolution gives."""
        name = f"{convolution}.weight"
        if name not in self._state:
            raise DataError(f"{self._path}: is not a known ResNet (no {name!r})")
        return len(self._state[name])

    def folded(
        self, convolution: str, norm: str, n_in: int, kernel: int, stride: int = 1
    ) -> FoldedConvolution:
        """Take a convolution and its normalisation."""
        width = self.width(convolution)
        wanted: dict[str, tuple[int, ...]] = {}
        wanted[f"{convolution}.weight"] = (width, n_in, kernel, kernel)
        for name in ("weight", "bias", "running_mean", "running_var"):
            wanted[f"{norm}.{name}"] = (width,)
        for name, shape in wanted.items():
            found = tuple(self._state[name].shape) if name in self._state else "nothing"
            if found != shape:
                raise DataError(
                    f"{self._path}: is not a known ResNet ({name!r}: {found}, not {shape})"
                )
        return FoldedConvolution(
            self._state, convolution, norm, _EPSILON, stride, padding=kernel // 2
        )


def _plain_names(path: Path, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take away what stands before all names of the network, in float32."""
    anchor = "layer1.0.conv1.weight"
    prefixes = sorted(key.removesuffix(anchor) for key in state if key.endswith(anchor))
    if not prefixes:
        raise DataError(
            f"{path}: is not a known ResNet (no '{anchor}'); give a state dict of "
            "torchvision's or timm's resnet18, resnet34 or resnet50"
        )
    prefix = prefixes[0]
    return {
        key.removeprefix(prefix): value.float()
        for key, value in state.items()
        if key.startswith(prefix)
    }


def _n_blocks(state: dict[str, Tensor], stage: int) -> int:
    """Blocks of a stage; at least one, which is then missed by name."""
    blocks = {key.split(".")[1] for key in state if key.startswith(f"layer{stage}.")}
    return max(1, len(blocks))
