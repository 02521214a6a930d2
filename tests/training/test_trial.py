"""What is tried before the first step."""

from __future__ import annotations

import dataclasses

import pytest

from voice2face.errors import ConfigError
from voice2face.networks import GENERATORS
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.training.gan.trial_export import try_networks
from voice2face.training.presets import GanSettings, preset

SMALL = preset("debug")


def attempt(stage: GanSettings = SMALL.gan, encoder=SMALL.speaker.encoder, mels=64, size=64):
    try_networks(encoder, stage, mels, size)


@pytest.mark.long
def test_networks_that_fit_are_let_through():
    attempt()
    modern = preset("modern-64")
    attempt(dataclasses.replace(modern.gan, noise_scale=0.5), modern.speaker.encoder)


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"generator": GeneratorConfig(channels=(8,) * 4)}, "draws 32 pixels, but .* have 64"),
        ({"generator": GeneratorConfig(embedding_dim=32)}, "embedding_dim is 32, .* gives 64"),
        (
            {"discriminator": dataclasses.replace(SMALL.gan.discriminator, channels=(8,) * 4)},
            "gan.discriminator: an untrained one was tried",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_told(stage, told):
    with pytest.raises(ConfigError, match=told):
        attempt(dataclasses.replace(SMALL.gan, **stage))


def test_an_encoder_of_other_bands_is_told():
    with pytest.raises(ConfigError, match="n_mels is 40, but the spectrograms have 64"):
        attempt(encoder=VoiceEncoderConfig(n_mels=40, channels=(8,)))


def test_groups_that_do_not_divide_the_maps_are_told():
    gan = preset("modern-64").gan
    generator = dataclasses.replace(gan.generator, channels=(256, 128, 64, 56))
    with pytest.raises(ConfigError, match=r"gan\.generator: an untrained one was tried"):
        attempt(dataclasses.replace(gan, generator=generator), preset("modern-64").speaker.encoder)


def test_a_generator_that_cannot_be_exported_is_told_before_the_first_step(monkeypatch):
    """It asks for the values of its input, which a traced network does not know."""

    @dataclasses.dataclass(frozen=True)
    class LoopingConfig(GeneratorConfig):
        pass

    class Looping(Generator):
        def forward(self, speaker_embedding):
            while bool(speaker_embedding.sum() > 1e9):
                speaker_embedding = speaker_embedding / 2
            return super().forward(speaker_embedding)

    monkeypatch.setitem(GENERATORS, "looping", (Looping, LoopingConfig))
    stage = dataclasses.replace(SMALL.gan, generator=LoopingConfig(channels=(8,) * 5))
    with pytest.raises(ConfigError, match=r"gan.generator: .* before the first step") as caught:
        attempt(stage)
    assert "\n" not in str(caught.value)
