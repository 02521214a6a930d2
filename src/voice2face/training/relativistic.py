"""The modern game: relativistic, penalised, with a voice that the judge hears and a matcher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from voice2face.networks import DISCRIMINATORS, GENERATORS, MATCHERS, build
from voice2face.training import losses
from voice2face.training.differentiable_augment import altered
from voice2face.training.engine import Engine
from voice2face.training.presets import GanSettings, RelativisticSettings
from voice2face.training.steps import (
    Batch,
    Players,
    Scalars,
    averaged,
    ramped_half_life,
    update,
)

__all__ = ["RelativisticPlayers", "relativistic_step", "set_up_relativistic"]


@dataclass(frozen=True)
class RelativisticPlayers(Players):
    """The networks of the modern game.

    Attributes:
        matcher: Whose embeddings tell whose face it is; its state is saved.
        called_matcher: The same at the engine's precision, on all processes.
        optimizer_m: Of the matcher.
    """

    matcher: nn.Module
    called_matcher: nn.Module
    optimizer_m: Optimizer

    @property
    def parts(self) -> dict[str, nn.Module | Optimizer]:
        """What a checkpoint holds."""
        return {**super().parts, "matcher": self.matcher, "optimizer_m": self.optimizer_m}

    def step(self, batch: Batch, images: int, stage: GanSettings, engine: Engine) -> Scalars:
        """Make one step of the game: see `relativistic_step`."""
        return relativistic_step(self, batch, images // stage.batch_size, stage, engine)

    def average_half_life(self, images: int, stage: GanSettings) -> float:
        """Half-life of the averaged generator, which grows: see `ramped_half_life`."""
        return ramped_half_life(images, stage)


def set_up_relativistic(
    stage: GanSettings, classifiers: dict[str, int], seed: int, engine: Engine
) -> RelativisticPlayers:
    """Build the networks with seeded initial weights, and their optimisers.

    Args:
        stage: Settings of the adversarial stage, with `relativistic`.
        classifiers: Number of labels by name of the classifier; this game has a matcher instead.
    """
    assert stage.relativistic is not None
    torch.manual_seed(seed)
    networks = [
        build(GENERATORS, stage.generator),
        build(DISCRIMINATORS, stage.discriminator),
        build(MATCHERS, stage.relativistic.matcher),
    ]
    optimizers = []
    for network in networks:
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        optimizers.append(Adam(network.parameters(), stage.learning_rate, stage.betas, fused=True))
    average = averaged(networks[0], engine)
    called = []
    for index, network in enumerate(networks):
        wrapped, optimizers[index] = engine.set_up(network, optimizers[index])
        called.append(wrapped)
    generator, discriminator, matcher = networks
    return RelativisticPlayers(
        generator=generator,
        average=average,
        discriminator=discriminator,
        called_generator=called[0],
        called_discriminator=called[1],
        optimizer_g=optimizers[0],
        optimizer_d=optimizers[1],
        classifiers=(),
        matcher=matcher,
        called_matcher=called[2],
        optimizer_m=optimizers[2],
    )


def relativistic_step(
    players: RelativisticPlayers, batch: Batch, step: int, stage: GanSettings, engine: Engine
) -> Scalars:
    """Make one step: discriminator, matcher, generator; all share one batch of generated faces.

    Args:
        batch: Voices, a real face of the label of each, noise, and numbers for alterations; a
            multiple of the group.
        step: Number of the step; penalties are due at every few.
    """
    assert stage.relativistic is not None and batch.alterations is not None
    about = stage.relativistic
    fake = players.called_generator(batch.voices, batch.noise)
    real_numbers, fake_numbers = batch.alterations
    real_seen = altered(batch.faces, real_numbers, about.alteration)
    fake_seen = altered(fake, fake_numbers, about.alteration)
    scalars, real_logits = _discriminator_step(
        players,
        real_seen,
        fake_seen.detach(),
        batch,
        step % about.penalty_steps == 0,
        about,
        engine,
    )
    scalars |= _matcher_step(players, real_seen, batch, about.group, engine)
    return scalars | _generator_step(players, fake_seen, real_logits, batch, about, engine)


def _discriminator_step(
    players: RelativisticPlayers,
    real: Tensor,
    fake: Tensor,
    batch: Batch,
    is_penalty_due: bool,
    about: RelativisticSettings,
    engine: Engine,
) -> tuple[Scalars, Float[Tensor, " batch"]]:
    """Real above generated, for the same voice; and the right voice above another's."""
    faces = torch.cat([real, fake]).requires_grad_(is_penalty_due)
    voices = torch.stack([batch.voices, _others(batch.voices, about.group)], dim=1)
    logits = players.called_discriminator(faces, torch.cat([voices, voices])).float()
    n_real = len(real)
    real_logits, fake_logits = logits[:n_real, 0], logits[n_real:, 0]
    labels = batch.voice_labels[0]
    is_other = labels != _others(labels, about.group)
    other_logits = logits[:n_real, 1]
    wanted = {
        "discriminator/adversarial_loss": losses.relativistic(real_logits, fake_logits),
        "discriminator/mismatched_loss": about.mismatched_weight
        * losses.relativistic(real_logits, other_logits, is_other),
    }
    scalars = dict(wanted)
    if is_penalty_due:
        squared = losses.squared_gradient(logits[:, 0], faces)
        scalars["discriminator/real_squared_gradient"] = squared[:n_real].mean()
        scalars["discriminator/fake_squared_gradient"] = squared[n_real:].mean()
        # The mean of real and of generated faces, each at half the weight, as often as skipped.
        wanted["penalty"] = about.penalty / 2 * about.penalty_steps * 2 * squared.mean()
    update(players.optimizer_d, wanted, engine)
    heard = (real_logits > other_logits) & is_other
    told = {
        "discriminator/real_above_fake": (real_logits > fake_logits).float().mean(),
        "discriminator/voice_heard": heard.sum() / is_other.sum().clamp(min=1),
    }
    return scalars | told, real_logits.detach()


def _matcher_step(
    players: RelativisticPlayers, real: Tensor, batch: Batch, group: int, engine: Engine
) -> Scalars:
    """Real faces near the voices of their label, and voices near the faces of theirs."""
    similarities = players.called_matcher(real, batch.voices).float()
    labels = batch.voice_labels[0]
    loss = (_matching(similarities, labels, group) + _matching(similarities.T, labels, group)) / 2
    update(players.optimizer_m, {"loss": loss}, engine)
    chosen = [labels[start + best] for start, best in _best(similarities, group)]
    right = (torch.cat(chosen) == labels).float().mean()
    return {"matcher/loss": loss, "matcher/accuracy": right}


def _generator_step(
    players: RelativisticPlayers,
    fake: Tensor,
    real_logits: Tensor,
    batch: Batch,
    about: RelativisticSettings,
    engine: Engine,
) -> Scalars:
    """Generated above real, for the same voice; and near the voice in the matcher's space."""
    judges = (players.discriminator, players.matcher)
    for judge in judges:
        judge.requires_grad_(False)
    # Unwrapped: processes share the gradients of the generator only.
    with engine.autocast():
        logits = players.discriminator(fake, batch.voices[:, None])[:, 0]
    scalars = {"generator/adversarial_loss": losses.relativistic(logits.float(), real_logits)}
    if about.matching_weight:
        with engine.autocast():
            similarities = players.matcher(fake, batch.voices)
        matching = _matching(similarities.float(), batch.voice_labels[0], about.group)
        scalars["generator/matching_loss"] = about.matching_weight * matching
    update(players.optimizer_g, scalars, engine)
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
