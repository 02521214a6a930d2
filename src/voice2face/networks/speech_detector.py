"""Tells a person speaking from animals, music, machines and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.ranges import Count, Items, Share

# Keeps the gradient of the deviation finite where nothing varies.
_LEAST_VARIANCE = 1e-5


@dataclass(frozen=True)
class SpeechDetectorConfig:
    """Sizes of a `SpeechDetector`: 62,000 parameters.

    Attributes:
        channels: Maps after each convolution.
        dropout: Share of what the decision sees that is left out in training.
    """

    n_mels: Count = 64
    channels: Annotated[tuple[Count, ...], Items(1)] = (48, 64, 96)
    dropout: Share = 0.2


class SpeechDetector(nn.Module):
    """1-D convolutions over time, then mean and deviation over what time is left.

    Each convolution has kernel 5, stride 2 and padding 2, so that three of them see 0.3 s: about a
    syllable. How much the maps vary tells of the rhythm, which noise and tones lack.
    """

    def __init__(self, config: SpeechDetectorConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = config.n_mels
        for channels in config.channels:
            layers += [
                nn.Conv1d(width, channels, kernel_size=5, stride=2, padding=2, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            ]
            width = channels
        self.maps = nn.Sequential(*layers)
        self.dropout = nn.Dropout(config.dropout)
        self.decision = nn.Linear(2 * width, 1)

    def forward(self, log_mel: Float[Tensor, "batch mels frames"]) -> Float[Tensor, " batch"]:
        """Judge a batch of spectrograms of one length.

        Args:
            log_mel: Normalised log-mel spectrograms, 100 frames or more.

        Returns:
            Log-odds that a person speaks, before a threshold is subtracted.
        """
        maps = self.maps(log_mel)
        mean = maps.mean(dim=2)
        variance = (maps - mean[:, :, None]).square().mean(dim=2)
        deviation = (variance + _LEAST_VARIANCE).sqrt()
        return self.decision(self.dropout(torch.cat([mean, deviation], dim=1)))[:, 0]
