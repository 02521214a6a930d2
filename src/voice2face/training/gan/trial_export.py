"""A run's untrained networks exported on trial, before hours are spent on what cannot be."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from torch import Tensor, nn

from voice2face.errors import ConfigError, OutputError
from voice2face.export import export_networks
from voice2face.networks import GENERATORS, VOICE_ENCODERS, build
from voice2face.networks.base_configs import BaseVoiceEncoderConfig
from voice2face.networks.residual_generator import ScaledNoise
from voice2face.training.gan.settings import GanSettings


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
            faces = Tensor(1, 3, size, size).zero_()
            stage.try_discriminator(faces, Tensor(1, encoder.embedding_dim).zero_())
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
