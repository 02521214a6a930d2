"""The relativistic objective, with gradient penalties and a matcher of voices and faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim import Optimizer

from voice2face.networks import DISCRIMINATORS, GENERATORS, build
from voice2face.networks.base_configs import BaseConditionalConfig, BaseNoiseGeneratorConfig
from voice2face.networks.matcher import Matcher, MatcherConfig
from voice2face.networks.projection_discriminator import ProjectionDiscriminatorConfig
from voice2face.networks.residual_generator import ResidualGeneratorConfig
from voice2face.ranges import Amount, Count, Range, Share
from voice2face.training.engine import Engine
from voice2face.training.gan import losses
from voice2face.training.gan.differentiable_augment import augment
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


@dataclass(frozen=True)
class RelativisticSettings(GanSettings):
    """The relativistic objective; see `relativistic_step`.

    Attributes:
        group: Voices and faces that are compared with each other, by the matcher and for
            mismatched pairs; a process's share of a batch is a multiple of it.
        matching_weight: Of the matcher's part in the generator's loss; 0 leaves it out.
        mismatched_weight: Of real faces under another's voice, in the discriminator's loss.
        penalty: Weight gamma of R1 and R2 both.
        penalty_steps: Steps between two penalties, each of which counts for all of them.
        augment_probability: Probability of each kind of `differentiable_augment.augment`.
        noise_scale: Of the noise z in the model that is exported: less than 1 gives faces more
            typical and less varied than those trained for.
    """

    objective: ClassVar[str] = "relativistic"
    recipe: ClassVar[str] = (
        "a frozen voice encoder, and a residual generator that takes the speaker embedding and "
        "noise. It is trained with a conditional discriminator (relativistic, with R1 and R2: "
        "Huang et al. 2024, arXiv 2501.05441; projection: Miyato and Koyama 2018, arXiv "
        "1802.05637) and a contrastive matcher of voices and faces, trained at the same time."
    )

    generator: BaseNoiseGeneratorConfig = field(default_factory=ResidualGeneratorConfig)
    discriminator: BaseConditionalConfig = field(default_factory=ProjectionDiscriminatorConfig)
    group: Annotated[int, Range(2)] = 16
    matcher: MatcherConfig = field(default_factory=MatcherConfig)
    matching_weight: Amount = 0.3
    mismatched_weight: Amount = 0.5
    penalty: Amount = 0.5
    penalty_steps: Count = 8
    augment_probability: Share = 0.3
    noise_scale: Annotated[float, Range(0, 1, above=True)] = 1.0

    @property
    def batch_multiple(self) -> int:
        """See `group`."""
        return self.group

    def try_discriminator(self, faces: Tensor, voices: Tensor) -> None:
        """Let discriminator and matcher see a face."""
        build(DISCRIMINATORS, self.discriminator)(faces, voices[:, None])
        Matcher(self.matcher)(faces, voices)

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        if self.batch_size % self.group:
            return [f"batch_size is {self.batch_size}: give a multiple of gan.group, {self.group}"]
        return []


@dataclass(frozen=True)
class RelativisticTrainer(GanTrainer):
    """The relativistic objective's networks.

    Attributes:
        matcher: Whose embeddings tell whose face it is; its state is saved.
        called_matcher: The same at the engine's precision, on all processes.
    """

    settings: RelativisticSettings
    matcher: nn.Module
    called_matcher: nn.Module
    optimizer_m: Optimizer

    @property
    def parts(self) -> dict[str, nn.Module | Optimizer]:
        """What a checkpoint holds."""
        return {**super().parts, "matcher": self.matcher, "optimizer_m": self.optimizer_m}

    def step(self, batch: Batch, images: int) -> Scalars:
        """Make one step: see `relativistic_step`."""
        return relativistic_step(self, batch, images // self.settings.batch_size)

    def average_half_life(self, images: int) -> float:
        """Half-life of the averaged generator, which grows: see `ramped_half_life`."""
        return ramped_half_life(images, self.settings)


def set_up_relativistic(
    stage: RelativisticSettings, classifiers: dict[str, int], seed: int, engine: Engine
) -> RelativisticTrainer:
    """Build the networks with seeded initial weights, and their optimisers.

    Args:
        classifiers: Not used: a matcher stands in their place.
    """
    torch.manual_seed(seed)
    generator = build(GENERATORS, stage.generator)
    discriminator = build(DISCRIMINATORS, stage.discriminator)
    matcher = Matcher(stage.matcher)
    called_generator, optimizer_g = set_up(generator, stage, engine)
    called_discriminator, optimizer_d = set_up(discriminator, stage, engine)
    called_matcher, optimizer_m = set_up(matcher, stage, engine)
    return RelativisticTrainer(
        settings=stage,
        engine=engine,
        generator=generator,
        average=averaged(generator, engine),
        discriminator=discriminator,
        called_generator=called_generator,
        called_discriminator=called_discriminator,
        optimizer_g=optimizer_g,
        optimizer_d=optimizer_d,
        matcher=matcher,
        called_matcher=called_matcher,
        optimizer_m=optimizer_m,
    )


def relativistic_step(trainer: RelativisticTrainer, batch: Batch, step: int) -> Scalars:
    """Make one step: discriminator, matcher, generator; all share one batch of generated faces.

    Args:
        batch: Voices, a real face of the label of each, noise, and numbers for augmentation; a
            multiple of the group.
        step: Number of the step; penalties are due at every few.
    """
    assert batch.augmentation is not None
    settings = trainer.settings
    fake = trainer.called_generator(batch.voices, batch.noise)
    real_numbers, fake_numbers = batch.augmentation
    real_seen = augment(batch.faces, real_numbers, settings.augment_probability)
    fake_seen = augment(fake, fake_numbers, settings.augment_probability)
    scalars, real_logits = _discriminator_step(
        trainer, real_seen, fake_seen.detach(), batch, step % settings.penalty_steps == 0
    )
    scalars |= _matcher_step(trainer, real_seen, batch)
    return scalars | _generator_step(trainer, fake_seen, real_logits, batch)


def _discriminator_step(
    trainer: RelativisticTrainer,
    real: Tensor,
    fake: Tensor,
    batch: Batch,
    is_penalty_due: bool,
) -> tuple[Scalars, Float[Tensor, " batch"]]:
    """Real above generated, for the same voice; and the right voice above another's."""
    settings = trainer.settings
    faces = torch.cat([real, fake]).requires_grad_(is_penalty_due)
    voices = torch.stack([batch.voices, _others(batch.voices, settings.group)], dim=1)
    logits = trainer.called_discriminator(faces, torch.cat([voices, voices])).float()
    n_real = len(real)
    real_logits, fake_logits = logits[:n_real, 0], logits[n_real:, 0]
    labels = batch.voice_labels[0]
    is_other = labels != _others(labels, settings.group)
    other_logits = logits[:n_real, 1]
    wanted = {
        "discriminator/adversarial_loss": losses.relativistic(real_logits, fake_logits),
        "discriminator/mismatched_loss": settings.mismatched_weight
        * losses.relativistic(real_logits, other_logits, is_other),
    }
    scalars = dict(wanted)
    if is_penalty_due:
        squared = losses.squared_gradient(logits[:, 0], faces)
        scalars["discriminator/real_squared_gradient"] = squared[:n_real].mean()
        scalars["discriminator/fake_squared_gradient"] = squared[n_real:].mean()
        # The mean of real and of generated faces, each at half the weight, as often as skipped.
        wanted["penalty"] = settings.penalty / 2 * settings.penalty_steps * 2 * squared.mean()
    update(trainer.optimizer_d, wanted, trainer.engine)
    heard = (real_logits > other_logits) & is_other
    accuracies = {
        "discriminator/real_above_fake": (real_logits > fake_logits).float().mean(),
        "discriminator/voice_heard": heard.sum() / is_other.sum().clamp(min=1),
    }
    return scalars | accuracies, real_logits.detach()


def _matcher_step(trainer: RelativisticTrainer, real: Tensor, batch: Batch) -> Scalars:
    """Real faces near the voices of their label, and voices near the faces of theirs."""
    group = trainer.settings.group
    similarities = trainer.called_matcher(real, batch.voices).float()
    labels = batch.voice_labels[0]
    loss = (_matching(similarities, labels, group) + _matching(similarities.T, labels, group)) / 2
    update(trainer.optimizer_m, {"loss": loss}, trainer.engine)
    chosen = [labels[start + best] for start, best in _best(similarities, group)]
    right = (torch.cat(chosen) == labels).float().mean()
    return {"matcher/loss": loss, "matcher/accuracy": right}


def _generator_step(
    trainer: RelativisticTrainer,
    fake: Tensor,
    real_logits: Tensor,
    batch: Batch,
) -> Scalars:
    """Generated above real, for the same voice; and near the voice in the matcher's space."""
    settings = trainer.settings
    judges = (trainer.discriminator, trainer.matcher)
    for judge in judges:
        judge.requires_grad_(False)
    # Unwrapped: processes share the gradients of the generator only.
    with trainer.engine.autocast():
        logits = trainer.discriminator(fake, batch.voices[:, None])[:, 0]
    scalars = {"generator/adversarial_loss": losses.relativistic(logits.float(), real_logits)}
    if settings.matching_weight:
        with trainer.engine.autocast():
            similarities = trainer.matcher(fake, batch.voices)
        matching = _matching(similarities.float(), batch.voice_labels[0], settings.group)
        scalars["generator/matching_loss"] = settings.matching_weight * matching
    update(trainer.optimizer_g, scalars, trainer.engine)
    for judge in judges:
        judge.requires_grad_(True)
    return scalars


def _others(of_batch: Tensor, group: int) -> Tensor:
    """What each has of the one before it in its group."""
    return of_batch.unflatten(0, (-1, group)).roll(1, 1).flatten(0, 1)


def _matching(
    similarities: Float[Tensor, "batch batch"], labels: Int[Tensor, " batch"], group: int
) -> Tensor:
    """The contrastive loss inside each group, averaged."""
    parts = [slice(start, start + group) for start in range(0, len(labels), group)]
    of_groups = [
        losses.contrastive(similarities[part, part], labels[part], labels[part]) for part in parts
    ]
    return torch.stack(of_groups).mean()


def _best(similarities: Float[Tensor, "batch batch"], group: int) -> list[tuple[int, Tensor]]:
    """Where each group begins, and which of it is nearest to each of it."""
    starts = range(0, len(similarities), group)
    return [(at, similarities[at : at + group, at : at + group].argmax(dim=1)) for at in starts]
