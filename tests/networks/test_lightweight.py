"""The generator whose classes differ by normalisation: what class and noise can do to a face."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from voice2face.networks.lightweight_generator import (
    ClassBatchNorm,
    LightweightGenerator,
    LightweightGeneratorConfig,
)

SMALL = LightweightGeneratorConfig(
    embedding_dim=8, noise_dim=6, channels=(16, 16, 8, 8, 8), depth=(1, 0, 0, 1, 0)
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def learnt(norm: ClassBatchNorm) -> ClassBatchNorm:
    """With gains and biases that differ by class."""
    with torch.no_grad():
        norm.gain.uniform_(0.5, 2.0)
        norm.bias.normal_()
    return norm


def test_in_training_each_class_is_normalised_as_torch_normalises_it_alone():
    norm, labels = learnt(ClassBatchNorm(3, 2)), torch.tensor([0, 1, 1, 0, 1])
    # Classes of different mean and deviation.
    maps = torch.randn(5, 3, 4, 4) * (1 + labels)[:, None, None, None] + 3 * labels.view(5, 1, 1, 1)
    found = norm(maps, F.one_hot(labels, 2).float())
    for label in (0, 1):
        mean, variance = torch.zeros(3), torch.ones(3)
        wanted = F.batch_norm(
            maps[labels == label], mean, variance, norm.gain[label], norm.bias[label], True, 0.1
        )
        assert torch.allclose(found[labels == label], wanted, atol=1e-5)
        assert torch.allclose(norm.running_mean[label], mean, atol=1e-6)
        # torch's running variance is the unbiased one.
        n = 16 * (labels == label).sum()
        assert torch.allclose(norm.running_var[label], 0.9 + (variance - 0.9) * (n - 1) / n)


def test_a_class_that_the_batch_lacks_keeps_its_statistics():
    norm = ClassBatchNorm(3, 2)
    norm(torch.randn(4, 3, 2, 2) + 5, F.one_hot(torch.zeros(4, dtype=torch.long), 2).float())
    assert (norm.running_mean[0] > 0.3).all()
    assert torch.equal(norm.running_mean[1], torch.zeros(3))
    assert torch.equal(norm.running_var[1], torch.ones(3))


def test_in_use_a_doubtful_voice_gets_each_class_as_far_as_it_is_probable():
    norm = learnt(ClassBatchNorm(3, 2)).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    maps = torch.randn(1, 3, 4, 4)
    woman, man = (norm(maps, torch.tensor([sure])) for sure in ([1.0, 0.0], [0.0, 1.0]))
    wanted = F.batch_norm(
        maps, norm.running_mean[0], norm.running_var[0], norm.gain[0], norm.bias[0]
    )
    assert torch.allclose(woman, wanted, atol=1e-5)
    mixed = norm(maps, torch.tensor([[0.3, 0.7]]))
    assert torch.allclose(mixed, 0.3 * woman + 0.7 * man, atol=1e-5)


def test_a_class_cannot_silence_the_noise():
    """What the first normalisation sees of either class is the variance of the noise alone."""
    generator = LightweightGenerator(SMALL)
    with torch.no_grad():
        for layer in generator.modules():
            if isinstance(layer, ClassBatchNorm):
                learnt(layer)
        for _ in range(100):
            voices = F.normalize(torch.randn(64, 8), dim=1)
            generator(voices, torch.randn(64, 6), torch.randint(2, (64,)))
        # Independent numbers of variance 1 in, the mean over 4x4 places out.
        wanted = generator.begin.weight.square().sum(dim=1).unflatten(0, (-1, 16)).mean(dim=1)
        found = generator.begin_norm.running_var
        assert torch.allclose(found, wanted.expand(2, -1), rtol=0.25)
        generator.eval()
        noise = torch.randn(64, 6)
        for weights in torch.eye(2):
            faces = generator.draw(weights.expand(64, -1), noise)
            assert (faces.std(dim=0) > 0).all()


def test_before_classes_are_learnt_any_voice_gives_the_same_face():
    generator = LightweightGenerator(SMALL).eval()
    voices, noise = F.normalize(torch.randn(4, 8), dim=1), torch.randn(4, 6)
    assert torch.equal(generator(voices, noise), generator(voices.flip(0), noise))


def test_with_labels_the_class_is_theirs_and_what_was_heard_is_told():
    generator = LightweightGenerator(SMALL).eval()
    with torch.no_grad():
        generator.hear.weight.normal_()
        for layer in generator.modules():
            if isinstance(layer, ClassBatchNorm):
                learnt(layer)
    voices, noise = F.normalize(torch.randn(2, 8), dim=1), torch.randn(2, 6)
    faces, heard = generator(voices, noise, torch.tensor([0, 1]))
    assert torch.equal(heard, generator.classes(voices))
    assert torch.equal(faces, generator.draw(torch.eye(2), noise))
    assert torch.equal(generator(voices, noise), generator.draw(heard.softmax(dim=1), noise))
    assert faces.shape == (2, 3, 64, 64) and faces.abs().max() <= 1
