"""Codes of real faces, which a generator takes as noise: what a face is like, in few numbers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

# Side at which faces are described.
_SIDE = 32
_LEAST_VARIANCE = 1e-6


class FaceCodes(nn.Module):
    """The first principal components of faces about their class's mean, each of unit variance.

    A code is as long as noise of unit variance is expected to be, and does not tell the class. A
    generator that must draw the very face that a code is of cannot be deaf to its noise.

    Args:
        length: Numbers in a code.
    """

    means: Tensor
    directions: Tensor

    def __init__(self, length: int, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(n_classes, 3 * _SIDE**2))
        self.register_buffer("directions", torch.zeros(3 * _SIDE**2, length))

    @torch.no_grad()
    def fit(self, parts: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Find the components of faces, and of their mirror images, given in parts with labels."""
        sums, counts = torch.zeros_like(self.means), self.means.new_zeros(len(self.means), 1)
        products = self.means.new_zeros(2 * (self.means.shape[1],))
        for faces, labels in parts:
            of_class = F.one_hot(labels, len(self.means)).to(sums.dtype).T
            for pixels in (_pixels(faces), _pixels(faces.flip(3))):
                sums += of_class @ pixels
                counts += of_class.sum(dim=1, keepdim=True)
                products += pixels.T @ pixels
        self.means.copy_(sums / counts.clamp(min=1))
        products -= sums.T @ self.means  # about the means
        variances, directions = torch.linalg.eigh(products / counts.sum())
        length = self.directions.shape[1]
        scale = variances[-length:].clamp(min=_LEAST_VARIANCE).rsqrt()
        self.directions.copy_((directions[:, -length:] * scale).flip(1))

    def forward(
        self, faces: Float[Tensor, "batch 3 size size"], labels: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch length"]:
        """Give the code of each face in [-1, 1]."""
        codes = (_pixels(faces) - self.means[labels]) @ self.directions
        return F.normalize(codes, dim=1) * codes.shape[1] ** 0.5

    def in_noise(self, noise: Tensor, faces: Tensor, labels: Tensor) -> Tensor:
        """Give noise whose first numbers are, in the first rows, the codes of so many faces."""
        codes = self(faces, labels[: len(faces)])
        noise = noise.clone()
        noise[: len(codes), : codes.shape[1]] = codes
        return noise


def _pixels(faces: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(faces, _SIDE).flatten(1)
