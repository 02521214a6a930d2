"""The step of the game against the algorithm written out as the paper lists it."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from voice2face.networks import DiscriminatorConfig, GeneratorConfig
from voice2face.training.engine import Engine
from voice2face.training.presets import GanSettings
from voice2face.training.steps import (
    Batch,
    classifier_step,
    discriminator_step,
    generator_step,
    set_up_players,
)

N, LABELS = 6, 3


@pytest.fixture
def players():
    stage = GanSettings(
        generator=GeneratorConfig(embedding_dim=8, channels=(12, 8, 8, 6, 4)),
        discriminator=DiscriminatorConfig(channels=(4, 6, 8, 8, 8), variant="authors"),
        initialisation="he",
        learning_rate=0.01,
    )
    return set_up_players(stage, {"classifier": LABELS}, 0, Engine(accelerator="cpu"))


@pytest.fixture
def batch() -> Batch:
    random = torch.Generator().manual_seed(1)
    return Batch(
        voices=F.normalize(torch.randn(N, 8, generator=random), dim=1),
        voice_labels=torch.randint(LABELS, (1, N), generator=random),
        faces=torch.rand(N, 3, 64, 64, generator=random) * 2 - 1,
        face_labels=torch.randint(LABELS, (1, N), generator=random),
        voice_rows=torch.arange(N),
        face_rows=torch.arange(N),
    )


def as_listed(players, batch: Batch) -> tuple[dict[str, float], list[torch.Tensor]]:
    """Steps 2 to 4 on copies in double precision, a pass for each sum, with torch's own Adam."""
    generator, discriminator = (
        copy.deepcopy(network).double() for network in (players.generator, players.discriminator)
    )
    optimizers = [
        torch.optim.Adam(network.parameters(), 0.01, (0.5, 0.999))
        for network in (discriminator, generator)
    ]
    voices, faces = batch.voices.double(), batch.faces.double()
    real = -torch.log(discriminator(faces)[0].sigmoid()).mean()
    fake = -torch.log(1 - discriminator(generator(voices))[0].sigmoid()).mean()
    classes = F.cross_entropy(discriminator(faces)[1], batch.face_labels[0])
    (real + fake + classes).backward()
    optimizers[0].step()
    generator.zero_grad()  # of step 2, which F_g has no part in
    adversarial = -torch.log(discriminator(generator(voices))[0].sigmoid()).mean()
    of_voices = F.cross_entropy(discriminator(generator(voices))[1], batch.voice_labels[0])
    (adversarial + of_voices).backward()
    optimizers[1].step()
    scalars = {
        "discriminator/real_loss": real.item(),
        "discriminator/fake_loss": fake.item(),
        "classifier/loss": classes.item(),
        "generator/adversarial_loss": adversarial.item(),
        "generator/class_loss": of_voices.item(),
    }
    return scalars, [*discriminator.parameters(), *generator.parameters()]


def test_a_step_is_the_algorithm_as_listed(players, batch):
    """Sharing a pass between real and fake, and the faces between both updates, changes nothing."""
    engine = Engine(accelerator="cpu")
    before = [
        p.detach().double()
        for network in (players.discriminator, players.generator)
        for p in network.parameters()
    ]
    expected, weights = as_listed(players, batch)
    fake = players.called_generator(batch.voices)
    scalars = discriminator_step(players, fake, batch, engine)
    scalars |= generator_step(players, fake, batch, "non_saturating", engine)
    for name, value in expected.items():
        assert scalars[name].item() == pytest.approx(value, rel=1e-5), name
    after = [*players.discriminator.parameters(), *players.generator.parameters()]
    moved = torch.cat([(now - was).flatten() for now, was in zip(after, before, strict=True)])
    wanted = torch.cat([(now - was).flatten() for now, was in zip(weights, before, strict=True)])
    assert wanted.norm() > 0
    assert (moved - wanted).norm() < 1e-2 * wanted.norm()


def test_a_step_computes_no_gradient_that_it_does_not_use(players, batch):
    engine = Engine(accelerator="cpu")
    fake = players.called_generator(batch.voices)
    discriminator_step(players, fake, batch, engine)
    assert all(p.grad is None for p in players.generator.parameters())
    gradients = [p.grad.clone() for p in players.discriminator.parameters()]
    generator_step(players, fake, batch, "non_saturating", engine)
    kept = [p.grad for p in players.discriminator.parameters()]
    assert all(torch.equal(now, was) for now, was in zip(kept, gradients, strict=True))
    assert all(p.requires_grad for p in players.discriminator.parameters())


def test_the_classifier_alone_leaves_the_generator_and_its_rival_head(players, batch):
    generator = copy.deepcopy(players.generator.state_dict())
    head = players.discriminator.heads.real.weight.detach().clone()
    trunk = players.discriminator.trunk[0].weight.detach().clone()
    classifier_step(players, batch, Engine(accelerator="cpu"))
    after = players.generator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in generator.items())
    assert torch.equal(players.discriminator.heads.real.weight, head)
    assert not torch.equal(players.discriminator.trunk[0].weight, trunk)


def test_the_generator_waits_until_the_classifier_has_seen_so_many_images(players, batch):
    stage, engine = GanSettings(classifier_first_images=12), Engine(accelerator="cpu")
    before = copy.deepcopy(players.generator.state_dict())

    def is_as_before() -> bool:
        after = players.generator.state_dict()
        return all(torch.equal(value, after[name]) for name, value in before.items())

    assert set(players.step(batch, 11, stage, engine)) == {
        "classifier/loss",
        "classifier/accuracy",
    }
    assert is_as_before()
    assert "generator/adversarial_loss" in players.step(batch, 12, stage, engine)
    assert not is_as_before()
    assert players.average_half_life(12, stage) == stage.ema_half_life_images
