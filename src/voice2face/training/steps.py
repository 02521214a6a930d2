"""The steps of the adversarial game, each on one batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from voice2face.networks import (
    DISCRIMINATORS,
    GENERATORS,
    PretrainedDiscriminator,
    PretrainedDiscriminatorConfig,
    build,
)
from voice2face.networks.initialise import initialise_he
from voice2face.training import losses
from voice2face.training.engine import Engine
from voice2face.training.presets import GanSettings

__all__ = [
    "Batch",
    "Players",
    "averaged",
    "classifier_step",
    "discriminator_step",
    "generator_step",
    "jittered",
    "ramped_half_life",
    "set_up_players",
    "update",
    "update_average",
]

Scalars = dict[str, Tensor]

_AVERAGE_RAMP = 0.05


@dataclass(frozen=True)
class Batch:
    """What one step is made from.

    Attributes:
        voices: (batch, embedding) of unit length.
        voice_labels: (classifiers, batch) what each classifier should say of them; -1: not known.
        faces: (batch, 3, size, size) real faces in [-1, 1].
        face_labels: (classifiers, batch) the same of the faces.
        voice_rows: (batch,) rows of the voice manifest.
        face_rows: (batch,) rows of the face manifest.
        noise: (batch, noise) z, of a generator that takes it beside the voice.
        alterations: (2, batch, numbers) for `differentiable_augment.altered`, of the real and of
            the generated faces; None where the game alters none.
    """

    voices: Float[Tensor, "batch embedding"]
    voice_labels: Int[Tensor, "classifiers batch"]
    faces: Float[Tensor, "batch 3 size size"]
    face_labels: Int[Tensor, "classifiers batch"]
    voice_rows: Int[Tensor, " batch"]
    face_rows: Int[Tensor, " batch"]
    noise: Float[Tensor, "batch noise"] | None = None
    alterations: Float[Tensor, "2 batch numbers"] | None = None


@dataclass(frozen=True)
class Players:
    """The networks of the game and their optimisers.

    Attributes:
        generator: F_g, whose state is saved.
        average: Its exponential moving average.
        discriminator: F_d and F_c on their trunk, whose state is saved.
        called_generator: What to call: the network at the engine's precision, on all processes.
        called_discriminator: The same of the discriminator.
        optimizer_g: Of the generator.
        optimizer_d: Of the discriminator.
        classifiers: Name of each classifier, for the scalars.
    """

    generator: nn.Module
    average: nn.Module
    discriminator: nn.Module
    called_generator: nn.Module
    called_discriminator: nn.Module
    optimizer_g: Optimizer
    optimizer_d: Optimizer
    classifiers: tuple[str, ...]

    @property
    def parts(self) -> dict[str, nn.Module | Optimizer]:
        """What a checkpoint holds."""
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g,
            "optimizer_d": self.optimizer_d,
        }

    def step(self, batch: Batch, images: int, stage: GanSettings, engine: Engine) -> Scalars:
        """Make one step of the game: F_d and F_c, then F_g; both share one batch of fakes.

        Args:
            images: Images seen before the step.

        Source:
            Wen et al. 2019 (arXiv 1905.10604), algorithm 1.
        """
        if isinstance(self.discriminator, PretrainedDiscriminator):
            assert isinstance(stage.discriminator, PretrainedDiscriminatorConfig)
            self.discriminator.is_frozen = stage.discriminator.is_frozen(images)
        if images < stage.classifier_first_images:
            return classifier_step(self, batch, engine)
        fake = self.called_generator(batch.voices)
        scalars = discriminator_step(self, fake, batch, engine)
        return scalars | generator_step(self, fake, batch, stage.generator_loss, engine)

    def set_learning_rate(self, rate: float) -> None:
        """Let every optimiser of the game go on at a rate."""
        for part in self.parts.values():
            if isinstance(part, Optimizer):
                for group in part.param_groups:
                    group["lr"] = rate * group.get("share", 1.0)

    def average_half_life(self, images: int, stage: GanSettings) -> float:
        """Half-life of the averaged generator, in images, when so many have been seen."""
        return float(stage.ema_half_life_images)

    def watch(self, batches: Sequence[Batch], images: int, stage: GanSettings) -> Scalars:
        """Measure, at a checkpoint, what a game is watched by; nothing in most."""
        return {}


def set_up_players(
    stage: GanSettings,
    classifiers: dict[str, int],
    seed: int,
    engine: Engine,
) -> Players:
    """Build the networks with seeded initial weights, and their optimisers.

    Args:
        classifiers: Number of labels by name of the classifier, the pairing's first.
    """
    torch.manual_seed(seed)
    generator = build(GENERATORS, stage.generator)
    discriminator = build(DISCRIMINATORS, stage.discriminator_for(tuple(classifiers.values())))
    if stage.initialisation == "he":
        initialise_he(generator, unit_input=True)
        initialise_he(discriminator)
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    average = averaged(generator, engine)
    optimizer_g = Adam(generator.parameters(), stage.learning_rate, stage.betas, fused=True)
    optimizer_d = Adam(_groups(discriminator, stage), stage.learning_rate, stage.betas, fused=True)
    called_generator, optimizer_g = engine.set_up(generator, optimizer_g)
    called_discriminator, optimizer_d = engine.set_up(discriminator, optimizer_d)
    return Players(
        generator,
        average,
        discriminator,
        called_generator,
        called_discriminator,
        optimizer_g,
        optimizer_d,
        tuple(classifiers),
    )


def jittered(
    embedding: Float[Tensor, "batch embedding"], noise: Float[Tensor, "batch embedding"]
) -> Float[Tensor, "batch embedding"]:
    """Normalise embeddings, add noise, and normalise them again.

    Args:
        noise: What is added to the unit embedding.

    Returns:
        Embeddings of unit length.

    Source:
        The authors' published code for Wen et al. 2019 (arXiv 1905.10604).
    """
    return F.normalize(F.normalize(embedding, dim=1) + noise, dim=1)


def discriminator_step(players: Players, fake: Tensor, batch: Batch, engine: Engine) -> Scalars:
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
    logits, *classes = players.called_discriminator(torch.cat([batch.faces, fake.detach()]))
    n_real = len(batch.faces)
    real_logits, fake_logits = logits[:n_real].float(), logits[n_real:].float()
    scalars = {
        "discriminator/real_loss": losses.discriminator_real(real_logits),
        "discriminator/fake_loss": losses.discriminator_fake(fake_logits),
    }
    class_scalars = _classification(
        [of_class[:n_real] for of_class in classes], batch.face_labels, players.classifiers
    )
    scalars |= {name: value for name, value in class_scalars.items() if name.endswith("loss")}
    update(players.optimizer_d, scalars, engine, _frozen(players.discriminator))
    return scalars | {
        "discriminator/real_accuracy": (real_logits > 0).float().mean(),
        "discriminator/fake_accuracy": (fake_logits <= 0).float().mean(),
        "discriminator/real_probability": real_logits.sigmoid().mean(),
        "discriminator/fake_probability": fake_logits.sigmoid().mean(),
        **class_scalars,
    }


def classifier_step(players: Players, batch: Batch, engine: Engine) -> Scalars:
    """Update trunk and F_c alone: the trunk learns faces before the game begins."""
    logits, *classes = players.called_discriminator(batch.faces)
    scalars = _classification(classes, batch.face_labels, players.classifiers)
    wanted = {name: value for name, value in scalars.items() if name.endswith("loss")}
    # Several processes wait for a gradient of every parameter.
    wanted["unused"] = 0 * logits.float().sum()
    update(players.optimizer_d, wanted, engine, _frozen(players.discriminator))
    return scalars


def generator_step(
    players: Players, fake: Tensor, batch: Batch, adversarial_loss: str, engine: Engine
) -> Scalars:
    """Update F_g so that F_d takes its faces for real and F_c for the speaker's.

    Args:
        players: The networks; the discriminator is not changed.
        fake: (batch, 3, size, size) generated faces, attached to the generator.
        adversarial_loss: A key of `losses.GENERATOR_LOSSES`.

    Source:
        Wen et al. 2019 (arXiv 1905.10604), algorithm 1, step 4.
    """
    players.discriminator.requires_grad_(False)
    # Unwrapped: processes share the gradients of the generator only.
    with engine.autocast():
        logits, *classes = players.discriminator(fake)
    adversarial = losses.generator_loss(adversarial_loss)(logits.float())
    scalars = {"generator/adversarial_loss": adversarial}
    for name, of_class, labels in zip(
        players.classifiers, classes, batch.voice_labels, strict=True
    ):
        suffix = name.removeprefix("classifier")
        scalars[f"generator/class_loss{suffix}"] = losses.classification(of_class.float(), labels)
    update(players.optimizer_g, scalars, engine)
    players.discriminator.requires_grad_(True)
    return scalars


def averaged(network: nn.Module, engine: Engine) -> nn.Module:
    """Begin the exponential moving average of a network's parameters."""
    return copy.deepcopy(network).requires_grad_(False).to(engine.device)


def ramped_half_life(images: int, stage: GanSettings) -> float:
    """Half-life of an averaged generator, which grows: the first weights are soon forgotten.

    Source:
        Karras et al. 2020 (arXiv 2006.06676).
    """
    return min(float(stage.ema_half_life_images), _AVERAGE_RAMP * images)


def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an average of parameters, and of running statistics, one step towards a network's."""
    with torch.no_grad():
        for means, values in (
            (average.parameters(), network.parameters()),
            (average.buffers(), network.buffers()),
        ):
            for mean, value in zip(means, values, strict=True):
                mean.lerp_(value, 1 - decay)


def _classification(classes: list[Tensor], labels: Tensor, classifiers: tuple[str, ...]) -> Scalars:
    """Loss and accuracy of each classifier on faces whose labels are known."""
    scalars: Scalars = {}
    for name, logits, of_class in zip(classifiers, classes, labels, strict=True):
        scalars[f"{name}/loss"] = losses.classification(logits.float(), of_class)
        scalars[f"{name}/accuracy"] = losses.accuracy(logits, of_class)
    return scalars


def update(
    optimizer: Optimizer, scalars: Scalars, engine: Engine, frozen: nn.Module | None = None
) -> None:
    """Make one optimiser step on the sum of some losses; nothing of a frozen module changes.

    Neither do the optimiser's averages of it: it counts its steps from when it begins to learn.
    """
    optimizer.zero_grad()
    engine.backward(torch.stack(list(scalars.values())).sum())
    if frozen is not None:
        frozen.zero_grad()
    optimizer.step()


def _frozen(discriminator: nn.Module) -> nn.Module | None:
    """What does not learn for the time being."""
    if isinstance(discriminator, PretrainedDiscriminator) and discriminator.is_frozen:
        return discriminator.trunk
    return None


def _groups(discriminator: nn.Module, stage: GanSettings) -> list[dict[str, Any]]:
    """Parameters of a discriminator, by the share of the learning rate at which they learn."""
    if not isinstance(discriminator, PretrainedDiscriminator):
        return [{"params": list(discriminator.parameters())}]
    assert isinstance(stage.discriminator, PretrainedDiscriminatorConfig)
    heads = [*discriminator.last.parameters(), *discriminator.heads.parameters()]
    trunk = list(discriminator.trunk.parameters())
    return [{"params": heads}, {"params": trunk, "share": stage.discriminator.trunk_rate}]
