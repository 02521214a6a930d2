"""The published objective: F_d and F_c on one trunk judge what F_g draws for a voice.

Source:
    Wen, Singh and Raj 2019 (arXiv 1905.10604), algorithm 1, and its published code.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from voice2face.data.pairing import PAIRING_FIELDS
from voice2face.networks import DISCRIMINATORS, GENERATORS, build
from voice2face.networks.base_configs import BaseClassifierConfig, BaseVoiceGeneratorConfig
from voice2face.networks.discriminator import DiscriminatorConfig
from voice2face.networks.generator import GeneratorConfig
from voice2face.networks.initialise import initialise_he
from voice2face.networks.pretrained_discriminator import (
    PretrainedDiscriminator,
    PretrainedDiscriminatorConfig,
)
from voice2face.ranges import Count, OneOf, Whole
from voice2face.training.engine import Engine
from voice2face.training.gan import losses
from voice2face.training.gan.losses import GENERATOR_LOSSES
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.trainer import Batch, GanTrainer, Scalars, averaged, set_up, update


@dataclass(frozen=True)
class Wen2019Settings(GanSettings):
    """The published objective.

    Attributes:
        discriminator: Sizes of discriminator and classifier, whose `n_classes` follows from the
            data.
        classifiers: Columns of the manifest (gender, age, nationality) that a further classifier
            each is trained on, beside that of the pairing.
        classifier_first_images: Images on which trunk and classifiers learn alone, at first.
        sample_frames: Stretch of speech that each further sample of the exported model hears;
            shorter gives more variety.
        generator_loss: A key of `losses.GENERATOR_LOSSES`.
        initialisation: "torch": its defaults, as the published system. "he": `initialise_he`.
    """

    objective: ClassVar[str] = "wen2019"
    recipe: ClassVar[str] = (
        "a voice encoder, trained on speaker recognition and then frozen, and a generator, "
        "trained with a discriminator and a classifier that share their convolutions (Wen, "
        "Singh and Raj 2019, arXiv 1905.10604)."
    )

    generator: BaseVoiceGeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: BaseClassifierConfig = field(
        default_factory=lambda: DiscriminatorConfig(variant="authors")
    )
    classifiers: tuple[Annotated[str, OneOf(PAIRING_FIELDS)], ...] = ()
    classifier_first_images: Whole = 0
    sample_frames: Count = 300
    generator_loss: Annotated[str, OneOf(GENERATOR_LOSSES)] = "non_saturating"
    initialisation: Literal["torch", "he"] = "torch"

    def try_discriminator(self, faces: Tensor, voices: Tensor) -> None:
        """Let discriminator and classifier see a face."""
        build(DISCRIMINATORS, dataclasses.replace(self.discriminator, n_classes=(2,)))(faces)

    @property
    def label_columns(self) -> tuple[str, ...]:
        """See `classifiers`."""
        return self.classifiers

    @property
    def further_frames(self) -> int:
        """See `sample_frames`."""
        return self.sample_frames


@dataclass(frozen=True)
class Wen2019Trainer(GanTrainer):
    """The published objective's networks.

    Attributes:
        classifiers: Name of each classifier, for the scalars.
    """

    settings: Wen2019Settings
    classifiers: tuple[str, ...]

    def step(self, batch: Batch, images: int) -> Scalars:
        """Update F_d and F_c, then F_g; both share one batch of generated faces."""
        if isinstance(self.discriminator, PretrainedDiscriminator):
            assert isinstance(self.settings.discriminator, PretrainedDiscriminatorConfig)
            self.discriminator.is_frozen = self.settings.discriminator.is_frozen(images)
        if images < self.settings.classifier_first_images:
            return classifier_step(self, batch)
        fake = self.called_generator(batch.voices)
        scalars = discriminator_step(self, fake, batch)
        return scalars | generator_step(self, fake, batch)


def set_up_wen2019(
    stage: Wen2019Settings,
    classifiers: dict[str, int],
    seed: int,
    engine: Engine,
) -> Wen2019Trainer:
    """Build the networks with seeded initial weights, and their optimisers.

    Args:
        classifiers: Number of labels by name of the classifier, the pairing's first.
    """
    torch.manual_seed(seed)
    generator = build(GENERATORS, stage.generator)
    discriminator = build(
        DISCRIMINATORS,
        dataclasses.replace(stage.discriminator, n_classes=tuple(classifiers.values())),
    )
    if stage.initialisation == "he":
        initialise_he(generator, unit_input=True)
        initialise_he(discriminator)
    called_generator, optimizer_g = set_up(generator, stage, engine)
    called_discriminator, optimizer_d = set_up(
        discriminator, stage, engine, _groups(discriminator, stage)
    )
    return Wen2019Trainer(
        stage,
        engine,
        generator,
        averaged(generator, engine),
        discriminator,
        called_generator,
        called_discriminator,
        optimizer_g,
        optimizer_d,
        tuple(classifiers),
    )


def discriminator_step(trainer: Wen2019Trainer, fake: Tensor, batch: Batch) -> Scalars:
    """Update trunk, F_d and F_c on one batch of real and generated faces.

    Args:
        fake: (batch, 3, size, size) generated faces; the generator is not changed.
        batch: The real faces and their labels: the labelled ones.

    Returns:
        Losses, accuracies and mean probabilities of "real" by name.

    Source:
        Wen et al. 2019 (arXiv 1905.10604), algorithm 1, steps 2 and 3; one optimiser step for
        both is the authors' published code.
    """
    # One pass for both: half the calls, and what several processes need.
    logits, *classes = trainer.called_discriminator(torch.cat([batch.faces, fake.detach()]))
    n_real = len(batch.faces)
    real_logits, fake_logits = logits[:n_real].float(), logits[n_real:].float()
    scalars = {
        "discriminator/real_loss": losses.discriminator_real(real_logits),
        "discriminator/fake_loss": losses.discriminator_fake(fake_logits),
    }
    class_scalars = _classification(
        [of_class[:n_real] for of_class in classes], batch.face_labels, trainer.classifiers
    )
    scalars |= {name: value for name, value in class_scalars.items() if name.endswith("loss")}
    update(trainer.optimizer_d, scalars, trainer.engine, _frozen(trainer.discriminator))
    return scalars | {
        "discriminator/real_accuracy": (real_logits > 0).float().mean(),
        "discriminator/fake_accuracy": (fake_logits <= 0).float().mean(),
        "discriminator/real_probability": real_logits.sigmoid().mean(),
        "discriminator/fake_probability": fake_logits.sigmoid().mean(),
        **class_scalars,
    }


def classifier_step(trainer: Wen2019Trainer, batch: Batch) -> Scalars:
    """Update trunk and F_c alone: the trunk learns faces before the game begins."""
    logits, *classes = trainer.called_discriminator(batch.faces)
    scalars = _classification(classes, batch.face_labels, trainer.classifiers)
    wanted = {name: value for name, value in scalars.items() if name.endswith("loss")}
    # Several processes wait for a gradient of every parameter.
    wanted["unused"] = 0 * logits.float().sum()
    update(trainer.optimizer_d, wanted, trainer.engine, _frozen(trainer.discriminator))
    return scalars


def generator_step(trainer: Wen2019Trainer, fake: Tensor, batch: Batch) -> Scalars:
    """Update F_g so that F_d takes its faces for real and F_c for the speaker's.

    Args:
        trainer: The networks; the discriminator is not changed.
        fake: (batch, 3, size, size) generated faces, attached to the generator.

    Source:
        Wen et al. 2019 (arXiv 1905.10604), algorithm 1, step 4.
    """
    trainer.discriminator.requires_grad_(False)
    # Unwrapped: processes share the gradients of the generator only.
    with trainer.engine.autocast():
        logits, *classes = trainer.discriminator(fake)
    adversarial = GENERATOR_LOSSES[trainer.settings.generator_loss](logits.float())
    scalars = {"generator/adversarial_loss": adversarial}
    for name, of_class, labels in zip(
        trainer.classifiers, classes, batch.voice_labels, strict=True
    ):
        suffix = name.removeprefix("classifier")
        scalars[f"generator/class_loss{suffix}"] = losses.classification(of_class.float(), labels)
    update(trainer.optimizer_g, scalars, trainer.engine)
    trainer.discriminator.requires_grad_(True)
    return scalars


def _classification(classes: list[Tensor], labels: Tensor, classifiers: tuple[str, ...]) -> Scalars:
    """Loss and accuracy of each classifier on faces whose labels are known."""
    scalars: Scalars = {}
    for name, logits, of_class in zip(classifiers, classes, labels, strict=True):
        scalars[f"{name}/loss"] = losses.classification(logits.float(), of_class)
        scalars[f"{name}/accuracy"] = losses.accuracy(logits, of_class)
    return scalars


def _frozen(discriminator: nn.Module) -> nn.Module | None:
    """What does not learn for the time being."""
    if isinstance(discriminator, PretrainedDiscriminator) and discriminator.is_frozen:
        return discriminator.trunk
    return None


def _groups(discriminator: nn.Module, stage: Wen2019Settings) -> list[dict[str, Any]]:
    """Parameters of a discriminator, by the share of the learning rate at which they learn."""
    if not isinstance(discriminator, PretrainedDiscriminator):
        return [{"params": list(discriminator.parameters())}]
    assert isinstance(stage.discriminator, PretrainedDiscriminatorConfig)
    heads = [*discriminator.last.parameters(), *discriminator.heads.parameters()]
    trunk = list(discriminator.trunk.parameters())
    return [{"params": heads}, {"params": trunk, "share": stage.discriminator.trunk_rate}]
