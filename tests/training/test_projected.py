"""The game of frozen features: its losses by hand, and what a step and a collapse do."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F

from voice2face.errors import ConfigError, DataError
from voice2face.networks.artifact_score import ArtifactScore
from voice2face.networks.feature_discriminator import FeatureDiscriminatorConfig
from voice2face.networks.lightweight_generator import (
    ClassBatchNorm,
    LightweightGenerator,
    LightweightGeneratorConfig,
    take_statistics,
)
from voice2face.ranges import problems
from voice2face.training.engine import Engine
from voice2face.training.gan import losses
from voice2face.training.gan.differentiable_augment import N_NUMBERS, augment
from voice2face.training.gan.face_codes import FaceCodes
from voice2face.training.gan.projected import (
    ProjectedSettings,
    ProjectedTrainer,
    copying_step,
    projected_step,
    set_up_projected,
)
from voice2face.training.gan.stage import OBJECTIVES
from voice2face.training.gan.trainer import Batch, update_average
from voice2face.training.gan.voice_classes import fit_classes
from voice2face.training.presets import preset

N = 6
LABELS = [0, 1, 1, 0, 1, 0]


def settings(**changes) -> ProjectedSettings:
    changes = {"code_length": 2} | changes
    return ProjectedSettings(
        generator=LightweightGeneratorConfig(
            embedding_dim=8, noise_dim=4, channels=(16, 8, 8, 8, 8)
        ),
        discriminator=FeatureDiscriminatorConfig(mixed=(8,) * 4, heads=(8,) * 3),
        batch_size=N,
        learning_rate=1e-3,
        betas=(0.0, 0.0),
        **changes,
    )


@pytest.fixture
def batch(lite0_weights) -> Batch:
    random = torch.Generator().manual_seed(1)
    labels = torch.tensor([LABELS])
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


def set_up(stage: ProjectedSettings) -> ProjectedTrainer:
    engine = Engine(accelerator="cpu")
    return set_up_projected(stage, {"classifier": 2}, 0, engine)


def test_the_preset_plays_this_game():
    stage = preset("projected-64").gan
    assert stage.objective == "projected" and OBJECTIVES[stage.objective] is set_up_projected
    assert stage.generator.image_size_px == 64


def test_the_losses_are_those_written_out(batch):
    # Nothing moves, and spectral normalisation does not go on.
    stage = dataclasses.replace(
        settings(augment_probability=0.0, class_weight=0.7, artifact_weight=2.5, coded_share=0.0),
        learning_rate=0.0,
    )
    trainer = set_up(stage)
    judge = trainer.discriminator.eval()
    with torch.no_grad():
        judge.classifier.weight.normal_(std=0.01)
        trainer.generator.hear.weight.normal_()
    labels = batch.voice_labels[0]
    faces, heard = trainer.generator(batch.voices, batch.noise, labels)
    real, fake = judge.look(batch.faces), judge.look(faces)
    of_real, of_fake = judge.judge(real), judge.judge(fake)
    scalars = projected_step(trainer, batch)
    for name, value in {
        "discriminator/real_loss": (1 - of_real).clamp(min=0).mean(),
        "discriminator/fake_loss": (1 + of_fake).clamp(min=0).mean(),
        "classifier/loss": F.cross_entropy(judge.classes(real), labels),
        "generator/adversarial_loss": -of_fake.mean(),
        "generator/class_loss": 0.7 * F.cross_entropy(judge.classes(fake), labels),
        "generator/artifact_loss": 2.5 * (ArtifactScore()(fake) - 0.1).clamp(min=0).mean(),
        "voice/loss": F.cross_entropy(heard, labels),
    }.items():
        assert scalars[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5), name


def test_a_step_moves_heads_classifier_and_generator_alone(batch):
    trainer = set_up(settings())
    parts = (trainer.generator, trainer.discriminator)
    before = [{n: value.detach().clone() for n, value in p.named_parameters()} for p in parts]
    frozen = [value.clone() for value in trainer.discriminator.features.buffers()]
    projected_step(trainer, batch)
    heads = trainer.discriminator.heads
    # Of either class, and real and drawn within the hinge, there are as many: their gradient is 0.
    balanced = {"hear.bias", *(f"heads.{n}.{len(head) - 1}.bias" for n, head in enumerate(heads))}
    for part, was in zip(parts, before, strict=True):
        for name, value in part.named_parameters():
            assert name in balanced or not torch.equal(value, was[name]), name
            assert value.requires_grad
    for value, was in zip(trainer.discriminator.features.buffers(), frozen, strict=True):
        assert torch.equal(value, was)


def test_the_generators_step_descends_what_the_new_judge_says(batch):
    stage = dataclasses.replace(
        settings(augment_probability=0.0, coded_share=0.0), learning_rate=1e-4
    )
    trainer = set_up(stage)

    def loss() -> float:
        with torch.no_grad():
            faces, _ = trainer.generator(batch.voices, batch.noise, batch.voice_labels[0])
            maps = trainer.discriminator.look(faces)
            classes = F.cross_entropy(trainer.discriminator.classes(maps), batch.voice_labels[0])
            return (classes - trainer.discriminator.judge(maps).mean()).item()

    state = {name: value.clone() for name, value in trainer.generator.state_dict().items()}
    for _ in range(30):
        loss()  # spectral normalisation converges
    trainer.optimizer_d.param_groups[0]["lr"] = 0.0
    projected_step(trainer, batch)
    after = loss()
    trainer.generator.load_state_dict(state)
    assert after < loss()


def test_the_generators_step_makes_faces_less_broken(batch):
    stage = settings(augment_probability=0.0, coded_share=0.0, artifact_weight=1e6)
    trainer = set_up(dataclasses.replace(stage, learning_rate=1e-4))

    def score() -> float:
        with torch.no_grad():
            faces, _ = trainer.generator(batch.voices, batch.noise, batch.voice_labels[0])
            return trainer.artifacts(trainer.discriminator.look(faces)).mean().item()

    before = score()
    projected_step(trainer, batch)
    assert score() < before


def test_codes_are_components_of_unit_variance_that_do_not_tell_the_class():
    torch.manual_seed(0)
    labels = torch.arange(400) % 2
    faces = (torch.randn(400, 3, 2, 2).repeat_interleave(32, 2).repeat_interleave(32, 3)) / 4
    faces += labels[:, None, None, None]
    faces[:, 1] *= 3  # green differs most
    codes = FaceCodes(4, 2)
    codes.fit([(faces[:150], labels[:150]), (faces[150:], labels[150:])])
    found = codes(faces, labels)
    assert torch.allclose(found.square().sum(dim=1), torch.tensor(4.0))
    pixels = F.adaptive_avg_pool2d(faces, 32).flatten(1)
    plain = (pixels - codes.means[labels]) @ codes.directions
    both = torch.cat([plain, codes_of_mirrored(codes, faces, labels)])
    assert torch.allclose(both.T @ both / len(both), torch.eye(4), atol=1e-3)
    for label in (0, 1):
        of_class = torch.cat([part[labels == label] for part in both.chunk(2)])
        assert of_class.mean(dim=0).abs().max() < 1e-3
    # The first ones tell of green.
    green = codes.directions[:, 0].unflatten(0, (3, -1)).square().sum(dim=1)
    assert green[1] > 0.9 * green.sum()


def codes_of_mirrored(codes: FaceCodes, faces, labels):
    pixels = F.adaptive_avg_pool2d(faces.flip(3), 32).flatten(1)
    return (pixels - codes.means[labels]) @ codes.directions


def test_copying_draws_faces_nearer_to_those_that_codes_are_of(batch):
    stage = settings(copied_images=100)
    trainer = set_up(stage)
    # Of 4x4 squares, which can be learnt in a few steps.
    squares = F.interpolate(F.adaptive_avg_pool2d(8 * batch.faces, 4), (64, 64)).clamp(-1, 1)
    batch = dataclasses.replace(batch, faces=squares)
    trainer.codes.fit([(batch.faces, batch.voice_labels[0])])
    judge = [value.detach().clone() for value in trainer.discriminator.parameters()]
    found = []
    for step in range(20):
        trainer.set_learning_rate(stage.learning_rate)
        scalars = trainer.step(batch, step)
        found.append([scalars[f"generator/{of}_loss"].item() for of in ("copying", "perceptual")])
    (copying, perceptual), last = found[0], found[-1]
    assert last[0] < copying and last[1] < 0.9 * perceptual
    assert all(map(torch.equal, judge, trainer.discriminator.parameters()))
    again = copying_step(trainer, batch, 20)
    assert again["generator/copying_loss"].item() < found[0][0]


def test_afterwards_a_share_of_faces_is_compared_with_those_their_codes_are_of(batch):
    stage = dataclasses.replace(
        settings(coded_share=0.5, likeness_weight=2.0, perceptual_weight=4.0), learning_rate=0.0
    )
    trainer = set_up(stage)
    labels = batch.voice_labels[0]
    trainer.codes.fit([(batch.faces, labels)])
    noise = batch.noise.clone()
    noise[:3, :2] = trainer.codes(batch.faces[:3], labels[:3])
    faces, _ = trainer.generator(batch.voices, noise, labels)
    difference = F.adaptive_avg_pool2d(faces[:3] - batch.faces[:3], 8)
    fake, real = (
        trainer.discriminator.look(
            augment(of[:3], batch.augmentation[0, :3], stage.augment_probability)
        )
        for of in (faces, batch.faces)
    )
    perceptual = sum(
        (one - other).abs().mean().item() / magnitude
        for one, other, magnitude in zip(fake, real, (8.3, 7.6, 7.3, 2.7), strict=True)
    )
    scalars = projected_step(trainer, batch)
    wanted = 2 * difference.square().mean().item()
    assert scalars["generator/likeness_loss"].item() == pytest.approx(wanted, rel=1e-4)
    assert scalars["generator/perceptual_loss"].item() == pytest.approx(4 * perceptual, rel=1e-4)


def test_deviation_is_within_a_class():
    faces = torch.zeros(4, 3, 2, 2)
    faces[2:] = 1  # classes differ, faces of one do not
    assert losses.within_class_deviation(faces, torch.tensor([0, 0, 1, 1])) == 0
    # By 1 in one class, so that the deviation is 1 / sqrt(2); by nothing in the other.
    found = losses.within_class_deviation(faces, torch.tensor([0, 1, 0, 1]))
    assert found.item() == pytest.approx(0.5**0.5)
    faces[:2] = 0.5
    found = losses.within_class_deviation(faces, torch.tensor([0, 0, 1, 0]))
    assert found.item() == pytest.approx(
        (1 / 12) ** 0.5
    )  # of 0.5, 0.5 and 1; one of 1 does not count


def test_a_collapse_stops_a_run_and_says_what_to_do(batch):
    stage = settings(collapse_images=100)
    trainer = set_up(stage)
    with torch.no_grad():
        for layer in trainer.average.modules():
            if isinstance(layer, ClassBatchNorm):
                layer.gain.zero_()
    found = trainer.check([batch, batch], 99)
    assert found["within_class/generated"] == 0
    assert found["within_class/real"] > 0.4  # of numbers uniform in [-1, 1]
    with pytest.raises(DataError, match=r"collapsed: after 100 images.*lower gan.learning_rate"):
        trainer.check([batch, batch], 100)


def test_the_average_has_running_statistics_of_its_own(batch):
    trainer = set_up(settings())
    trainer.generator(batch.voices, batch.noise, batch.voice_labels[0])
    mean = trainer.generator.begin_norm.running_mean
    assert mean.abs().max() > 0
    update_average(trainer.average, trainer.generator, 0.75)
    assert torch.allclose(trainer.average.begin_norm.running_mean, 0.25 * mean)


def test_the_average_has_its_full_half_life_at_once_if_the_ramp_is_0(lite0_weights):
    for ramp, expected in ((0.05, 100), (0.0, 500)):
        trainer = set_up(settings(ema_half_life_images=500, ema_ramp=ramp))
        assert trainer.average_half_life(2000) == expected


def test_what_cannot_be_is_refused():
    (told,) = problems(settings(code_length=5))
    assert "code_length is 5: give at most gan.generator.noise_dim, 4" in told
    assert problems(settings()) == problems(settings(redraws=3)) == []
    small = LightweightGeneratorConfig(channels=(16, 8, 8, 8), depth=(0,) * 4)
    (told,) = problems(dataclasses.replace(settings(redraws=3), generator=small))
    assert "sees faces of 64 pixels or a multiple, and gan.generator draws 32; give 0" in told
    with pytest.raises(ConfigError, match=r"9 labels.*pair by gender"):
        set_up_projected(settings(), {"classifier": 9}, 0, Engine(accelerator="cpu"))


def test_at_a_rate_of_0_no_player_learns(batch):
    trainer = set_up(settings())
    trainer.set_learning_rate(0.0)
    networks = (trainer.generator, trainer.discriminator)
    before = [[p.detach().clone() for p in network.parameters()] for network in networks]
    for images in (0, settings().copied_images):
        trainer.step(batch, images)
    for network, was in zip(networks, before, strict=True):
        assert all(map(torch.equal, was, network.parameters()))


def test_an_average_takes_the_statistics_of_its_own_maps(batch):
    trainer = set_up(settings())
    average = trainer.average
    for layer in average.modules():
        if isinstance(layer, ClassBatchNorm):
            layer.running_mean.fill_(7.0)
    given = batch.voices, batch.noise, batch.voice_labels[0]
    with torch.no_grad():
        before, _ = average(*given)
        take_statistics(average, *(torch.cat([one, one]) for one in given))
        found, _ = average(*given)
        # Of two batches that are alike, the statistics are those of one.
        wanted, _ = copy.deepcopy(average).train()(*given)
    assert not average.training
    # A variance as mean square less squared mean loses some digits of float32.
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    assert (before - found).abs().mean() > 100 * (found - wanted).abs().mean()
    assert {layer.momentum for layer in average.modules() if isinstance(layer, ClassBatchNorm)} == {
        0.1
    }


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_class_of_a_voice_is_read_from_the_start(n_classes):
    random = torch.Generator().manual_seed(2)
    labels = torch.arange(300) % n_classes
    middles = torch.randn(n_classes, 8, generator=random)
    voices = F.normalize(middles[labels] + 0.1 * torch.randn(300, 8, generator=random), dim=1)
    config = dataclasses.replace(settings().generator, n_classes=n_classes)
    generator = LightweightGenerator(config)
    torch.nn.init.normal_(generator.hear.weight, std=10.0)  # what another encoder's voices taught
    fit_classes([generator], voices, labels)
    with torch.no_grad():
        logits = generator.classes(voices)
    assert (logits.argmax(dim=1) == labels).all()
    # At the least of a penalised loss, each class is as probable on the whole as it is frequent.
    shares = logits.softmax(dim=1).mean(dim=0)
    torch.testing.assert_close(shares, torch.full((n_classes,), 1 / n_classes), rtol=0, atol=1e-3)
    # There, too, the pull of the voices is that of the penalty, of the one logit of two classes or
    # of all; the solver stops at a mean gradient of 1e-4.
    pull = (8**0.5 * voices).T @ (logits.softmax(dim=1) - F.one_hot(labels, n_classes))
    penalty = (2 if n_classes == 2 else 1) * generator.hear.weight.detach().T
    torch.testing.assert_close(pull, -penalty, rtol=0, atol=1e-4 * 300)


def test_where_a_class_has_no_voice_the_layer_stays():
    generator = LightweightGenerator(dataclasses.replace(settings().generator, n_classes=2))
    torch.nn.init.normal_(generator.hear.weight)
    before = generator.hear.weight.clone()
    fit_classes([generator], F.normalize(torch.ones(4, 8), dim=1), torch.zeros(4, dtype=torch.long))
    assert torch.equal(generator.hear.weight, before)
