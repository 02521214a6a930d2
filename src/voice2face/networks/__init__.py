"""The networks, in torch. A new one is a file here and a line in its dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from voice2face.networks.discriminator import Discriminator, DiscriminatorConfig
from voice2face.networks.feature_discriminator import (
    FeatureDiscriminator,
    FeatureDiscriminatorConfig,
)
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.lightweight_generator import (
    LightweightGenerator,
    LightweightGeneratorConfig,
)
from voice2face.networks.matcher import Matcher, MatcherConfig
from voice2face.networks.pretrained_discriminator import (
    PretrainedDiscriminator,
    PretrainedDiscriminatorConfig,
)
from voice2face.networks.projection_discriminator import (
    ProjectionDiscriminator,
    ProjectionDiscriminatorConfig,
)
from voice2face.networks.residual_generator import ResidualGenerator, ResidualGeneratorConfig
from voice2face.networks.resnet_discriminator import (
    ResnetDiscriminator,
    ResnetDiscriminatorConfig,
)
from voice2face.networks.speech_detector import SpeechDetector, SpeechDetectorConfig
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig

__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "MATCHERS",
    "SPEECH_DETECTORS",
    "VOICE_ENCODERS",
    "Discriminator",
    "DiscriminatorConfig",
    "FeatureDiscriminator",
    "FeatureDiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "LightweightGenerator",
    "LightweightGeneratorConfig",
    "Matcher",
    "MatcherConfig",
    "PretrainedDiscriminator",
    "PretrainedDiscriminatorConfig",
    "ProjectionDiscriminator",
    "ProjectionDiscriminatorConfig",
    "ResidualGenerator",
    "ResidualGeneratorConfig",
    "ResnetDiscriminator",
    "ResnetDiscriminatorConfig",
    "SpeechDetector",
    "SpeechDetectorConfig",
    "VoiceEncoder",
    "VoiceEncoderConfig",
    "build",
]

# Name -> (network, its settings).
VOICE_ENCODERS = {"wen2019": (VoiceEncoder, VoiceEncoderConfig)}
GENERATORS = {
    "wen2019": (Generator, GeneratorConfig),
    "residual": (ResidualGenerator, ResidualGeneratorConfig),
    "lightweight": (LightweightGenerator, LightweightGeneratorConfig),
}
DISCRIMINATORS = {
    "wen2019": (Discriminator, DiscriminatorConfig),
    "resnet": (ResnetDiscriminator, ResnetDiscriminatorConfig),
    "pretrained": (PretrainedDiscriminator, PretrainedDiscriminatorConfig),
    "projection": (ProjectionDiscriminator, ProjectionDiscriminatorConfig),
    "features": (FeatureDiscriminator, FeatureDiscriminatorConfig),
}
MATCHERS = {"contrastive": (Matcher, MatcherConfig)}
SPEECH_DETECTORS = {"statistics": (SpeechDetector, SpeechDetectorConfig)}


def build(registry: Mapping[str, tuple[Any, Any]], config: Any) -> nn.Module:
    """Make the network that some settings are of.

    Returns:
        The network, with torch's initial weights.
    """
    network = next(network for network, settings in registry.values() if type(config) is settings)
    return network(config)
