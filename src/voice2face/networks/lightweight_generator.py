"""A generator whose classes differ only in how its maps are normalised, so that noise is heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from voice2face.networks.base_configs import BaseClassGeneratorConfig
from voice2face.ranges import Count, Items, Whole

_MOMENTUM = 0.1
_EPSILON = 1e-5
_SLOPE = 0.1
_POOLED = 4
# Enlargements between the maps that excite and those that are excited.
_SKIP = 3


@dataclass(frozen=True)
class LightweightGeneratorConfig(BaseClassGeneratorConfig):
    """Sizes of a `LightweightGenerator`.

    Attributes:
        channels: Maps at each side length; the first is that of 4x4 pixels, each further one of
            twice the side. Wide where pixels are few costs little time.
        depth: Further convolutions at each side length, after the first one.
    """

    noise_dim: Count = 128
    channels: Annotated[tuple[Count, ...], Items(_SKIP + 1)] = (512, 192, 96, 64, 24)
    depth: tuple[Whole, ...] = (0, 0, 0, 0, 0)

    @property
    def image_size_px(self) -> int:
        """Side of the square image."""
        return 4 * 2 ** (len(self.channels) - 1)

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        found: list[str] = []
        if len(self.depth) != len(self.channels):
            found.append(
                f"depth has {len(self.depth)} items: give {len(self.channels)}, as channels has"
            )
        if self.channels[-2] % 4:
            found.append(
                f"channels ends in {self.channels[-2]} and another: give a multiple of 4 there"
            )
        return found


class LightweightGenerator(nn.Module):
    """Convolutions with class batch normalisation, gated linear units and skip excitation.

    The first layer sees the noise alone. A class enters only as gain, bias and statistics of each
    normalisation: a class given to the first layer would be learnt as one constant image, with
    whose variance batch normalisation is content, and the noise would not be heard. The classes
    are those of the pairing; which one a voice is of, a linear layer reads from its embedding.

    Source:
        Blocks and skip-layer excitation: Liu et al. 2021 (arXiv 2101.04775), section 3.1. Class
        gain and bias: Dumoulin et al. 2017 (arXiv 1610.07629), section 2.2.
    """

    def __init__(self, config: LightweightGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.noise_dim = config.noise_dim
        channels, n_classes = config.channels, config.n_classes
        self.hear = nn.Linear(config.embedding_dim, n_classes)
        self.begin = nn.Linear(config.noise_dim, 2 * channels[0] * 4 * 4, bias=False)
        self.begin_norm = ClassBatchNorm(2 * channels[0], n_classes)
        seen = [*channels[:-2], channels[-2] // 4]
        self.enlarging = nn.ModuleList(
            _Convolution(before, after, n_classes)
            for before, after in zip(seen, channels[1:], strict=True)
        )
        self.deepening = nn.ModuleList(
            nn.ModuleList(_Convolution(width, width, n_classes) for _ in range(depth))
            for width, depth in zip(channels, config.depth, strict=True)
        )
        # Of the maps three enlargements later, by those of few pixels.
        self.excitations = nn.ModuleList(
            _Excitation(channels[at], channels[at + _SKIP]) for at in range(len(channels) - _SKIP)
        )
        self.end = nn.Conv2d(channels[-1], 3, kernel_size=3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) or layer is self.begin:
                nn.init.normal_(layer.weight, 0.0, 0.02)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.hear.weight)
        nn.init.zeros_(self.hear.bias)

    def classes(
        self, speaker_embedding: Float[Tensor, "batch embedding"]
    ) -> Float[Tensor, "batch classes"]:
        """Logits of the class of each voice."""
        # A unit vector's numbers are small.
        return self.hear(speaker_embedding * self.config.embedding_dim**0.5)

    def forward(
        self,
        speaker_embedding: Float[Tensor, "batch embedding"],
        noise: Float[Tensor, "batch noise"],
        labels: Int[Tensor, " batch"] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Draw one face for each embedding.

        Args:
            speaker_embedding: Of unit length.
            noise: z, of unit variance in each number.
            labels: In training, the class of each; None takes what the voices sound like, each
                class as far as it is probable.

        Returns:
            (batch, 3, size, size) RGB images in [-1, 1]; with `labels`, also the logits of
            `classes`, which the same pass gives for several processes' sake.
        """
        heard = self.classes(speaker_embedding)
        if labels is None:
            return self.draw(heard.softmax(dim=1), noise)
        return self.draw(F.one_hot(labels, self.config.n_classes).to(noise.dtype), noise), heard

    def draw(
        self, weights: Float[Tensor, "batch classes"], noise: Float[Tensor, "batch noise"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Draw one face for each noise, of classes as far as each has a share."""
        maps = self.begin(noise).unflatten(1, (-1, 4, 4))
        maps = maps.contiguous(memory_format=torch.channels_last)
        maps = F.glu(self.begin_norm(maps, weights), dim=1)
        levels: list[Tensor] = []
        for level, deepening in enumerate(self.deepening):
            if level:
                if level == len(self.enlarging):
                    maps = F.pixel_shuffle(maps, 2)
                else:
                    maps = F.interpolate(maps, scale_factor=2.0, mode="nearest")
                maps = self.enlarging[level - 1](maps, weights)
            for convolution in cast("nn.ModuleList", deepening):
                maps: Tensor = convolution(maps, weights)
            if level >= _SKIP:
                maps = maps * self.excitations[level - _SKIP](levels[level - _SKIP])
            levels.append(maps)
        return torch.tanh(self.end(maps))


class ClassBatchNorm(nn.Module):
    """Batch normalisation with gain, bias and statistics of each class.

    Attributes:
        momentum: Weight of a batch's statistics in the running ones.

    Source:
        Ioffe and Szegedy 2015 (arXiv 1502.03167), over the images of one class.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, n_classes: int) -> None:
        super().__init__()
        self.momentum = _MOMENTUM
        self.gain = nn.Parameter(torch.ones(n_classes, channels))
        self.bias = nn.Parameter(torch.zeros(n_classes, channels))
        self.register_buffer("running_mean", torch.zeros(n_classes, channels))
        self.register_buffer("running_var", torch.ones(n_classes, channels))

    def forward(
        self,
        maps: Float[Tensor, "batch channels height width"],
        weights: Float[Tensor, "batch classes"],
    ) -> Float[Tensor, "batch channels height width"]:
        """Normalise maps: with the batch's statistics in training, else with the running ones.

        Args:
            weights: Share of each class in each image, 1 in sum.

        Returns:
            The maps, each scaled and shifted by its classes' mean scale and shift.
        """
        # In bfloat16 a mean square less a squared mean would have hardly a digit.
        with torch.autocast(maps.device.type, enabled=False):
            weights = weights.float()
            mean, variance = self._statistics(maps, weights)
            scale = self.gain * (variance + _EPSILON).rsqrt()
            shift = self.bias - mean * scale
            scale, shift = (weights @ scale).to(maps.dtype), (weights @ shift).to(maps.dtype)
        return torch.addcmul(shift[:, :, None, None], maps, scale[:, :, None, None])

    def _statistics(self, maps: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training:
            return self.running_mean, self.running_var
        count = weights.sum(dim=0)[:, None]
        share = (weights / weights.sum(dim=0).clamp(min=1e-6)).T
        maps = maps.float()
        mean = share @ maps.mean(dim=(2, 3))
        variance = (share @ maps.square().mean(dim=(2, 3)) - mean.square()).clamp(min=0)
        with torch.no_grad():
            # A class that the batch lacks keeps its own.
            momentum = self.momentum * (count > 0.5).to(mean.dtype)
            self.running_mean += momentum * (mean - self.running_mean)
            self.running_var += momentum * (variance - self.running_var)
        return mean, variance


def take_statistics(generator: nn.Module, voices: Tensor, noise: Tensor, labels: Tensor) -> None:
    """Set the running statistics of a generator to those of its own maps.

    Args:
        generator: With `ClassBatchNorm`; in evaluation mode afterwards.

    Source:
        "Standing statistics" of Brock et al. 2019 (arXiv 1809.11096), appendix B.
    """
    norms = [module for module in generator.modules() if isinstance(module, ClassBatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        generator.train()(voices, noise, labels)
    for norm in norms:
        norm.momentum = _MOMENTUM
    generator.eval()


class _Convolution(nn.Module):
    """Convolution, class normalisation, gated linear unit."""

    def __init__(self, before: int, after: int, n_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, 2 * after, kernel_size=3, padding=1, bias=False)
        self.norm = ClassBatchNorm(2 * after, n_classes)

    def forward(self, maps: Tensor, weights: Tensor) -> Tensor:
        return F.glu(self.norm(self.convolution(maps), weights), dim=1)


class _Excitation(nn.Module):
    """Factors in (0, 1) of each map, from maps of fewer pixels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(before, after, kernel_size=_POOLED, bias=False)
        self.weigh = nn.Conv2d(after, after, kernel_size=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        pooled = F.avg_pool2d(maps, maps.shape[-1] // _POOLED)
        return self.weigh(F.leaky_relu(self.gather(pooled), _SLOPE)).sigmoid()
