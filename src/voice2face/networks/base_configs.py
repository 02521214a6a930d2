"""What each objective asks of its networks, told by the class that a network's settings extend.

An objective names a class of this module as the type of its setting, and so takes every registered
network whose settings extend it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from voice2face.ranges import Count, Unread


@dataclass(frozen=True)
class BaseVoiceEncoderConfig:
    """Of a network that takes log-mel (batch, mels, frames), any number of frames.

    It gives (batch, embedding), of any length. Two voice encoders do not have settings of the same
    names: a run records the settings, and which encoder it has follows from them.
    """

    n_mels: Count = 64
    embedding_dim: Count = 64


@dataclass(frozen=True)
class _BaseGeneratorConfig(ABC):
    embedding_dim: Count = 64

    @property
    @abstractmethod
    def image_size_px(self) -> int:
        """Side of the square image."""


@dataclass(frozen=True)
class BaseVoiceGeneratorConfig(_BaseGeneratorConfig):
    """Of a network that takes unit embeddings (batch, embedding) alone.

    It gives faces (batch, 3, size, size), meant for [-1, 1].
    """


@dataclass(frozen=True)
class BaseNoiseGeneratorConfig(_BaseGeneratorConfig):
    """Of a network that takes embeddings, as above, and noise (batch, noise), and gives faces."""

    noise_dim: Count = 64


@dataclass(frozen=True)
class BaseClassGeneratorConfig(_BaseGeneratorConfig):
    """Of a network that takes embeddings, noise and, in training only, the label of each face.

    With labels (batch,) it gives faces and the logits (batch, classes) of what the voice says;
    without, faces alone.

    Attributes:
        n_classes: Labels of the pairing; set from the data.
    """

    noise_dim: Count = 64
    n_classes: Annotated[int, Unread("the pairing determines it")] = 2


@dataclass(frozen=True)
class BaseClassifierConfig:
    """Of a discriminator that takes faces (batch, 3, size, size).

    It gives logits of "real", (batch,), and then those of each classifier, (batch, classes).

    Attributes:
        n_classes: Labels that each classifier tells apart; the first is that of the pairing,
            further ones are of manifest columns.
    """

    n_classes: Annotated[tuple[int, ...], Unread("the numbers of labels follow from the data")] = (
        2,
    )


@dataclass(frozen=True)
class BaseConditionalConfig:
    """Of a discriminator that takes faces and voices (batch, several, embedding) for each.

    It gives logits of "real and this voice's", (batch, several).
    """

    embedding_dim: Count = 64
