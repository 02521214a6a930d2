"""Which class of the pairing a voice is of: what a generator reads it with, fitted at the start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from voice2face.networks.lightweight_generator import LightweightGenerator


def fit_classes(
    generators: Sequence[nn.Module],
    speaker_embedding: Float[Tensor, "batch embedding"],
    labels: Int[Tensor, " batch"],
) -> None:
    """Set the layer that reads the class of a voice to a penalised logistic regression.

    So a run that begins with the networks of another one may have another voice encoder, whose
    embeddings that layer has never seen.

    Args:
        generators: `LightweightGenerator`s of one size.
        speaker_embedding: Of unit length.
        labels: The class of each; where some class has no voice, nothing is done.
    """
    layers = [one.hear for one in generators if isinstance(one, LightweightGenerator)]
    if len(labels.unique()) < layers[0].out_features:
        return
    inputs = speaker_embedding * layers[0].in_features ** 0.5  # as `classes` scales them
    model = LogisticRegression(max_iter=1000).fit(inputs.cpu().numpy(), labels.cpu().numpy())
    weights = np.column_stack([model.coef_, model.intercept_])
    if len(weights) == 1:  # of two classes there is one logit: how much more the second is heard
        weights = np.concatenate([-weights, weights]) / 2
    for layer in layers:
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights[:, :-1]))
            layer.bias.copy_(torch.from_numpy(weights[:, -1]))
