"""Losses of speaker identification, as pure functions of embeddings, class weights and labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Embedding = Float[Tensor, "batch embedding"]
Weight = Float[Tensor, "classes embedding"]
Labels = Int[Tensor, " batch"]
Scalar = Float[Tensor, ""]

# (embedding, weight, labels, margin, scale) -> loss
_SpeakerLoss = Callable[[Tensor, Tensor, Tensor, float, float], Tensor]

# Below this, the square root in sin(theta) = sqrt(1 - cos(theta) ** 2) has no use for a gradient.
_LEAST_SIN_SQUARED = 1e-6


def softmax(
    embedding: Embedding, weight: Weight, labels: Labels, margin: float = 0.0, scale: float = 1.0
) -> Scalar:
    """Cross-entropy of the logits W e: plain identification, as the published system is trained.

    Args:
        embedding: Speaker embeddings, of any length.
    """
    return F.cross_entropy(embedding @ weight.T, labels)


def aam_logits(
    embedding: Embedding, weight: Weight, labels: Labels, margin: float, scale: float
) -> Float[Tensor, "batch classes"]:
    """Scaled cosines, that of the label as if its angle were larger by a margin.

    Where angle and margin exceed half a turn, cos(theta + m) would rise again; there the cosine
    less m sin(m) stands in its place, which goes on falling.

    Args:
        embedding: Speaker embeddings; only their direction counts.
        weight: A row a speaker; only its direction counts.
        margin: m, in radians, from 0 to below pi / 2.
        scale: s, above 0.

    Source:
        Deng et al. 2019, ArcFace (arXiv 1801.07698), equation 3. The branch past half a turn is
        that of its published training code.
    """
    cosines = F.normalize(embedding, dim=1) @ F.normalize(weight, dim=1).T
    of_label = cosines.gather(1, labels[:, None])
    sines = (1 - of_label.square()).clamp(min=_LEAST_SIN_SQUARED).sqrt()
    moved = of_label * math.cos(margin) - sines * math.sin(margin)
    moved = torch.where(of_label > -math.cos(margin), moved, of_label - margin * math.sin(margin))
    return scale * cosines.scatter(1, labels[:, None], moved)


def additive_angular_margin(
    embedding: Embedding, weight: Weight, labels: Labels, margin: float = 0.2, scale: float = 30.0
) -> Scalar:
    """Cross-entropy of `aam_logits`: speakers are told apart by a margin of the angle.

    Its values do not compare with those of `softmax`: an encoder that knows nothing, whose
    embeddings are at right angles to all n speakers, pays ln(1 + (n - 1) e^(s sin m)), about
    s sin m more than ln n.
    """
    return F.cross_entropy(aam_logits(embedding, weight, labels, margin, scale), labels)


SPEAKER_LOSSES: dict[str, _SpeakerLoss] = {
    "softmax": softmax,
    "aam": additive_angular_margin,
}


def predicted(name: str, embedding: Embedding, weight: Weight) -> Labels:
    """Tell the most likely speakers, as the classifier that a loss trains sees them."""
    directions = weight if name == "softmax" else F.normalize(weight, dim=1)
    return (embedding @ directions.T).argmax(dim=1)
