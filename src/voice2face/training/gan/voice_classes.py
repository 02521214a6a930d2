"""Which class of the pairing a voice is of: what a generator reads it with, fitted at the start."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from voice2face.networks.lightweight_generator import LightweightGenerator


def fit_classes(
    generator: nn.Module,
    speaker_embedding: Float[Tensor, "batch embedding"],
    labels: Int[Tensor, " batch"],
) -> None:
    """Set the layer that reads the class of a voice to a penalised logistic regression.

    So a run that begins with the networks of another one may have another voice encoder, whose
    embeddings that layer has never seen.

    Args:
        generator: A `LightweightGenerator`.
        speaker_embedding: Of unit length.
        labels: The class of each; where some class has no voice, nothing is done.
    """
    assert isinstance(generator, LightweightGenerator)
    if len(labels.unique()) < generator.config.n_classes:
        return
    inputs = speaker_embedding * generator.config.embedding_dim**0.5
    model = LogisticRegression(max_iter=1000).fit(inputs.cpu().numpy(), labels.cpu().numpy())
    weights = np.column_stack([model.coef_, model.intercept_])
    if len(weights) == 1:  # of two classes there is one logit: how much more the second is heard
        weights = np.concatenate([-weights, weights]) / 2
    with torch.no_grad():
        generator.hear.weight.copy_(torch.from_numpy(weights[:, :-1]))
        generator.hear.bias.copy_(torch.from_numpy(weights[:, -1]))
