"""A discriminator of small heads on the maps of a frozen network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from voice2face.networks.frozen_features import CHANNELS, FrozenFeatures
from voice2face.ranges import Count, Items, Range, Unread

# Root mean square of the maps at each stride, over FairFace at 128 pixels.
MAGNITUDES = (8.3, 7.6, 7.3, 2.7)
_SLOPE = 0.2
_PLACES = 4


@dataclass(frozen=True)
class FeatureDiscriminatorConfig:
    """Sizes of a `FeatureDiscriminator`.

    Attributes:
        size_px: Side at which the frozen network looks at faces, a multiple of 128.
        mixed: Maps after mixing, at strides 4, 8, 16 and 32.
        heads: Maps after each halving of a head; a head that halves less often begins later.
        n_classes: Labels of the pairing; set from the data.
    """

    size_px: Annotated[int, Range(128)] = 128
    mixed: Annotated[tuple[Count, ...], Items(4)] = (48, 64, 128, 192)
    heads: Annotated[tuple[Count, ...], Items(3)] = (64, 96, 128)
    n_classes: Annotated[int, Unread("the pairing determines it")] = 2


class FeatureDiscriminator(nn.Module):
    """Four judges, each of the maps at one stride, and a linear classifier of the class.

    The maps are mixed at random, over channels and from coarse to fine, so that no judge can
    dwell on few channels. The classifier learns from real faces alone.

    Source:
        Sauer et al. 2021 (arXiv 2111.01007), sections 3.1 and 3.2. Spectral normalisation: Miyato
        et al. 2018 (arXiv 1802.05957).
    """

    def __init__(self, config: FeatureDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.features = FrozenFeatures(config.size_px)
        for level, (before, after) in enumerate(zip(CHANNELS, config.mixed, strict=True)):
            scale = MAGNITUDES[level] * before**0.5
            self.register_buffer(f"across_{level}", torch.randn(after, before, 1, 1) / scale)
            if level:
                finer = config.mixed[level - 1]
                down = torch.randn(finer, after, 1, 1) / after**0.5
                self.register_buffer(f"down_{level}", down)
        self.heads = nn.ModuleList(
            _head(width, config.heads[min(level, len(config.heads) - 1) :], level < 3)
            for level, width in enumerate(config.mixed)
        )
        described = CHANNELS[2] * _PLACES**2 + CHANNELS[3]
        self.standard = nn.BatchNorm1d(described, affine=False, momentum=None)
        self.classifier = nn.Linear(described, config.n_classes)
        nn.init.zeros_(self.classifier.weight)

    def look(self, faces: Float[Tensor, "batch 3 size size"]) -> list[Tensor]:
        """Compute the frozen maps of faces in [-1, 1]: see `FrozenFeatures`."""
        return self.features(faces)

    def forward(
        self, real: list[Tensor], fake: list[Tensor]
    ) -> tuple[Float[Tensor, "batch logits"], Float[Tensor, "batch logits"], Tensor]:
        """Judge both, and classify the real ones, in one pass.

        Args:
            real: Maps of real faces, of `look`.

        Returns:
            Logits of real and of generated faces, above 0 for real; and class logits of the real.
        """
        n_real = len(real[0])
        both = [torch.cat(maps) for maps in zip(real, fake, strict=True)]
        logits = self.judge(both)
        return logits[:n_real], logits[n_real:], self.classes(real, learn=True)

    def judge(self, maps: list[Tensor]) -> Float[Tensor, "batch logits"]:
        """Tell real from generated faces by their maps."""
        mixed = [
            F.conv2d(of_level, self.get_buffer(f"across_{level}"))
            for level, of_level in enumerate(maps)
        ]
        for level in range(len(mixed) - 1, 0, -1):
            down = F.conv2d(mixed[level], self.get_buffer(f"down_{level}"))
            finer = mixed[level - 1]
            down = F.interpolate(down, finer.shape[2:], mode="bilinear", align_corners=False)
            mixed[level - 1] = (finer + down) * 0.5**0.5
        judged = [head(of_level) for head, of_level in zip(self.heads, mixed, strict=True)]
        return torch.cat([logits.flatten(1) for logits in judged], dim=1)

    def classes(self, maps: list[Tensor], learn: bool = False) -> Float[Tensor, "batch classes"]:
        """Tell the class of faces.

        Args:
            maps: Of `look`.
            learn: Whether the faces count for what the classifier takes as mean and deviation.
        """
        parts = F.adaptive_avg_pool2d(maps[2], _PLACES).flatten(1)
        described = torch.cat([parts, maps[3].mean(dim=(2, 3))], dim=1)
        if learn:
            with torch.no_grad():
                self.standard(described)
        mean, variance = self.standard.running_mean, self.standard.running_var
        assert mean is not None and variance is not None
        return self.classifier(F.batch_norm(described, mean, variance))


def _head(before: int, widths: tuple[int, ...], halves: bool) -> nn.Sequential:
    """Convolutions down to 4x4 places, then a logit of each."""
    layers: list[nn.Module] = []
    for width in widths:
        convolution = (
            nn.Conv2d(before, width, kernel_size=4, stride=2, padding=1)
            if halves
            else nn.Conv2d(before, width, kernel_size=3, padding=1)
        )
        layers += [spectral_norm(convolution), nn.LeakyReLU(_SLOPE)]
        before = width
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(before, 1, kernel_size=3, padding=1)))
