"""Losses of the adversarial game, as pure functions of logits."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from voice2face.errors import look_up

__all__ = [
    "GENERATOR_LOSSES",
    "accuracy",
    "classification",
    "discriminator_fake",
    "discriminator_real",
    "generator_loss",
    "minimax",
    "non_saturating",
]

Logits = Float[Tensor, " batch"]
Scalar = Float[Tensor, ""]


def discriminator_real(logits: Logits) -> Scalar:
    """-log D(f) over real faces, averaged.

    Args:
        logits: The discriminator's logits of real faces.

    Returns:
        The loss.
    """
    return F.softplus(-logits).mean()


def discriminator_fake(logits: Logits) -> Scalar:
    """-log(1 - D(G(v))) over generated faces, averaged.

    Args:
        logits: The discriminator's logits of generated faces.

    Returns:
        The loss.
    """
    return F.softplus(logits).mean()


def non_saturating(logits: Logits) -> Scalar:
    """-log D(G(v)): the generator's loss that does not vanish while D is sure.

    Args:
        logits: The discriminator's logits of generated faces.

    Returns:
        The loss.

    Source:
        Goodfellow et al. 2014 (arXiv 1406.2661), section 3; used by Wen et al. 2019.
    """
    return F.softplus(-logits).mean()


def minimax(logits: Logits) -> Scalar:
    """log(1 - D(G(v))): the generator's side of the minimax game, as the theory has it.

    Args:
        logits: The discriminator's logits of generated faces.

    Returns:
        The loss, at most 0.

    Source:
        Goodfellow et al. 2014 (arXiv 1406.2661), equation 1.
    """
    return -F.softplus(logits).mean()


def classification(logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> Scalar:
    """-log F_c(face)[label], averaged: of real faces for F_c, of generated ones for F_g.

    Args:
        logits: The classifier's logits.
        labels: The faces' labels, or those of the voices that they were drawn from; -1 where a
            label is not known, which leaves the face out.

    Returns:
        The loss; 0 where no label is known.
    """
    total = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp(min=1)


def accuracy(logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> Scalar:
    """Share of the known labels that a classifier names.

    Args:
        logits: The classifier's logits.
        labels: The labels; -1 where one is not known.

    Returns:
        The share; 0 where no label is known.
    """
    right = ((logits.argmax(1) == labels) & (labels >= 0)).sum()
    return right / (labels >= 0).sum().clamp(min=1)


GENERATOR_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "non_saturating": non_saturating,
    "minimax": minimax,
}


def generator_loss(name: str) -> Callable[[Tensor], Tensor]:
    """Look the generator's adversarial loss up by name.

    Args:
        name: A key of `GENERATOR_LOSSES`.

    Returns:
        The loss function.

    Raises:
        ConfigError: No loss has that name.
    """
    return look_up("generator loss", name, GENERATOR_LOSSES)
