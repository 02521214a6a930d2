"""Settings of a training run, and their named presets. A preset is data; the loops are one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Literal

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.variants import VariantSettings
from voice2face.data.store import StoreSettings
from voice2face.errors import look_up
from voice2face.networks.discriminator import DiscriminatorConfig
from voice2face.networks.generator import GeneratorConfig
from voice2face.networks.lightweight_generator import LightweightGeneratorConfig
from voice2face.networks.matcher import MatcherConfig
from voice2face.networks.projection_discriminator import ProjectionDiscriminatorConfig
from voice2face.networks.residual_generator import ResidualGeneratorConfig
from voice2face.networks.speech_detector import SpeechDetectorConfig
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.ranges import (
    Range,
    Unread,
)
from voice2face.training.gan.projected import ProjectedSettings
from voice2face.training.gan.relativistic import RelativisticSettings
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.wen2019 import Wen2019Settings
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speech.settings import SpeechSettings, modern_speech

# Each network has its own seed above it, and torch takes 64 bits.
_LARGEST_SEED = 2**63 - 10


@dataclass(frozen=True)
class TrainSettings:
    """A whole run: store, speaker stage, adversarial stage; and the speech stage, a run of its own.

    Attributes:
        store: How files become a store.
        seed: Of all random numbers of all stages.
        precision: See `engine.Engine`.
        compiled: See `engine.Engine`.
    """

    name: Annotated[str, Unread("it is the name of the preset")]
    store: StoreSettings = field(default_factory=StoreSettings)
    speaker: SpeakerSettings = field(default_factory=SpeakerSettings)
    gan: GanSettings = field(default_factory=Wen2019Settings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    seed: Annotated[int, Range(0, _LARGEST_SEED)] = 0
    precision: Literal["32", "bf16"] = "32"
    compiled: bool = False

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        size, drawn = self.store.image_size_px, self.gan.generator.image_size_px
        if size == drawn:
            return []
        return [f"gan.generator draws {drawn} pixels, but store.image_size_px is {size}"]


def _wen2019() -> TrainSettings:
    """The published system at its published size: a matter of a GPU and VoxCeleb x VGGFace.

    Source:
        Wen et al. 2019 (arXiv 1905.10604) and its published code. The length of the speaker stage
        is not published; ours is a guess.
    """
    return TrainSettings(
        name="wen2019",
        gan=Wen2019Settings(
            discriminator=DiscriminatorConfig(variant="authors", head_biases=False)
        ),
    )


def _report2022() -> TrainSettings:
    """The published system as the report reads it, which differs in the networks' last layers.

    Batch normalisation and ReLU after every convolution of the voice encoder; kernels of 3x3, and
    LeakyReLU after the last convolution, in the trunk. It does not tell of the heads' biases.

    Source:
        Face Reconstruction from Voice using Generative Adversarial Networks, Bar-Ilan University,
        2022, section 17.
    """
    return TrainSettings(
        name="report2022",
        speaker=SpeakerSettings(encoder=VoiceEncoderConfig(variant="report")),
        gan=Wen2019Settings(discriminator=DiscriminatorConfig(variant="report")),
    )


def _starter() -> TrainSettings:
    """The same system at a reduced width, for two CPU cores and an hour or two."""
    return TrainSettings(
        name="starter",
        speaker=SpeakerSettings(
            encoder=VoiceEncoderConfig(channels=(128, 192, 288, 432)),
            steps=3_000,
            batch_size=64,
            steps_per_epoch=250,
        ),
        gan=Wen2019Settings(
            generator=GeneratorConfig(channels=(384, 192, 96, 48, 24)),
            discriminator=DiscriminatorConfig(channels=(16, 32, 64, 128, 256)),
            images=140_000,
            batch_size=32,
            crop_frames=(300, 400),
            sample_frames=150,
            ema_half_life_images=5_000,
            initialisation="he",
        ),
    )


def _modern_speaker() -> SpeakerSettings:
    """A small voice encoder that hears gender over any channel: it imitates a strong one."""
    return SpeakerSettings(
        encoder=VoiceEncoderConfig(channels=(96, 128, 192, 288)),
        steps=1_400,
        batch_size=48,
        crop_frames=(100, 300),
        augment=AugmentSettings(reverberation=0.3, babble=0.3, noise=0.5, telephone=0.4),
        steps_per_epoch=350,
        augmented_each=18,
        speaker_weight=0.1,
        teacher="resemblyzer",
        teacher_weight=5.0,
        gender_weight=0.5,
        held_out_percent=10,
    )


def _lively_speaker() -> SpeakerSettings:
    """One that hears through mood, microphone and line, at about the same cost.

    It also learns from variants of the recordings and from recordings that nobody labelled, and
    which sounds count.
    """
    return replace(
        _modern_speaker(),
        encoder=VoiceEncoderConfig(channels=(96, 128, 192, 288), pooling="attentive"),
        steps=3_000,
        batch_size=64,
        augment=AugmentSettings(
            disfluency=0.15,
            reverberation=0.35,
            direct_to_reverberant_db=(-6.0, 9.0),
            babble=0.25,
            noise=0.5,
            noise_snr_db=(0.0, 20.0),
            clipping=0.1,
            low_pass=0.15,
            telephone=0.3,
            codec=0.2,
            gate=0.15,
            quantise=0.1,
        ),
        steps_per_epoch=600,
        augmented_each=60,
        variants=VariantSettings(each=3),
        unlabelled=("picovoice",),
        unlabelled_each=3,
    )


def _planted() -> TrainSettings:
    """The same system at a width for the planted world: 45 minutes on one CPU core.

    For some 400 people to train on; images should grow with their number. Batches are small,
    since what the generator learns of identity takes thousands of steps.
    """
    return TrainSettings(
        name="planted",
        speaker=SpeakerSettings(
            encoder=VoiceEncoderConfig(channels=(64, 96, 128, 192)),
            steps=3_000,
            batch_size=64,
            crop_frames=(150, 250),
            steps_per_epoch=500,
        ),
        gan=Wen2019Settings(
            generator=GeneratorConfig(channels=(192, 96, 48, 24, 12)),
            discriminator=DiscriminatorConfig(channels=(8, 16, 32, 64, 128)),
            images=300_000,
            batch_size=16,
            learning_rate=5e-4,
            crop_frames=(150, 250),
            sample_frames=150,
            ema_half_life_images=5_000,
            initialisation="he",
            checkpoint_images=20_000,
        ),
    )


def _modern(size_px: int = 64) -> TrainSettings:
    """The relativistic objective at a size that two CPU cores can train, and many GPUs can widen.

    Args:
        size_px: Side of the face: 64, or 128, which adds a coarser level to each network.

    Returns:
        The settings of "modern-64" or "modern-128".
    """
    shuffle = size_px // 32
    return TrainSettings(
        name=f"modern-{size_px}",
        store=StoreSettings(image_size_px=size_px, waveforms=True),
        speaker=_modern_speaker(),
        speech=modern_speech(),
        gan=RelativisticSettings(
            matcher=MatcherConfig(shuffle=2 * shuffle),
            generator=ResidualGeneratorConfig(shuffle=shuffle),
            discriminator=ProjectionDiscriminatorConfig(shuffle=shuffle),
            images=1_000_000,
            batch_size=32,
            learning_rate=1e-3,
            lr_decay_fraction=0.75,
            betas=(0.0, 0.99),
            crop_frames=(150, 400),
            confident_fraction=0.6,
            ema_half_life_images=10_000,
            checkpoint_images=20_000,
        ),
    )


def _projected(generator: LightweightGeneratorConfig) -> TrainSettings:
    """Clear faces from few images: what a pretrained network sees judges them. A day on one core.

    All faces are trained on, not the clearest alone: the classifier sees to it that a gender is
    surely drawn, and faces stay as varied as the data.

    Args:
        generator: Its side is that of the faces; a finer level doubles it.

    Returns:
        The settings of "projected-64" or "projected-128".
    """
    size_px = generator.image_size_px
    return TrainSettings(
        name=f"projected-{size_px}",
        store=StoreSettings(image_size_px=size_px, waveforms=True),
        speaker=_modern_speaker(),
        speech=modern_speech(),
        gan=ProjectedSettings(
            generator=generator,
            images=1_500_000,
            batch_size=32,
            learning_rate=2e-4,
            betas=(0.0, 0.99),
            crop_frames=(100, 200),
            ema_half_life_images=10_000,
            checkpoint_images=5_000,
        ),
    )


def _modern_voice() -> TrainSettings:
    """The voice encoder that hears anyone, for generators that are trained on it later.

    Its store needs the front end "modern", for which exact zeros in pauses change nothing.
    """
    return replace(
        _projected(LightweightGeneratorConfig()),
        name="modern-voice",
        store=StoreSettings(front_end="modern", waveforms=True),
        speaker=_lively_speaker(),
    )


def _debug() -> TrainSettings:
    """The smallest run that goes through everything, in seconds. Its faces are noise."""
    return TrainSettings(
        name="debug",
        speaker=SpeakerSettings(
            encoder=VoiceEncoderConfig(channels=(16, 16, 16, 16)), steps=4, batch_size=8
        ),
        gan=Wen2019Settings(
            generator=GeneratorConfig(channels=(16, 8, 8, 8, 8)),
            discriminator=DiscriminatorConfig(channels=(8, 8, 8, 8, 8)),
            images=32,
            batch_size=8,
            ema_half_life_images=16,
            checkpoint_images=16,
        ),
        speech=SpeechSettings(
            network=SpeechDetectorConfig(channels=(8, 8)),
            steps=4,
            batch_size=8,
            clip_s=1.5,
            clips_a_file=1,
            synthetic_each=2,
            held_out_percent=30,
            steps_per_epoch=2,
        ),
    )


PRESETS: dict[str, Callable[[], TrainSettings]] = {
    "wen2019": _wen2019,
    "report2022": _report2022,
    "starter": _starter,
    "planted": _planted,
    "modern-64": _modern,
    "modern-128": partial(_modern, 128),
    "projected-64": partial(_projected, LightweightGeneratorConfig()),
    "projected-128": partial(
        _projected,
        LightweightGeneratorConfig(channels=(512, 192, 96, 64, 32, 16), depth=6 * (0,)),
    ),
    "modern-voice": _modern_voice,
    "debug": _debug,
}


def preset(name: str) -> TrainSettings:
    """Look a training preset up by name.

    Raises:
        ConfigError: No preset has that name.
    """
    return look_up("training preset", name, PRESETS)()
