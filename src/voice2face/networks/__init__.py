"""The networks, in torch. A new one is a file here and a line in its dict.

What a network takes and gives, and so which objectives take it, is told by the class of
`base_configs` that its settings extend.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import nn


def _in(module: str, name: str) -> tuple[Any, Any]:
    """A network of a module of this folder, and its settings, whose name ends in "Config"."""
    found = import_module(f"{__name__}.{module}")
    return getattr(found, name), getattr(found, f"{name}Config")


# Name -> (network, its settings).
VOICE_ENCODERS = {"wen2019": _in("voice_encoder", "VoiceEncoder")}
GENERATORS = {
    "wen2019": _in("generator", "Generator"),
    "residual": _in("residual_generator", "ResidualGenerator"),
    "lightweight": _in("lightweight_generator", "LightweightGenerator"),
}
DISCRIMINATORS = {
    "wen2019": _in("discriminator", "Discriminator"),
    "resnet": _in("resnet_discriminator", "ResnetDiscriminator"),
    "pretrained": _in("pretrained_discriminator", "PretrainedDiscriminator"),
    "projection": _in("projection_discriminator", "ProjectionDiscriminator"),
    "features": _in("feature_discriminator", "FeatureDiscriminator"),
}


def build(registry: Mapping[str, tuple[Any, Any]], config: Any) -> nn.Module:
    """Make the network that some settings are of.

    Returns:
        The network, with torch's initial weights.
    """
    network = next(network for network, settings in registry.values() if type(config) is settings)
    return network(config)
