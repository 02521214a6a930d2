"""Voice embedding network F_e: a log-mel spectrogram to one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from voice2face.errors import look_up
from voice2face.networks.base_configs import BaseVoiceEncoderConfig
from voice2face.ranges import Count, Items

_ATTENTION_DIM = 128
# Keeps the gradient of the deviation finite where nothing varies.
_LEAST_VARIANCE = 1e-5


@dataclass(frozen=True)
class VoiceEncoderConfig(BaseVoiceEncoderConfig):
    """Sizes of a `VoiceEncoder`; the defaults are the published ones.

    Attributes:
        channels: Maps after each convolution but the last.
        pooling: A key of `POOLINGS`: what becomes of the time that is left.
        variant: The two sources differ after the last convolution. "authors" (their published
            code): nothing follows it. "report": batch normalisation and ReLU, as after the others,
            so that no number of the embedding is negative.
    """

    channels: Annotated[tuple[Count, ...], Items(1)] = (256, 384, 576, 864)
    pooling: Literal["average", "statistics", "attentive"] = "average"
    variant: Literal["authors", "report"] = "authors"


class Average(nn.Module):
    """The average over time, as the published system has it.

    Args:
        _embedding_dim: Not needed: there is nothing to learn.
    """

    def __init__(self, _embedding_dim: int) -> None:
        super().__init__()

    def forward(self, maps: Float[Tensor, "batch maps time"]) -> Float[Tensor, "batch maps"]:
        """Average."""
        return maps.mean(dim=2)


class Statistics(nn.Module):
    """Mean and deviation over time, which a linear layer brings to the embedding.

    Args:
        embedding_dim: Maps of the input, and length of the output.

    Source:
        Snyder et al. 2018, X-vectors (ICASSP), section 2.1, the statistics pooling layer.
    """

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(2 * embedding_dim, embedding_dim)

    def weights(self, maps: Float[Tensor, "batch maps time"]) -> Float[Tensor, "batch 1 time"]:
        """Weigh the moments.

        Returns:
            Weights that sum to 1 over time: here all the same.
        """
        return torch.full_like(maps[:, :1], 1 / maps.shape[2])

    def forward(self, maps: Float[Tensor, "batch maps time"]) -> Float[Tensor, "batch maps"]:
        """Pool."""
        weights = self.weights(maps)
        mean = (weights * maps).sum(dim=2)
        # From the differences, not E[h^2] - E[h]^2, which float32 cancels.
        variance = (weights * (maps - mean[:, :, None]).square()).sum(dim=2)
        deviation = (variance + _LEAST_VARIANCE).sqrt()
        return self.projection(torch.cat([mean, deviation], dim=1))


class AttentiveStatistics(Statistics):
    """Mean and deviation over time, in which some moments weigh more; the network learns which.

    A moment's weight is a softmax over time of v' tanh(W h + b); the same weights make the mean
    and the standard deviation of h, which a linear layer brings to the embedding.

    Args:
        embedding_dim: Maps of the input, and length of the output.

    Source:
        Okabe, Koshinaka and Shinoda 2018 (arXiv 1803.10963), equations 3, 5 and 6.
    """

    def __init__(self, embedding_dim: int) -> None:
        super().__init__(embedding_dim)
        self.attention = nn.Sequential(
            nn.Conv1d(embedding_dim, _ATTENTION_DIM, kernel_size=1),
            nn.Tanh(),
            nn.Conv1d(_ATTENTION_DIM, 1, kernel_size=1),
        )

    def weights(self, maps: Float[Tensor, "batch maps time"]) -> Float[Tensor, "batch 1 time"]:
        """Weigh the moments.

        Returns:
            Weights that sum to 1 over time.
        """
        return self.attention(maps).softmax(dim=2)


POOLINGS: dict[str, type[Average] | type[Statistics]] = {
    "average": Average,
    "statistics": Statistics,
    "attentive": AttentiveStatistics,
}


class VoiceEncoder(nn.Module):
    """1-D convolutions over time, then pooling (the average) over what time is left.

    Each convolution has kernel 3, stride 2 and padding 1, so a length of t frames becomes
    floor((t - 1) / 2) + 1. Each but the last, or each (`VoiceEncoderConfig.variant`), is followed
    by batch normalisation and ReLU.

    Source:
        Wen, Singh and Raj 2019 (arXiv 1905.10604), Table 1. Parameter names are those of the
        published weights file, so that it loads as it is.
    """

    def __init__(self, config: VoiceEncoderConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = config.n_mels
        is_report = config.variant == "report"
        for channels in (*config.channels, *((config.embedding_dim,) if is_report else ())):
            layers += [
                nn.Conv1d(width, channels, kernel_size=3, stride=2, padding=1, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            ]
            width = channels
        if not is_report:
            last = nn.Conv1d(width, config.embedding_dim, kernel_size=3, stride=2, padding=1)
            layers.append(last)
        self.model = nn.Sequential(*layers)
        self.pooling = look_up("pooling", config.pooling, POOLINGS)(config.embedding_dim)

    def forward(
        self, log_mel: Float[Tensor, "batch mels frames"]
    ) -> Float[Tensor, "batch embedding"]:
        """Embed a batch of spectrograms of one length.

        Args:
            log_mel: Normalised log-mel spectrograms, any number of frames.

        Returns:
            Embeddings, not normalised.
        """
        return self.pooling(self.model(log_mel))


class WeighedEmbedding(nn.Module):
    """What a bundle keeps of a voice encoder whose pooling weighs the moments: both outputs."""

    def __init__(self, encoder: VoiceEncoder) -> None:
        super().__init__()
        assert isinstance(encoder.pooling, AttentiveStatistics)
        self.model, self.pooling = encoder.model, encoder.pooling

    def forward(
        self, log_mel: Float[Tensor, "batch mels frames"]
    ) -> tuple[Float[Tensor, "batch embedding"], Float[Tensor, "batch time"]]:
        """Embed a batch of spectrograms, and weigh their moments.

        Returns:
            Embeddings, not normalised; and weights that sum to 1 over time.
        """
        maps: Tensor = self.model(log_mel)
        return self.pooling(maps), self.pooling.weights(maps)[:, 0]
