"""Embedding spectrograms of different lengths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voice2face.audio.log_mel import repeat_to_length

_BATCH = 32


@torch.no_grad()
def embedded(
    encoder: nn.Module, log_mels: Sequence[NDArray[np.floating]], min_frames: int
) -> NDArray[np.float32]:
    """Embed spectrograms, those of one length together.

    Args:
        encoder: From (batch, mels, frames) to embeddings; it is left in the mode it was in.
        log_mels: (frames, mels) each, normalised.
        min_frames: Shorter ones are repeated to this length, as in use.

    Returns:
        (spectrograms, embedding) of unit length.
    """
    device = next(encoder.parameters()).device
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, bands in enumerate(log_mels):
        by_length[max(len(bands), min_frames)].append(index)
    was_training = encoder.training
    encoder.eval()
    found: dict[int, Tensor] = {}
    for indices in by_length.values():
        for at in range(0, len(indices), _BATCH):
            chosen = indices[at : at + _BATCH]
            whole = [log_mels[index].astype(np.float32) for index in chosen]
            stacked = np.stack([repeat_to_length(one, min_frames) for one in whole])
            output = encoder(torch.from_numpy(stacked).transpose(1, 2).to(device))
            found.update(zip(chosen, output.float().cpu(), strict=True))
    encoder.train(was_training)
    in_order = torch.stack([found[index] for index in range(len(log_mels))])
    return nn.functional.normalize(in_order, dim=1).numpy()
