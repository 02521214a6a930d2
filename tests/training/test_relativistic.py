"""The modern game: each loss and alteration by hand, and what a step changes."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from voice2face.networks.discriminator import DiscriminatorConfig
from voice2face.networks.generator import GeneratorConfig
from voice2face.networks.matcher import MatcherConfig
from voice2face.networks.projection_discriminator import ProjectionDiscriminatorConfig
from voice2face.networks.residual_generator import ResidualGeneratorConfig
from voice2face.ranges import problems
from voice2face.training.engine import Engine
from voice2face.training.gan import losses
from voice2face.training.gan.differentiable_augment import N_NUMBERS, augment
from voice2face.training.gan.relativistic import (
    RelativisticSettings,
    RelativisticTrainer,
    relativistic_step,
    set_up_relativistic,
)
from voice2face.training.gan.stage import OBJECTIVES, learning_rate
from voice2face.training.gan.trainer import Batch
from voice2face.training.gan.wen2019 import Wen2019Settings
from voice2face.training.presets import preset

N = 6
# The one before each in its group of three, and those whose label is another than that one's.
OTHER = [2, 0, 1, 5, 3, 4]
DIFFERS = [0, 1, 4, 5]


def test_the_relativistic_loss_is_of_the_difference():
    better, worse = torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])
    by_hand = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))) / 2
    assert losses.relativistic(better, worse).item() == pytest.approx(by_hand)
    assert losses.relativistic(better, better).item() == pytest.approx(math.log(2))


def test_the_squared_gradient_is_that_of_a_known_function():
    faces = torch.randn(4, 3, 5, 5, requires_grad=True)
    # D(f) = 2 * sum(f ** 2) has the gradient 4 f.
    squared = losses.squared_gradient(2 * faces.square().sum(dim=(1, 2, 3)), faces)
    assert torch.allclose(squared, 16 * faces.square().sum(dim=(1, 2, 3)))
    squared.sum().backward()
    assert faces.grad is not None
    assert torch.allclose(faces.grad, 32 * faces)


def test_contrastive_is_infonce_where_labels_are_people():
    similarities = torch.randn(5, 5)
    labels = torch.arange(5)
    found = losses.contrastive(similarities, labels, labels)
    assert found.item() == pytest.approx(F.cross_entropy(similarities, labels).item())


def test_contrastive_asks_for_one_voice_of_the_label_and_leaves_out_what_tells_nothing():
    similarities = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    # The first face shares its label with two voices, the second with none.
    found = losses.contrastive(similarities, torch.tensor([0, 9]), torch.tensor([0, 0, 1]))
    share = (math.e + math.e**2) / (math.e + math.e**2 + math.e**3)
    assert found.item() == pytest.approx(-math.log(share))
    nothing = losses.contrastive(similarities, torch.tensor([0, 0]), torch.tensor([0, 0, 0]))
    assert nothing.item() == 0


def numbers(count: int, **at: float) -> torch.Tensor:
    """Random numbers that alter nothing, except those named."""
    found = torch.full((count, N_NUMBERS), 0.5)
    found[:, 0] = found[:, 6] = 1.0  # above any probability
    places = {"colour": 0, "brightness": 1, "saturation": 2, "contrast": 3}
    places |= {"down": 4, "right": 5, "shift": 6}
    for name, value in at.items():
        found[:, places[name]] = value
    return found


def test_alterations_are_what_they_are_called():
    faces = torch.rand(2, 3, 16, 16) * 2 - 1
    assert augment(faces, torch.rand(2, N_NUMBERS), 0.0) is faces
    assert torch.allclose(augment(faces, numbers(2), 0.9), faces, atol=1e-6)
    brighter = augment(faces, numbers(2, colour=0.0, brightness=1.0), 0.9)
    assert torch.allclose(brighter, faces + 0.4, atol=1e-6)
    paler = augment(faces, numbers(2, colour=0.0, saturation=0.0), 0.9)
    grey = faces.mean(dim=1, keepdim=True)
    assert torch.allclose(paler, grey + 0.4 * (faces - grey), atol=1e-6)
    flat = augment(faces, numbers(2, colour=0.0, contrast=0.0), 0.9)
    assert torch.allclose(flat.std(), faces.std() * 0.6, rtol=0.05)


def test_a_shift_moves_the_face_and_leaves_grey():
    faces = torch.rand(1, 3, 16, 16) + 0.5
    # An eighth of 16 pixels: 2 down, 2 to the left.
    found = augment(faces, numbers(1, shift=0.0, down=1.0, right=0.0), 0.5)
    assert torch.equal(found[:, :, 2:, :-2], faces[:, :, :-2, 2:])
    assert (found[:, :, :2] == 0).all() and (found[:, :, :, -2:] == 0).all()


def test_gradients_pass_through_alterations():
    faces = torch.rand(3, 3, 16, 16, requires_grad=True)
    augment(faces, torch.rand(3, N_NUMBERS) * 0.4, 0.5).sum().backward()
    assert faces.grad is not None and faces.grad.abs().max() > 0


def settings(**changes) -> RelativisticSettings:
    return RelativisticSettings(
        group=3,
        matcher=MatcherConfig(embedding_dim=8, channels=(16, 16), shuffle=8),
        generator=ResidualGeneratorConfig(embedding_dim=8, noise_dim=4, channels=(16,) * 4),
        discriminator=ProjectionDiscriminatorConfig(embedding_dim=8, channels=(16,) * 4),
        batch_size=N,
        learning_rate=0.01,
        **changes,
    )


@pytest.fixture
def batch() -> Batch:
    random = torch.Generator().manual_seed(1)
    labels = torch.tensor([[0, 1, 1, 0, 2, 0]])
    return Batch(
        voices=F.normalize(torch.randn(N, 8, generator=random), dim=1),
        voice_labels=labels,
        faces=torch.rand(N, 3, 64, 64, generator=random) * 2 - 1,
        face_labels=labels,
        voice_rows=torch.arange(N),
        face_rows=torch.arange(N),
        noise=torch.randn(N, 4, generator=random),
        augmentation=torch.rand(2, N, N_NUMBERS, generator=random),
    )


def step(stage: RelativisticSettings, batch: Batch, number: int = 0, count: int = 1):
    engine = Engine(accelerator="cpu")
    trainer = set_up_relativistic(stage, {}, 0, engine)
    for index in range(count):
        scalars = relativistic_step(trainer, batch, number + index)
    return trainer, scalars


def state(network) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in network.parameters()])


def test_the_first_losses_are_those_written_out(batch):
    stage = settings(augment_probability=0.0, penalty=0.7, penalty_steps=3, mismatched_weight=0.5)
    trainer = set_up_relativistic(stage, {}, 0, Engine(accelerator="cpu"))
    judge, real = trainer.discriminator, batch.faces.clone().requires_grad_()
    fake = trainer.generator(batch.voices, batch.noise).detach().requires_grad_()
    of_real, of_fake = (judge(faces, batch.voices[:, None])[:, 0] for faces in (real, fake))
    of_other = judge(real, batch.voices[OTHER][:, None])[:, 0]
    r1, r2 = losses.squared_gradient(of_real, real), losses.squared_gradient(of_fake, fake)
    scalars = relativistic_step(trainer, batch, 0)
    wanted = {
        "discriminator/adversarial_loss": F.softplus(of_fake - of_real).mean(),
        "discriminator/mismatched_loss": 0.5 * (F.softplus(of_other - of_real)[DIFFERS].sum() / N),
        "discriminator/real_squared_gradient": r1.mean(),
        "discriminator/fake_squared_gradient": r2.mean(),
    }
    for name, value in wanted.items():
        assert scalars[name].item() == pytest.approx(value.item(), rel=1e-4), name


def test_the_discriminators_step_descends_all_its_losses(batch):
    """Its gradient is that of both losses and of gamma / 2 (R1 + R2), as often as skipped."""
    stage = settings(augment_probability=0.0, penalty=0.7, penalty_steps=3)
    stage = dataclasses.replace(stage, betas=(0.0, 0.0), learning_rate=1e-3)
    engine = Engine(accelerator="cpu")
    trainer = set_up_relativistic(stage, {}, 0, engine)
    judge, real = trainer.discriminator, batch.faces.clone().requires_grad_()
    fake = trainer.generator(batch.voices, batch.noise).detach().requires_grad_()
    of_real, of_fake = (judge(faces, batch.voices[:, None])[:, 0] for faces in (real, fake))
    of_other = judge(real, batch.voices[OTHER][:, None])[:, 0]
    mismatched = F.softplus(of_other - of_real)[DIFFERS].sum() / N
    r1, r2 = losses.squared_gradient(of_real, real), losses.squared_gradient(of_fake, fake)
    loss = F.softplus(of_fake - of_real).mean() + 0.5 * mismatched
    loss = loss + 3 * 0.7 / 2 * (r1.mean() + r2.mean())
    gradients = torch.autograd.grad(loss, list(judge.parameters()))
    before = [p.detach().clone() for p in judge.parameters()]
    relativistic_step(trainer, batch, 0)
    # With both betas 0 a step is the sign of the gradient.
    for was, now, gradient in zip(before, judge.parameters(), gradients, strict=True):
        clear = gradient.abs() > 1e-5
        assert torch.equal((was - now).sign()[clear], gradient.sign()[clear])


def test_a_batch_of_one_label_has_no_mismatched_pair(batch):
    """Half of the speakers have one gender: such a batch is rare, and ends no run."""
    batch = dataclasses.replace(batch, voice_labels=torch.zeros_like(batch.voice_labels))
    trainer, scalars = step(settings(), batch)
    assert scalars["discriminator/mismatched_loss"] == 0
    assert all(torch.isfinite(value) for value in scalars.values())
    assert all(
        torch.isfinite(state(trainer.parts[name])).all() for name in ("generator", "matcher")
    )


def test_penalties_are_due_at_every_few_steps(batch):
    stage = settings(penalty_steps=3)
    due = ["discriminator/real_squared_gradient" in step(stage, batch, n)[1] for n in range(4)]
    assert due == [True, False, False, True]


def test_each_network_learns_from_its_own_losses_alone(batch):
    """Without its part the generator does not hear the matcher; nobody else learns from it."""
    with_matcher, _ = step(settings(matching_weight=1.0), batch)
    without, scalars = step(settings(matching_weight=0.0), batch)
    assert "generator/matching_loss" not in scalars
    assert not torch.equal(state(with_matcher.generator), state(without.generator))
    assert torch.equal(state(with_matcher.discriminator), state(without.discriminator))
    assert torch.equal(state(with_matcher.matcher), state(without.matcher))
    fresh = set_up_relativistic(settings(), {}, 0, Engine(accelerator="cpu"))
    for name in ("generator", "discriminator", "matcher"):
        moved = state(getattr(without, name)) - state(getattr(fresh, name))
        assert moved.abs().max() > 0


def test_the_matcher_learns_pairs_and_the_generator_follows(batch):
    _, first = step(settings(augment_probability=0.0), batch)
    _, later = step(settings(augment_probability=0.0, matching_weight=3.0), batch, count=40)
    assert later["matcher/accuracy"] == 1
    assert later["matcher/loss"] < first["matcher/loss"] / 4
    assert later["generator/matching_loss"] / 3 < 0.5


def test_the_learning_rate_falls_over_the_last_share_of_the_images():
    stage = Wen2019Settings(images=1000, lr_decay_fraction=0.25, learning_rate=0.02)
    found = [learning_rate(stage, images) for images in (0, 750, 875, 1000)]
    assert found == pytest.approx([0.02, 0.02, 0.01, 0])
    steady = dataclasses.replace(stage, lr_decay_fraction=0.0)
    assert learning_rate(steady, 999) == learning_rate(steady, 1000) == 0.02
    assert problems(dataclasses.replace(stage, lr_decay_fraction=25.0)) == [
        "lr_decay_fraction is 25.0: give a number of at least 0 and at most 1"
    ]


def test_noise_is_scaled_only_where_there_is_noise():
    (told,) = problems(dataclasses.replace(preset("modern-64").gan, noise_scale=0.0))
    assert told == "noise_scale is 0.0: give a number above 0 and at most 1"


PUBLISHED = Wen2019Settings(
    generator=GeneratorConfig(embedding_dim=8, channels=(16, 8, 8, 8, 8)),
    discriminator=DiscriminatorConfig(channels=(8,) * 5),
)


@pytest.mark.parametrize("game", ["wen2019", "relativistic"])
def test_at_a_rate_of_0_no_player_learns(batch, game):
    engine = Engine(accelerator="cpu")
    stage = settings() if game == "relativistic" else PUBLISHED
    trainer = OBJECTIVES[game](stage, {"label": 3}, 0, engine)
    trainer.set_learning_rate(0.0)
    networks = [part for part in trainer.parts.values() if isinstance(part, torch.nn.Module)]
    before = [state(network) for network in networks]
    trainer.step(batch, 0)
    assert all(map(torch.equal, before, map(state, networks)))


@pytest.mark.parametrize("size", [64, 128])
def test_modern_presets_differ_by_one_number(size):
    found = preset(f"modern-{size}")
    assert found.store.image_size_px == size
    assert isinstance(found.gan.generator, ResidualGeneratorConfig)
    assert found.gan.generator.image_size_px == size


def test_the_average_forgets_the_first_weights_soon(batch):
    """Its half-life is a twentieth of the images seen, until that is more than the settings'."""
    stage = dataclasses.replace(settings(), ema_half_life_images=500)
    trainer = set_up_relativistic(stage, {}, 0, Engine(accelerator="cpu"))
    assert [trainer.average_half_life(images) for images in (0, 2000, 20_000)] == [
        0,
        100,
        500,
    ]


def test_the_settings_choose_the_game_and_images_the_step(batch):
    stage = settings(penalty_steps=2)
    assert (stage.objective, Wen2019Settings().objective) == ("relativistic", "wen2019")
    trainer = OBJECTIVES[stage.objective](stage, {}, 0, Engine(accelerator="cpu"))
    penalised = [
        "discriminator/real_squared_gradient" in trainer.step(batch, step * N) for step in range(4)
    ]
    assert penalised == [True, False, True, False]
    assert isinstance(trainer, RelativisticTrainer)
