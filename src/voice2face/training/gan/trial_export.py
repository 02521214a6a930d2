"""A run's untrained networks exported on trial, before hours are spent on what cannot be."""

from __future__ import annotations

import dataclasses
import tempfile
from functools import cache
from pathlib import Path

from torch import Tensor, nn

from voice2face.errors import ConfigError, OutputError
from voice2face.export import export_networks
from voice2face.networks import DISCRIMINATORS, GENERATORS, VOICE_ENCODERS, build
from voice2face.networks.base_configs import BaseVoiceEncoderConfig
from voice2face.networks.matcher import Matcher
from voice2face.networks.residual_generator import ScaledNoise
from voice2face.training.gan.relativistic import RelativisticSettings
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.wen2019 import Wen2019Settings


def exported(generator: nn.Module, stage: GanSettings) -> nn.Module:
    """Give the generator as it is exported: see `GanSettings.exported_noise_scale`."""
    scale = stage.exported_noise_scale
    return generator if scale == 1 else ScaledNoise(generator, scale)


@cache
def try_networks(
    encoder: BaseVoiceEncoderConfig, stage: GanSettings, n_mels: int, image_size_px: int
) -> None:
    """Build a run's networks, export those that a bundle has, and let the others judge a face.

    Raises:
        ConfigError: A network cannot be built or exported, or two of them do not fit each other
            or the store.
    """
    what = "gan.generator"
    if encoder.n_mels != n_mels:
        raise ConfigError(
            f"speaker.encoder.n_mels is {encoder.n_mels}, but the spectrograms have {n_mels}"
        )
    if stage.generator.embedding_dim != encoder.embedding_dim:
        raise ConfigError(
            f"gan.generator.embedding_dim is {stage.generator.embedding_dim}, but the voice "
            f"encoder gives {encoder.embedding_dim} numbers"
        )
    try:
        generator = build(GENERATORS, stage.generator)
        voice_encoder = build(VOICE_ENCODERS, encoder)
        with tempfile.TemporaryDirectory() as folder:
            *_, size = export_networks(
                voice_encoder, exported(generator, stage), n_mels, stage.noise_dim, Path(folder)
            )
        if size == image_size_px:
            what = "gan.discriminator"
            _judge(stage, size)
    except OSError as error:
        raise OutputError(f"temporary files: cannot be written ({error.strerror})") from None
    except Exception as error:  # of the exporter, any kind
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"{what}: an untrained one was tried before the first step, and failed ({reason}); "
            "give other sizes"
        ) from None
    if size != image_size_px:
        raise ConfigError(
            f"gan.generator draws {size} pixels, but the store's faces have {image_size_px}: "
            "prepare another store, or give gan.generator another number of channels"
        )


def _judge(stage: GanSettings, size: int) -> None:
    """Let discriminator and matcher see a face, so that sizes that do not fit are told."""
    faces = Tensor(1, 3, size, size).zero_()
    voices = Tensor(1, stage.generator.embedding_dim).zero_()
    if isinstance(stage, Wen2019Settings):
        config = dataclasses.replace(stage.discriminator, n_classes=(2,))
        build(DISCRIMINATORS, config)(faces)
    if isinstance(stage, RelativisticSettings):
        build(DISCRIMINATORS, stage.discriminator)(faces, voices[:, None])
        Matcher(stage.matcher)(faces, voices)
