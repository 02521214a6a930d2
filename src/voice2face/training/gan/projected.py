"""The projected objective: small discriminators on the features of a frozen network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from voice2face.errors import ConfigError, DataError
from voice2face.networks import GENERATORS, build
from voice2face.networks.artifact_critic import CRITIC_PX
from voice2face.networks.artifact_score import ArtifactScore
from voice2face.networks.base_configs import BaseClassGeneratorConfig
from voice2face.networks.feature_discriminator import (
    MAGNITUDES,
    FeatureDiscriminator,
    FeatureDiscriminatorConfig,
)
from voice2face.networks.lightweight_generator import LightweightGeneratorConfig, take_statistics
from voice2face.ranges import Amount, Count, Range, Share, Whole
from voice2face.training.engine import Engine
from voice2face.training.gan import losses
from voice2face.training.gan.differentiable_augment import augment
from voice2face.training.gan.face_codes import FaceCodes
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.trainer import (
    Batch,
    GanTrainer,
    Scalars,
    averaged,
    ramped_half_life,
    set_up,
    update,
)
from voice2face.training.gan.voice_classes import fit_classes

# Each has its own statistics, for which a batch must hold some of every class.
_MOST_CLASSES = 8
# Sides of the squares whose mean colours count while faces are copied, in pixels.
_COPIED_SQUARES = (1, 2, 4, 8)
# Side at which a drawn face should be like the one that its noise is the code of.
_LIKENESS_PX = 8
# An `ArtifactScore` that is not lowered any more.
_ARTIFACT_MARGIN = 0.1


@dataclass(frozen=True)
class ProjectedSettings(GanSettings):
    """The projected objective: a discriminator on frozen features; see `projected_step`.

    Attributes:
        code_length: Numbers in the code of a real face, which take the place of as many of the
            noise.
        copied_images: Images on which the generator, alone, learns to draw real faces from their
            codes, at first: see `copying_step`.
        copying_rate: Factor of the learning rate while it does so; it falls to 1 meanwhile.
        coded_share: Share of a batch that is drawn from codes of real faces afterwards.
        likeness_weight: Of the squared difference, at 8x8 pixels, between those and the real ones.
        perceptual_weight: Of `losses.perceptual` between them.
        class_weight: Of the classifier's part in the generator's loss.
        artifact_weight: Of `ArtifactScore`, where it is above 0, in the generator's loss.
        augment_probability: Probability of each kind of `differentiable_augment.augment`.
        least_deviation: A run stops when faces of a class differ by less than this share of what
            real ones do.
        collapse_images: Images before which it does not stop for that.
        ema_ramp: Share of the images seen that `ema_half_life_images` is at most; 0 does not limit
            it, for a run that begins with the networks of another one.
        redraws: Times that the exported model generates a face again that `ArtifactCritic` finds
            broken.
        noise_scale: Of the noise z in the model that is exported: less than 1 gives faces more
            typical and less varied than those trained for.
    """

    objective: ClassVar[str] = "projected"
    recipe: ClassVar[str] = (
        "a frozen voice encoder, and a generator (after Liu et al. 2021, arXiv 2101.04775) "
        "that takes noise. The voice only determines its class, which selects gain, bias and "
        "statistics of the batch normalisation. It is trained with a discriminator on the "
        "features of a frozen EfficientNet-Lite0 (Sauer et al. 2021, arXiv 2111.01007) and a "
        "linear classifier of these features. It first learns to reconstruct real faces from "
        "their principal components, which then replace a part of the noise during training. "
        "With `artifact_weight`, a score of how broken a face looks, fitted to ratings by a "
        "vision-language model, is a part of its loss. "
        "EfficientNet-Lite0 must not judge this model."
    )

    generator: BaseClassGeneratorConfig = field(default_factory=LightweightGeneratorConfig)
    discriminator: FeatureDiscriminatorConfig = field(default_factory=FeatureDiscriminatorConfig)
    code_length: Count = 128
    copied_images: Whole = 12_000
    copying_rate: Amount = 5.0
    coded_share: Share = 0.5
    likeness_weight: Amount = 25.0
    perceptual_weight: Amount = 3.0
    class_weight: Amount = 1.0
    artifact_weight: Amount = 0.0
    augment_probability: Share = 0.3
    least_deviation: Share = 0.3
    collapse_images: Whole = 20_000
    ema_ramp: Share = 0.05
    noise_scale: Annotated[float, Range(0, 1, above=True)] = 1.0
    weight_bits: Literal[8, 32] = 8
    redraws: Annotated[int, Range(0, 16)] = 0

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        found: list[str] = []
        if self.code_length > self.noise_dim:
            found.append(
                f"code_length is {self.code_length}: give at most gan.generator.noise_dim, "
                f"{self.noise_dim}"
            )
        if self.redraws and (size := self.generator.image_size_px) % CRITIC_PX:
            found.append(
                f"redraws is {self.redraws}: the critic sees faces of {CRITIC_PX} pixels or a "
                f"multiple, and gan.generator draws {size}; give 0"
            )
        return found


@dataclass(frozen=True)
class ProjectedTrainer(GanTrainer):
    """The projected objective's networks.

    Attributes:
        codes: What makes noise of real faces.
        artifacts: What tells broken faces.
    """

    settings: ProjectedSettings
    codes: FaceCodes
    artifacts: ArtifactScore

    @property
    def parts(self) -> dict[str, nn.Module | Optimizer]:
        """What a checkpoint holds."""
        return super().parts | {"codes": self.codes}

    def begin(
        self, faces: Iterable[tuple[Tensor, Tensor]], voices: Iterable[tuple[Tensor, Tensor]]
    ) -> None:
        """Find what real faces differ in, for their codes, and what tells the class of a voice."""
        self.codes.fit(faces)
        embeddings, labels = (torch.cat(parts) for parts in zip(*voices, strict=True))
        fit_classes((self.generator, self.average), embeddings, labels)

    def step(self, batch: Batch, images: int) -> Scalars:
        """Make one step: see `copying_step` and `projected_step`."""
        if images < self.settings.copied_images:
            return copying_step(self, batch, images)
        return projected_step(self, batch)

    def average_half_life(self, images: int) -> float:
        """Half-life of the averaged generator, which grows: see `ramped_half_life`."""
        return ramped_half_life(images, self.settings, self.settings.ema_ramp)

    def check(self, batches: Sequence[Batch], images: int) -> Scalars:
        """Measure how far faces of one class differ, and stop a run where they no longer do.

        The averaged generator gets statistics of its own first: those of the generator that is
        trained are of other weights, and make its faces pale and alike.

        Returns:
            "within_class/generated" and "within_class/real", of `losses.within_class_deviation`.

        Raises:
            DataError: The noise is hardly heard any more.
        """
        voices = torch.cat([batch.voices for batch in batches])
        noise = torch.cat([batch.noise for batch in batches if batch.noise is not None])
        labels = torch.cat([batch.voice_labels[0] for batch in batches])
        take_statistics(self.average, voices, noise, labels)
        with torch.no_grad():
            fake = torch.cat([self.average(batch.voices, batch.noise) for batch in batches])
        # Faces are drawn with the label of each voice.
        real = torch.cat([batch.faces for batch in batches])
        of_fake = losses.within_class_deviation(fake, labels)
        of_real = losses.within_class_deviation(real, labels)
        least = self.settings.least_deviation * of_real
        if images >= self.settings.collapse_images and of_fake < least:
            raise DataError(
                f"the generator has collapsed: after {images:,} images its faces of one class "
                f"differ by {of_fake:.3f}, real ones by {of_real:.3f}; go back to an earlier "
                "checkpoint or begin again with a lower gan.learning_rate or another --seed"
            )
        return {"within_class/generated": of_fake, "within_class/real": of_real}


def set_up_projected(
    stage: ProjectedSettings, classifiers: dict[str, int], seed: int, engine: Engine
) -> ProjectedTrainer:
    """Build the networks with seeded initial weights, and their optimisers.

    Args:
        classifiers: Number of labels by name of the classifier, the pairing's first.

    Raises:
        ConfigError: The pairing has too many labels.
        MissingDependencyError: The package with the frozen network is not installed.
    """
    n_classes = next(iter(classifiers.values()))
    if n_classes > _MOST_CLASSES:
        raise ConfigError(
            f"gan: the pairing has {n_classes} labels, and this objective keeps statistics for "
            f"each; at most {_MOST_CLASSES} can be told apart: pair by gender"
        )
    torch.manual_seed(seed)
    generator = build(GENERATORS, dataclasses.replace(stage.generator, n_classes=n_classes))
    discriminator = FeatureDiscriminator(
        dataclasses.replace(stage.discriminator, n_classes=n_classes)
    )
    called_generator, optimizer_g = set_up(generator, stage, engine)
    called_discriminator, optimizer_d = set_up(discriminator, stage, engine)
    return ProjectedTrainer(
        settings=stage,
        engine=engine,
        generator=generator,
        average=averaged(generator, engine).eval(),
        discriminator=discriminator,
        called_generator=called_generator,
        called_discriminator=called_discriminator,
        optimizer_g=optimizer_g,
        optimizer_d=optimizer_d,
        codes=FaceCodes(stage.code_length, n_classes).to(engine.device),
        artifacts=ArtifactScore().to(engine.device),
    )


def copying_step(trainer: ProjectedTrainer, batch: Batch, images: int) -> Scalars:
    """Make one step at first: the generator, alone, draws real faces from their codes.

    It gives faces that are blurred, but laid out as real ones and nearly as varied.

    Args:
        images: Images seen before the step, by which the learning rate falls.
    """
    settings, labels = trainer.settings, batch.voice_labels[0]
    left = 1 - images / settings.copied_images
    for group in trainer.optimizer_g.param_groups:
        group["lr"] *= 1 + (settings.copying_rate - 1) * left
    assert batch.noise is not None
    noise = trainer.codes.in_noise(batch.noise, batch.faces, labels)
    drawn, heard = trainer.called_generator(batch.voices, noise, labels)
    difference = drawn.float() - batch.faces
    of_squares = [F.avg_pool2d(difference, side).abs().mean() for side in _COPIED_SQUARES]
    assert isinstance(trainer.discriminator, FeatureDiscriminator)
    with trainer.engine.autocast():
        with torch.no_grad():
            real_maps = trainer.discriminator.look(batch.faces)
        drawn_maps = trainer.discriminator.look(drawn)
    wanted = {
        "generator/copying_loss": torch.stack(of_squares).sum(),
        "generator/perceptual_loss": losses.perceptual(drawn_maps, real_maps, MAGNITUDES),
        "voice/loss": losses.classification(heard.float(), labels),
    }
    update(trainer.optimizer_g, wanted, trainer.engine)
    return wanted | {"voice/accuracy": losses.accuracy(heard, labels)}


def projected_step(trainer: ProjectedTrainer, batch: Batch) -> Scalars:
    """Make one step: discriminator and classifier, then generator, on one batch of fakes.

    The frozen network looks at every face once; the gradient to the generator goes back through
    that same look. The first faces of the batch are drawn with the code of the real face beside
    each, which they should be like in few pixels and in the frozen maps: this keeps the noise
    heard, and eyes, nose and mouth in their places.

    Source:
        Hinge loss: Lim and Ye 2017 (arXiv 1705.02894).
    """
    assert batch.noise is not None and batch.augmentation is not None
    settings, engine, discriminator = trainer.settings, trainer.engine, trainer.discriminator
    assert isinstance(discriminator, FeatureDiscriminator)
    labels = batch.voice_labels[0]
    n_coded = round(settings.coded_share * len(labels))
    noise = trainer.codes.in_noise(batch.noise, batch.faces[:n_coded], labels)
    fake, heard = trainer.called_generator(batch.voices, noise, labels)
    real_numbers, fake_numbers = batch.augmentation
    # A pair is augmented alike, so that its maps can be compared.
    fake_numbers = torch.cat([real_numbers[:n_coded], fake_numbers[n_coded:]])
    share = settings.augment_probability
    with engine.autocast():
        with torch.no_grad():
            real_maps = discriminator.look(augment(batch.faces, real_numbers, share))
        fake_maps = discriminator.look(augment(fake, fake_numbers, share))
    scalars = _update_discriminator(trainer, real_maps, fake_maps, labels)
    scalars["voice/accuracy"] = losses.accuracy(heard, labels)
    discriminator.requires_grad_(False)
    # Unwrapped: processes share the gradients of the generator only.
    with engine.autocast():
        logits, classes = discriminator.judge(fake_maps), discriminator.classes(fake_maps)
    wanted = {
        "generator/adversarial_loss": -logits.float().mean(),
        "generator/class_loss": settings.class_weight
        * losses.classification(classes.float(), labels),
        "voice/loss": losses.classification(heard.float(), labels),
    }
    if settings.artifact_weight:
        amiss = F.relu(trainer.artifacts(fake_maps) - _ARTIFACT_MARGIN).mean()
        wanted["generator/artifact_loss"] = settings.artifact_weight * amiss
    if n_coded:
        of_fake, of_real = (
            [part[:n_coded] for part in side]
            for side in ((fake, *fake_maps), (batch.faces, *real_maps))
        )
        wanted |= _pair_losses(settings, of_fake, of_real)
    update(trainer.optimizer_g, wanted, engine)
    discriminator.requires_grad_(True)
    return scalars | wanted | {"generator/class_accuracy": losses.accuracy(classes, labels)}


def _update_discriminator(
    trainer: ProjectedTrainer, real_maps: list[Tensor], fake_maps: list[Tensor], labels: Tensor
) -> Scalars:
    """Make a step of the discriminator and the classifier of real faces."""
    real_logits, fake_logits, real_classes = trainer.called_discriminator(
        real_maps, [maps.detach() for maps in fake_maps]
    )
    wanted = {
        "discriminator/real_loss": F.relu(1 - real_logits.float()).mean(),
        "discriminator/fake_loss": F.relu(1 + fake_logits.float()).mean(),
        "classifier/loss": losses.classification(real_classes.float(), labels),
    }
    update(trainer.optimizer_d, wanted, trainer.engine)
    return wanted | {
        "discriminator/real_accuracy": (real_logits > 0).float().mean(),
        "discriminator/fake_accuracy": (fake_logits <= 0).float().mean(),
        "classifier/accuracy": losses.accuracy(real_classes, labels),
    }


def _pair_losses(settings: ProjectedSettings, fake: list[Tensor], real: list[Tensor]) -> Scalars:
    """How far faces are from the real ones that their codes are of: (faces, maps...) each."""
    difference = fake[0].float() - real[0]
    squared = F.adaptive_avg_pool2d(difference, _LIKENESS_PX).square().mean()
    seen = losses.perceptual(fake[1:], real[1:], MAGNITUDES)
    return {
        "generator/likeness_loss": settings.likeness_weight * squared,
        "generator/perceptual_loss": settings.perceptual_weight * seen,
    }
