"""Discriminator and classifier on a trunk that learnt from a million photographs beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.errors import ConfigError
from voice2face.files import sha256
from voice2face.networks.base_configs import BaseClassifierConfig
from voice2face.networks.discriminator import Heads
from voice2face.networks.resnet import Resnet
from voice2face.pretrained.efficientnet_lite import LITE0_SHA256, EfficientNetLite
from voice2face.ranges import Amount, Count, Whole

_LITE0 = "efficientnet-lite0"
# By the stride of the maps that are read: blocks of EfficientNet-Lite0, stages of a ResNet.
_LITE0_BLOCKS = {8: 5, 16: 11, 32: 16}
_RESNET_STAGES = {8: 2, 16: 3, 32: 4}


@dataclass(frozen=True)
class PretrainedDiscriminatorConfig(BaseClassifierConfig):
    """What a `PretrainedDiscriminator` is made of.

    Attributes:
        face_embedding_dim: Length of the face embedding, which is read from the trunk's maps.
        weights: "efficientnet-lite0", of an installed package, or a file: a state dict of a ResNet
            of torchvision or timm (.pth, .safetensors). In a run's settings, the file may move;
            its content may not change.
        size_px: Side that faces are enlarged to for the trunk, a multiple of the stride. Such
            networks were trained at 224.
        stride: Of the maps that are read, in pixels of the enlarged face: 8, 16 or 32. What lies
            deeper in the trunk is left out.
        frozen_images: Images until which the trunk stays as it was read; 0: it learns from the
            start; None: it never does.
        trunk_rate: Share of the learning rate at which the trunk learns.
    """

    face_embedding_dim: Count = 64
    weights: str = _LITE0
    size_px: Count = 128
    stride: Count = 32
    frozen_images: Whole | None = None
    trunk_rate: Amount = 0.1

    def __post_init__(self) -> None:
        problems: list[str] = []
        if self.stride not in _LITE0_BLOCKS:
            problems.append(f"stride is 8, 16 or 32, not {self.stride}")
        elif self.size_px < self.stride or self.size_px % self.stride:
            problems.append(f"size_px is a multiple of stride {self.stride}, not {self.size_px}")
        if self.frozen_images is not None and self.frozen_images < 0:
            problems.append(f"frozen_images is 0, more, or None, not {self.frozen_images}")
        if not 0 < self.trunk_rate <= 1:
            problems.append(f"trunk_rate is above 0, at most 1, not {self.trunk_rate:g}")
        if problems:
            raise ConfigError("; ".join(f"gan.discriminator.{one}" for one in problems))

    def is_frozen(self, images: int) -> bool:
        """Whether the trunk stays as it is in the step after so many images."""
        return self.frozen_images is None or images < self.frozen_images

    def weights_sha256(self) -> str:
        """Hash the file of the weights.

        Raises:
            ConfigError: There is none.
        """
        if self.weights == _LITE0:
            return LITE0_SHA256
        if not Path(self.weights).is_file():
            raise ConfigError(
                f"gan.discriminator.weights: {self.weights}: no such file; give {_LITE0!r}, or a "
                "state dict of a ResNet of torchvision or timm (.pth, .safetensors)"
            )
        return sha256(Path(self.weights))

    def about_weights(self) -> str:
        """What the trunk is and when it learns, for a model's card."""
        source = f"the file {Path(self.weights).name}, whose terms are its own"
        if self.weights == _LITE0:
            source = "EfficientNet-Lite0, learnt from ImageNet, licence Apache-2.0"
        learns = {None: "frozen throughout", 0: "fine-tuned from the start"}.get(
            self.frozen_images, f"frozen for {self.frozen_images} images, then fine-tuned"
        )
        return f"{source} (SHA-256 {self.weights_sha256()}); {learns}"


class PretrainedDiscriminator(nn.Module):
    """Tells whether a face is real, and whose it is, by features that were learnt before.

    The trunk's normalisations keep the statistics that they were published with, and nothing in it
    is random: several processes compute what one does.

    Attributes:
        is_frozen: Whether the trunk stays as it is: no gradients are computed for it but zeros,
            which several processes wait for; the step leaves them out.

    Raises:
        MissingDependencyError: The package with the weights is not installed.
        DataError: The weights cannot be read, or are of another network.
    """

    def __init__(self, config: PretrainedDiscriminatorConfig) -> None:
        super().__init__()
        self._size_px = config.size_px
        self.is_frozen = config.is_frozen(0)
        self.trunk: EfficientNetLite | Resnet
        if config.weights == _LITE0:
            needed_by = "gan.discriminator=pretrained"
            self.trunk = EfficientNetLite(
                needed_by, n_blocks=_LITE0_BLOCKS[config.stride], head=False
            )
        else:
            config.weights_sha256()
            self.trunk = Resnet(Path(config.weights), _RESNET_STAGES[config.stride])
        with torch.no_grad():
            _, width, side, _ = self.trunk.maps(torch.zeros(1, 3, *[config.size_px] * 2)).shape
        self.last = nn.Conv2d(width, config.face_embedding_dim, kernel_size=side)
        self.heads = Heads(config.face_embedding_dim, config.n_classes)

    def forward(self, faces: Float[Tensor, "batch 3 size size"]) -> tuple[Tensor, ...]:
        """Judge a batch of faces.

        Args:
            faces: RGB images in [-1, 1].

        Returns:
            See `Heads.forward`.
        """
        pixels = (faces + 1) * 127.5
        if pixels.shape[-1] != self._size_px:
            size = (self._size_px, self._size_px)
            pixels = F.interpolate(pixels, size, mode="bilinear", align_corners=False)
        if self.is_frozen and not faces.requires_grad:
            with torch.no_grad():
                maps = self.trunk.maps(pixels)
            if torch.is_grad_enabled():
                maps = maps + 0 * torch.stack([p.sum() for p in self.trunk.parameters()]).sum()
        else:
            maps = self.trunk.maps(pixels)
        # Each face alone: the size of published maps is any, the first losses should be of order 1.
        maps = F.layer_norm(maps, maps.shape[1:])
        return self.heads(self.last(maps).flatten(start_dim=1))
