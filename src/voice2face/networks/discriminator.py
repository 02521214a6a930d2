"""Discriminator F_d and classifier F_c: heads on one trunk, the face embedding network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor, nn

from voice2face.networks.base_configs import BaseClassifierConfig
from voice2face.ranges import Count, Items


@dataclass(frozen=True)
class DiscriminatorConfig(BaseClassifierConfig):
    """Sizes of a `Discriminator`; the defaults are the published ones.

    Attributes:
        channels: Maps after each convolution of the trunk but the last.
        face_embedding_dim: Length of the face embedding, the trunk's output.
        variant: The two sources differ in the trunk, with equal shapes. "report": 3x3 kernels in
            the stride-2 layers, and LeakyReLU after the last convolution too. "authors" (their
            published code): 4x4 kernels there, and none after the last.
        head_biases: Whether the heads have biases; the authors' have none.
    """

    channels: Annotated[tuple[Count, ...], Items(1)] = (32, 64, 128, 256, 512)
    face_embedding_dim: Count = 64
    variant: Literal["report", "authors"] = "report"
    head_biases: bool = True


class Heads(nn.Module):
    """The last layers: one logit of "real", and the logits of each classifier.

    Sigmoid and softmax are part of the losses.
    """

    def __init__(
        self, face_embedding_dim: int, n_classes: tuple[int, ...], biases: bool = True
    ) -> None:
        super().__init__()
        self.real = nn.Linear(face_embedding_dim, 1, bias=biases)
        self.classes = nn.ModuleList(
            nn.Linear(face_embedding_dim, count, bias=biases) for count in n_classes
        )

    def forward(self, face_embedding: Float[Tensor, "batch embedding"]) -> tuple[Tensor, ...]:
        """Judge face embeddings.

        Returns:
            (batch,) logits of "real", then (batch, classes) logits of each classifier.
        """
        real = self.real(face_embedding).squeeze(1)
        return (real, *(head(face_embedding) for head in self.classes))


class Discriminator(nn.Module):
    """Tells whether a face is real, and whose it is.

    Source:
        Wen, Singh and Raj 2019 (arXiv 1905.10604), Table 1, and their published code; see
        `DiscriminatorConfig.variant`.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        kernel = 3 if config.variant == "report" else 4
        first, *rest = config.channels
        layers: list[nn.Module] = [nn.Conv2d(3, first, kernel_size=1), nn.LeakyReLU(0.2)]
        width = first
        for channels in rest:
            layers += [
                nn.Conv2d(width, channels, kernel_size=kernel, stride=2, padding=1),
                nn.LeakyReLU(0.2),
            ]
            width = channels
        layers.append(nn.Conv2d(width, config.face_embedding_dim, kernel_size=4))
        if config.variant == "report":
            layers.append(nn.LeakyReLU(0.2))
        self.trunk = nn.Sequential(*layers)
        self.heads = Heads(config.face_embedding_dim, config.n_classes, config.head_biases)

    def forward(self, faces: Float[Tensor, "batch 3 size size"]) -> tuple[Tensor, ...]:
        """Judge a batch of faces.

        Args:
            faces: RGB images in [-1, 1], 64x64.

        Returns:
            See `Heads.forward`.
        """
        return self.heads(self.trunk(faces).flatten(start_dim=1))
