"""Losses of the adversarial game, as pure functions of logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

Logits = Float[Tensor, " batch"]
Scalar = Float[Tensor, ""]


def discriminator_real(logits: Logits) -> Scalar:
    """-log D(f) over real faces, averaged."""
    return F.softplus(-logits).mean()


def discriminator_fake(logits: Logits) -> Scalar:
    """-log(1 - D(G(v))) over generated faces, averaged."""
    return F.softplus(logits).mean()


def non_saturating(logits: Logits) -> Scalar:
    """-log D(G(v)): the generator's loss that does not vanish while D is sure.

    Source:
        Goodfellow et al. 2014 (arXiv 1406.2661), section 3; used by Wen et al. 2019.
    """
    return F.softplus(-logits).mean()


def minimax(logits: Logits) -> Scalar:
    """log(1 - D(G(v))): the generator's side of the minimax game, as the theory has it.

    Returns:
        The loss, at most 0.

    Source:
        Goodfellow et al. 2014 (arXiv 1406.2661), equation 1.
    """
    return -F.softplus(logits).mean()


def classification(logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> Scalar:
    """-log F_c(face)[label], averaged: of real faces for F_c, of generated ones for F_g.

    Args:
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
        labels: The labels; -1 where one is not known.

    Returns:
        The share; 0 where no label is known.
    """
    right = ((logits.argmax(1) == labels) & (labels >= 0)).sum()
    return right / (labels >= 0).sum().clamp(min=1)


def relativistic(
    better: Logits, worse: Logits, counted: Bool[Tensor, " batch"] | None = None
) -> Scalar:
    """-log sigmoid(D(better) - D(worse)), averaged over pairs.

    Args:
        better: Logits of the faces that should be judged the more real: real ones for the
            discriminator, generated ones for the generator.
        counted: Which pairs count; the others add 0 to the mean. None: all.

    Returns:
        The loss; log 2 where none is told from the other.

    Source:
        Jolicoeur-Martineau 2018 (arXiv 1807.00734), section 4.1, as Huang et al. 2024 (arXiv
        2501.05441), equation 2, have it.
    """
    loss = F.softplus(worse - better)
    return loss.mean() if counted is None else (loss * counted).mean()


def squared_gradient(
    logits: Logits, faces: Float[Tensor, "batch 3 size size"]
) -> Float[Tensor, " batch"]:
    """``|dD/df|^2`` at each face, whose mean over real or generated faces is R1 or R2.

    Args:
        faces: What they were computed from; requires gradients.

    Returns:
        The squared length at each face, to be differentiated again.

    Source:
        Mescheder et al. 2018 (arXiv 1801.04406), equations 9 and 10.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), faces, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def contrastive(
    similarities: Float[Tensor, "faces voices"],
    face_labels: Int[Tensor, " faces"],
    voice_labels: Int[Tensor, " voices"],
) -> Scalar:
    """-log of the share of a softmax over the voices that goes to those of the face's label.

    With a label a person, and one recording of each, this is InfoNCE. Where many share a label it
    asks that one of them is near, not that all are.

    Returns:
        The loss, averaged over the faces that share a label with some voice but not with all; 0
        where there is none.

    Source:
        van den Oord et al. 2018 (arXiv 1807.03748), equation 4; several positives inside the
        logarithm: Miech et al. 2020 (arXiv 1912.06430), equation 1.
    """
    same = face_labels[:, None] == voice_labels[None, :]
    telling = same.any(dim=1) & ~same.all(dim=1)
    of_label = similarities.masked_fill(~same, -torch.inf)[telling].logsumexp(dim=1)
    loss = similarities[telling].logsumexp(dim=1) - of_label
    return loss.sum() / telling.sum().clamp(min=1)


def perceptual(
    fake: Sequence[Tensor], real: Sequence[Tensor], magnitudes: Sequence[float]
) -> Scalar:
    """Compare what a frozen network sees in pairs of faces.

    Args:
        fake: Maps of the faces, (batch, channels, height, width) at each of several strides.
        real: Maps of those that they should be like.
        magnitudes: Root mean square that maps usually have, at each stride.

    Returns:
        Mean absolute difference over the magnitude, summed over the strides.

    Source:
        Johnson et al. 2016 (arXiv 1603.08155), section 3.2, with absolute differences.
    """
    differences = [
        (fakes.float() - reals.float()).abs().mean() / magnitude
        for fakes, reals, magnitude in zip(fake, real, magnitudes, strict=True)
    ]
    return torch.stack(differences).sum()


def within_class_deviation(
    faces: Float[Tensor, "batch 3 size size"], labels: Int[Tensor, " batch"]
) -> Scalar:
    """Tell how far faces of one class differ: 0 where they are all alike.

    Args:
        faces: In [-1, 1].
        labels: Class of each; a class of one face does not count.

    Returns:
        Standard deviation over the faces of a class, averaged over pixels, colours and classes.
    """
    groups = [faces[labels == label] for label in labels.unique()]
    return torch.stack([group.std(dim=0).mean() for group in groups if len(group) > 1]).mean()


GENERATOR_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "non_saturating": non_saturating,
    "minimax": minimax,
}
