"""Voice embedding network F_e: a log-mel spectrogram to one vector."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["VoiceEncoder", "VoiceEncoderConfig"]


@dataclass(frozen=True)
class VoiceEncoderConfig:
    """Sizes of a `VoiceEncoder`; the defaults are the published ones.

    Attributes:
        n_mels: Mel bands of the input.
        channels: Maps after each convolution but the last.
        embedding_dim: Maps of the last convolution, and length of the embedding.
    """

    n_mels: int = 64
    channels: tuple[int, ...] = (256, 384, 576, 864)
    embedding_dim: int = 64


class VoiceEncoder(nn.Module):
    """1-D convolutions over time, then the average over what time is left.

    Each convolution has kernel 3, stride 2 and padding 1, so a length of t frames becomes
    floor((t - 1) / 2) + 1. Each but the last is followed by batch normalisation and ReLU.

    Source:
        Wen, Singh and Raj 2019 (arXiv 1905.10604), Table 1. Parameter names are those of the
        published weights file, so that it loads as it is.
    """

    def __init__(self, config: VoiceEncoderConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = config.n_mels
        for channels in config.channels:
            layers += [
                nn.Conv1d(width, channels, kernel_size=3, stride=2, padding=1, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            ]
            width = channels
        layers.append(nn.Conv1d(width, config.embedding_dim, kernel_size=3, stride=2, padding=1))
        self.model = nn.Sequential(*layers)

    def forward(
        self, log_mel: Float[Tensor, "batch mels frames"]
    ) -> Float[Tensor, "batch embedding"]:
        """Embed a batch of spectrograms of one length.

        Args:
            log_mel: Normalised log-mel spectrograms, any number of frames.

        Returns:
            Embeddings, not normalised.
        """
        return self.model(log_mel).mean(dim=2)
