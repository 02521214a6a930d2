"""Settings of a training run, and their named presets. A preset is data; the loops are one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from voice2face.audio.augment import AugmentSettings
from voice2face.data.pairing import PAIRING_FIELDS
from voice2face.data.store import StoreSettings
from voice2face.errors import look_up
from voice2face.networks import (
    DiscriminatorConfig,
    FeatureDiscriminatorConfig,
    GeneratorConfig,
    LightweightGeneratorConfig,
    MatcherConfig,
    PretrainedDiscriminatorConfig,
    ProjectionDiscriminatorConfig,
    ResidualGeneratorConfig,
    ResnetDiscriminatorConfig,
    VoiceEncoderConfig,
)
from voice2face.ranges import (
    ORDERED,
    Amount,
    Count,
    OneOf,
    Positive,
    Range,
    Share,
    Unread,
    Where,
    Whole,
)
from voice2face.training.losses import GENERATOR_LOSSES
from voice2face.training.speaker_losses import SPEAKER_LOSSES
from voice2face.training.teachers import TEACHERS

__all__ = [
    "PRESETS",
    "GanSettings",
    "ProjectedSettings",
    "RelativisticSettings",
    "SpeakerSettings",
    "TrainSettings",
    "preset",
]

Beta = Annotated[float, Range(0, 1, below=True)]
# Of the published game only.
PUBLISHED = Where("game", "published")
# Each network has its own seed above it, and torch takes 64 bits.
_LARGEST_SEED = 2**63 - 10


@dataclass(frozen=True)
class SpeakerSettings:
    """The speaker stage: F_e learns to tell the training speakers apart.

    Attributes:
        encoder: Sizes of the voice encoder.
        steps: Optimiser steps.
        batch_size: Crops a step, over all processes; batch normalisation is over all of them.
        crop_frames: Shortest and longest crop; all crops of a step are equally long.
        learning_rate: Of Adam, at the start; it falls to 0 along a half cosine.
        loss: A key of `speaker_losses.SPEAKER_LOSSES`.
        margin: Of the loss "aam", in radians.
        scale: Of the loss "aam".
        augment: How recordings are made worse; needs a store with waveforms where any is on.
        steps_an_epoch: Verification trials are scored so often, and a checkpoint is written; None:
            as many steps as have a crop for every recording.
        augmented_each: Recordings made worse once, at the start, of each speaker alike, from which
            all crops are cut; 0 makes each crop anew from a recording of any speaker.
        speaker_weight: Of the loss of telling speakers apart.
        teacher: A key of `teachers.TEACHERS`, whose embedding of the clean recording the encoder
            learns to give of the crop; "" for none. Needs a store with waveforms.
        teacher_weight: Of 1 less the cosine to the teacher's embedding.
        gender_weight: Of the cross-entropy of the speaker's gender, where it is known. Above 0, the
            stage also leaves `gender_evidence.json`.
        held_out_percent: Share of the training speakers that is not learned from; by these the
            best encoder is chosen and the evidence of gender calibrated.
    """

    encoder: VoiceEncoderConfig = field(default_factory=VoiceEncoderConfig)
    steps: Count = 50_000
    batch_size: Count = 128
    crop_frames: Annotated[tuple[Count, Count], ORDERED] = (300, 800)
    learning_rate: Positive = 1e-3
    loss: Annotated[str, OneOf(SPEAKER_LOSSES)] = "softmax"
    margin: Annotated[float, Range(0, math.pi / 2, below=True), Where("loss", "aam")] = 0.2
    scale: Annotated[Positive, Where("loss", "aam")] = 30.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    steps_an_epoch: Count | None = None
    augmented_each: Whole = 0
    speaker_weight: Amount = 1.0
    teacher: Annotated[str, OneOf(TEACHERS, or_empty=True)] = ""
    teacher_weight: Annotated[Amount, Where("teacher")] = 1.0
    gender_weight: Amount = 0.0
    held_out_percent: Annotated[int, Range(0, 99)] = 0

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        if self.speaker_weight or self.gender_weight or (self.teacher and self.teacher_weight):
            return []
        return ["speaker_weight is 0, and so is every other weight: nothing would be learned"]


@dataclass(frozen=True)
class RelativisticSettings:
    """What is the modern game's own; see `relativistic.relativistic_step`.

    Attributes:
        group: Voices and faces that are compared with each other, by the matcher and for
            mismatched pairs; a process's share of a batch is a multiple of it.
        matcher: Sizes of the matcher.
        matching_weight: Of the matcher's part in the generator's loss; 0 leaves it out.
        mismatched_weight: Of real faces under another's voice, in the discriminator's loss.
        penalty: Weight gamma of R1 and R2 both.
        penalty_steps: Steps between two penalties, each of which counts for all of them.
        alteration: Probability of each kind of `differentiable_augment.altered`.
    """

    group: Annotated[int, Range(2)] = 16
    matcher: MatcherConfig = field(default_factory=MatcherConfig)
    matching_weight: Amount = 0.3
    mismatched_weight: Amount = 0.5
    penalty: Amount = 0.5
    penalty_steps: Count = 8
    alteration: Share = 0.3


@dataclass(frozen=True)
class ProjectedSettings:
    """What is the own of the game of frozen features; see `projected.projected_step`.

    Attributes:
        class_weight: Of the classifier's part in the generator's loss.
        alteration: Probability of each kind of `differentiable_augment.altered`.
        least_deviation: A run stops when faces of a class differ by less than this share of what
            real ones do.
        collapse_images: Images before which it does not stop for that.
    """

    class_weight: Amount = 1.0
    alteration: Share = 0.3
    least_deviation: Share = 0.3
    collapse_images: Whole = 20_000


@dataclass(frozen=True)
class GanSettings:
    """The adversarial stage: F_g, F_d and F_c learn, F_e is frozen.

    Attributes:
        relativistic: The modern game's own settings.
        projected: Those of the game of frozen features. Without either, the published one is
            played.
        generator: Sizes of the generator.
        discriminator: Sizes of discriminator and classifier, whose `n_classes` follows from the
            data; or, in the modern game, of a discriminator that hears the voice.
        classifiers: Columns of the manifest (gender, age, nationality) that a further classifier
            each is trained on, beside that of the pairing.
        classifier_first_images: Images on which trunk and classifiers learn alone, before the game.
        images: Real images to be seen in all.
        batch_size: Voices, and faces, a step, over all processes.
        crop_frames: Shortest and longest voice crop; all crops of a step are equally long.
        learning_rate: Of Adam, until it cools down.
        cool_down: Share of the images, the last ones, over which the learning rate falls to 0
            along a straight line; 0 keeps it as it is.
        betas: Of Adam.
        clear_share: Share of each label's faces that are trained on, those that show it most
            surely (see `clear_faces.clearest`); less than 1 draws it more surely, and faces more
            alike. Pairs of one person are all trained on, whatever it is.
        sample_frames: Stretch of speech that each further sample of the exported model hears;
            shorter gives more variety.
        jitter: Deviation of the noise added to the unit embedding before it is normalised again.
        noise_scale: Of the noise z in the model that is exported: less than 1 gives faces more
            typical and less varied than those trained for. Training does not know of it.
        generator_loss: A key of `losses.GENERATOR_LOSSES`.
        ema_half_life_images: Half-life of the averaged generator, which is the one exported; 0
            exports the last one, as the published system does.
        flip: Whether faces are mirrored at random.
        initialisation: "torch": its defaults, as the published system. "he": `initialise_he`.
        checkpoint_images: Images between two checkpoints, each with a sheet and a validation.
        converged_change: The run ends when, between two checkpoints, the generator (itself, not
            its average) and the discriminator both change by less than this share of their length;
            0 never does.
    """

    relativistic: RelativisticSettings | None = None
    projected: ProjectedSettings | None = None
    generator: GeneratorConfig | ResidualGeneratorConfig | LightweightGeneratorConfig = field(
        default_factory=GeneratorConfig
    )
    discriminator: (
        DiscriminatorConfig
        | ResnetDiscriminatorConfig
        | PretrainedDiscriminatorConfig
        | ProjectionDiscriminatorConfig
        | FeatureDiscriminatorConfig
    ) = field(default_factory=lambda: DiscriminatorConfig(variant="authors"))
    classifiers: Annotated[tuple[Annotated[str, OneOf(PAIRING_FIELDS)], ...], PUBLISHED] = ()
    classifier_first_images: Annotated[Whole, PUBLISHED] = 0
    images: Count = 50_000 * 128
    batch_size: Count = 128
    crop_frames: Annotated[tuple[Count, Count], ORDERED] = (300, 800)
    learning_rate: Positive = 2e-4
    cool_down: Share = 0.0
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    clear_share: Annotated[float, Range(0, 1, above=True)] = 1.0
    sample_frames: Count = 300
    jitter: Amount = 0.05
    noise_scale: Annotated[float, Range(0, 1, above=True), Where("noise_dim")] = 1.0
    generator_loss: Annotated[str, OneOf(GENERATOR_LOSSES), PUBLISHED] = "non_saturating"
    ema_half_life_images: Whole = 0
    flip: bool = True
    initialisation: Annotated[Literal["torch", "he"], PUBLISHED] = "torch"
    checkpoint_images: Count = 10_000
    converged_change: Amount = 0.0

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        modern = (
            isinstance(self.generator, ResidualGeneratorConfig),
            isinstance(self.discriminator, ProjectionDiscriminatorConfig),
            self.relativistic is not None,
        )
        if any(modern) != all(modern):
            return [
                "generator 'residual', gan.discriminator 'projection' and gan.relativistic go "
                "together: start from a preset that has all of them, or none"
            ]
        projected = (
            isinstance(self.generator, LightweightGeneratorConfig),
            isinstance(self.discriminator, FeatureDiscriminatorConfig),
            self.projected is not None,
        )
        if any(projected) != all(projected):
            return [
                "generator 'lightweight', gan.discriminator 'features' and gan.projected go "
                "together: start from a preset that has all of them, or none"
            ]
        if self.relativistic is not None and self.batch_size % self.relativistic.group:
            return [
                f"batch_size is {self.batch_size}: give a multiple of gan.relativistic.group, "
                f"{self.relativistic.group}"
            ]
        return []

    @property
    def game(self) -> str:
        """Which game is played, a key of `gan.GAMES`."""
        if self.projected is not None:
            return "projected"
        return "published" if self.relativistic is None else "relativistic"

    @property
    def noise_dim(self) -> int:
        """Length of the noise that the generator takes beside the voice."""
        return getattr(self.generator, "noise_dim", 0)

    def discriminator_for(
        self, n_classes: tuple[int, ...]
    ) -> DiscriminatorConfig | ResnetDiscriminatorConfig | PretrainedDiscriminatorConfig:
        """The published game's discriminator with the numbers of labels that the data have."""
        assert not isinstance(
            self.discriminator, (ProjectionDiscriminatorConfig, FeatureDiscriminatorConfig)
        )
        return dataclasses.replace(self.discriminator, n_classes=n_classes)


@dataclass(frozen=True)
class TrainSettings:
    """A whole run: store, speaker stage, adversarial stage.

    Attributes:
        name: The preset's name.
        store: How files become a store.
        speaker: The speaker stage.
        gan: The adversarial stage.
        seed: Of all random numbers of both stages.
        precision: See `engine.Engine`.
        compiled: See `engine.Engine`.
    """

    name: Annotated[str, Unread("it is the preset's")]
    store: StoreSettings = field(default_factory=StoreSettings)
    speaker: SpeakerSettings = field(default_factory=SpeakerSettings)
    gan: GanSettings = field(default_factory=GanSettings)
    seed: Annotated[int, Range(0, _LARGEST_SEED)] = 0
    precision: Literal["32", "bf16"] = "32"
    compiled: bool = False

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        size, drawn = self.store.image_size_px, self.gan.generator.image_size_px
        if size == drawn:
            return []
        return [f"gan.generator draws {drawn} pixels, but store.image_size_px is {size}"]


def wen2019() -> TrainSettings:
    """The published system at its published size: a matter of a GPU and VoxCeleb x VGGFace.

    Source:
        Wen et al. 2019 (arXiv 1905.10604) and its published code. The length of the speaker stage
        is not published; ours is a guess.
    """
    return TrainSettings(
        name="wen2019",
        gan=GanSettings(discriminator=DiscriminatorConfig(variant="authors", head_biases=False)),
    )


def report2022() -> TrainSettings:
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
        gan=GanSettings(discriminator=DiscriminatorConfig(variant="report")),
    )


def starter() -> TrainSettings:
    """The same system at a reduced width, for two CPU cores and an hour or two."""
    return TrainSettings(
        name="starter",
        speaker=SpeakerSettings(
            encoder=VoiceEncoderConfig(channels=(128, 192, 288, 432)),
            steps=3_000,
            batch_size=64,
            steps_an_epoch=250,
        ),
        gan=GanSettings(
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


def modern_speaker() -> SpeakerSettings:
    """A small voice encoder that hears gender over any channel: it imitates a strong one."""
    return SpeakerSettings(
        encoder=VoiceEncoderConfig(channels=(96, 128, 192, 288)),
        steps=1_400,
        batch_size=48,
        crop_frames=(100, 300),
        augment=AugmentSettings(reverberation=0.3, babble=0.3, noise=0.5, telephone=0.4),
        steps_an_epoch=350,
        augmented_each=18,
        speaker_weight=0.1,
        teacher="resemblyzer",
        teacher_weight=5.0,
        gender_weight=0.5,
        held_out_percent=10,
    )


def planted() -> TrainSettings:
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
            steps_an_epoch=500,
        ),
        gan=GanSettings(
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


def modern(size_px: int = 64) -> TrainSettings:
    """A modern game at a size that two CPU cores can train, and many GPUs can widen.

    Args:
        size_px: Side of the face: 64, or 128, which adds a coarser level to each network.

    Returns:
        The settings of "modern-64" or "modern-128".
    """
    shuffle = size_px // 32
    return TrainSettings(
        name=f"modern-{size_px}",
        store=StoreSettings(image_size_px=size_px, waveforms=True),
        speaker=modern_speaker(),
        gan=GanSettings(
            relativistic=RelativisticSettings(matcher=MatcherConfig(shuffle=2 * shuffle)),
            generator=ResidualGeneratorConfig(shuffle=shuffle),
            discriminator=ProjectionDiscriminatorConfig(shuffle=shuffle),
            images=1_000_000,
            batch_size=32,
            learning_rate=1e-3,
            cool_down=0.75,
            betas=(0.0, 0.99),
            crop_frames=(150, 400),
            clear_share=0.6,
            ema_half_life_images=10_000,
            checkpoint_images=20_000,
        ),
    )


def projected() -> TrainSettings:
    """Clear faces from few images: what a pretrained network sees judges them. A day on one core.

    All faces are trained on, not the clearest alone: the classifier sees to it that a gender is
    surely drawn, and faces stay as varied as the data.
    """
    return TrainSettings(
        name="projected-64",
        store=StoreSettings(waveforms=True),
        speaker=modern_speaker(),
        gan=GanSettings(
            projected=ProjectedSettings(),
            generator=LightweightGeneratorConfig(),
            discriminator=FeatureDiscriminatorConfig(),
            images=1_500_000,
            batch_size=32,
            learning_rate=2e-4,
            betas=(0.0, 0.99),
            crop_frames=(100, 200),
            ema_half_life_images=10_000,
            checkpoint_images=5_000,
        ),
    )


def debug() -> TrainSettings:
    """The smallest run that goes through everything, in seconds. Its faces are noise."""
    return TrainSettings(
        name="debug",
        speaker=SpeakerSettings(
            encoder=VoiceEncoderConfig(channels=(16, 16, 16, 16)), steps=4, batch_size=8
        ),
        gan=GanSettings(
            generator=GeneratorConfig(channels=(16, 8, 8, 8, 8)),
            discriminator=DiscriminatorConfig(channels=(8, 8, 8, 8, 8)),
            images=32,
            batch_size=8,
            ema_half_life_images=16,
            checkpoint_images=16,
        ),
    )


PRESETS: dict[str, Callable[[], TrainSettings]] = {
    "wen2019": wen2019,
    "report2022": report2022,
    "starter": starter,
    "planted": planted,
    "modern-64": modern,
    "modern-128": partial(modern, 128),
    "projected-64": projected,
    "debug": debug,
}


def preset(name: str) -> TrainSettings:
    """Look a training preset up by name.

    Args:
        name: A key of `PRESETS`.

    Raises:
        ConfigError: No preset has that name.
    """
    return look_up("training preset", name, PRESETS)()
