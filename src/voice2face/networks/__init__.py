"""The four networks, in torch. A new one is a file here and a line in its dict."""

from voice2face.networks.discriminator import Discriminator, DiscriminatorConfig
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig

__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "VOICE_ENCODERS",
    "Discriminator",
    "DiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "VoiceEncoder",
    "VoiceEncoderConfig",
]

# Name -> (network, its settings).
VOICE_ENCODERS = {"wen2019": (VoiceEncoder, VoiceEncoderConfig)}
GENERATORS = {"wen2019": (Generator, GeneratorConfig)}
DISCRIMINATORS = {"wen2019": (Discriminator, DiscriminatorConfig)}
