"""The step of the game against the algorithm written out as the paper lists it."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F

from voice2face.networks.discriminator import DiscriminatorConfig
from voice2face.networks.generator import GeneratorConfig
from voice2face.training.engine import Engine
from voice2face.training.gan.wen2019 import (
    Batch,
    classifier_step,
    discriminator_step,
    generator_step,
    set_up_wen2019,
)
from voice2face.training.presets import Wen2019Settings

N, LABELS = 6, 3


@pytest.fixture
def trainer():
    stage = Wen2019Settings(
        generator=GeneratorConfig(embedding_dim=8, channels=(12, 8, 8, 6, 4)),
        discriminator=DiscriminatorConfig(channels=(4, 6, 8, 8, 8), variant="authors"),
        initialisation="he",
        learning_rate=0.01,
    )
    return set_up_wen2019(stage, {"classifier": LABELS}, 0, Engine(accelerator="cpu"))


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


def as_listed(trainer, batch: Batch) -> tuple[dict[str, float], list[torch.Tensor]]:
    """Steps 2 to 4 on copies in double precision, a pass for each sum, with torch's own Adam."""
    generator, discriminator = (
        copy.deepcopy(network).double() for network in (trainer.generator, trainer.discriminator)
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


def test_a_step_is_the_algorithm_as_listed(trainer, batch):
    """Sharing a pass between real and fake, and the faces between both updates, changes nothing."""
    before = [
        p.detach().double()
        for network in (trainer.discriminator, trainer.generator)
        for p in network.parameters()
    ]
    expected, weights = as_listed(trainer, batch)
    fake = trainer.called_generator(batch.voices)
    scalars = discriminator_step(trainer, fake, batch)
    scalars |= generator_step(trainer, fake, batch)
    for name, value in expected.items():
        assert scalars[name].item() == pytest.approx(value, rel=1e-5), name
    after = [*trainer.discriminator.parameters(), *trainer.generator.parameters()]
    moved = torch.cat([(now - was).flatten() for now, was in zip(after, before, strict=True)])
    wanted = torch.cat([(now - was).flatten() for now, was in zip(weights, before, strict=True)])
    assert wanted.norm() > 0
    assert (moved - wanted).norm() < 1e-2 * wanted.norm()


def test_a_step_computes_no_gradient_that_it_does_not_use(trainer, batch):
    fake = trainer.called_generator(batch.voices)
    discriminator_step(trainer, fake, batch)
    assert all(p.grad is None for p in trainer.generator.parameters())
    gradients = [p.grad.clone() for p in trainer.discriminator.parameters()]
    generator_step(trainer, fake, batch)
    kept = [p.grad for p in trainer.discriminator.parameters()]
    assert all(torch.equal(now, was) for now, was in zip(kept, gradients, strict=True))
    assert all(p.requires_grad for p in trainer.discriminator.parameters())


def test_the_classifier_alone_leaves_the_generator_and_its_rival_head(trainer, batch):
    generator = copy.deepcopy(trainer.generator.state_dict())
    head = trainer.discriminator.heads.real.weight.detach().clone()
    trunk = trainer.discriminator.trunk[0].weight.detach().clone()
    classifier_step(trainer, batch)
    after = trainer.generator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in generator.items())
    assert torch.equal(trainer.discriminator.heads.real.weight, head)
    assert not torch.equal(trainer.discriminator.trunk[0].weight, trunk)


def test_the_generator_waits_until_the_classifier_has_seen_so_many_images(trainer, batch):
    settings = dataclasses.replace(trainer.settings, classifier_first_images=12)
    trainer = dataclasses.replace(trainer, settings=settings)
    before = copy.deepcopy(trainer.generator.state_dict())

    def is_as_before() -> bool:
        after = trainer.generator.state_dict()
        return all(torch.equal(value, after[name]) for name, value in before.items())

    assert set(trainer.step(batch, 11)) == {
        "classifier/loss",
        "classifier/accuracy",
    }
    assert is_as_before()
    assert "generator/adversarial_loss" in trainer.step(batch, 12)
    assert not is_as_before()
    assert trainer.average_half_life(12) == settings.ema_half_life_images
