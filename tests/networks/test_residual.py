"""The modern networks: shapes, what they begin as, and what voice and noise do to them."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from voice2face.networks.matcher import Matcher, MatcherConfig
from voice2face.networks.projection_discriminator import (
    ProjectionDiscriminator,
    ProjectionDiscriminatorConfig,
)
from voice2face.networks.residual import Modulation, ResidualBlock, initialise_residual
from voice2face.networks.residual_generator import ResidualGenerator, ResidualGeneratorConfig

SMALL = (32, 32, 32, 16)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def voices(count: int, dim: int = 64) -> torch.Tensor:
    return F.normalize(torch.randn(count, dim), dim=1)


@pytest.mark.parametrize(("shuffle", "channels", "size"), [(2, SMALL, 64), (4, SMALL, 128)])
def test_one_number_doubles_the_face(shuffle, channels, size):
    config = ResidualGeneratorConfig(channels=channels, shuffle=shuffle)
    faces = ResidualGenerator(config)(voices(2), torch.randn(2, 64))
    assert config.image_size_px == size
    assert faces.shape == (2, 3, size, size)
    judge = ProjectionDiscriminator(
        ProjectionDiscriminatorConfig(channels=channels[::-1], shuffle=shuffle)
    )
    assert judge(faces, voices(2)[:, None]).shape == (2, 1)
    matcher = Matcher(MatcherConfig(channels=(16, 32, 32), shuffle=2 * shuffle))
    assert matcher(faces, voices(5)).shape == (2, 5)


def test_a_block_begins_as_the_identity_and_learns_from_the_first_step():
    block = ResidualBlock(32, group_size=16)
    initialise_residual(block)
    maps = torch.randn(2, 32, 8, 8)
    assert torch.equal(block(maps), maps)
    block(maps).square().sum().backward()
    assert block.leave.weight.grad is not None and block.leave.weight.grad.abs().max() > 0
    assert block.mix.weight.shape == (32, 16, 3, 3)  # each of the 32 sees its group of 16


def test_modulation_scales_and_shifts_each_map():
    modulation = Modulation(1, 2)
    with torch.no_grad():
        modulation.affine.weight.copy_(torch.tensor([[1.0], [0.0], [0.0], [5.0]]))
        modulation.affine.bias.zero_()
    maps = torch.ones(1, 2, 3, 3)
    found = modulation(maps, torch.tensor([[2.0]]))
    assert torch.equal(found[0, 0], torch.full((3, 3), 3.0))  # 1 * (1 + 2)
    assert torch.equal(found[0, 1], torch.full((3, 3), 11.0))  # 1 * (1 + 0) + 10


def test_voice_and_noise_both_change_the_face():
    generator = ResidualGenerator(ResidualGeneratorConfig(channels=SMALL))
    voice, noise = voices(2), torch.randn(2, 64)
    faces = generator(voice, noise)
    by_noise = (generator(voice, noise.flip(0)) - faces).square().mean()
    by_voice = (generator(voice.flip(0), noise) - faces).square().mean()
    # Both enter at unit variance, so neither drowns the other.
    assert 0.3 < by_voice / by_noise < 3
    assert 0.1 < faces.std() < 3


def test_the_discriminator_judges_several_voices_as_it_would_each():
    judge = ProjectionDiscriminator(ProjectionDiscriminatorConfig(channels=SMALL[::-1]))
    faces, several = torch.randn(3, 3, 64, 64), voices(6).view(3, 2, 64)
    together = judge(faces, several)
    for index in range(2):
        alone = judge(faces, several[:, index, None])[:, 0]
        # Sums of 64 terms about 1, maybe in another order: 64 x 2^-24, a hundredth of the
        # difference between voices that is asked for below.
        assert torch.allclose(together[:, index], alone, atol=1e-5)
    assert (together[:, 0] - together[:, 1]).abs().min() > 1e-3


def test_the_matcher_gives_cosines_over_the_temperature():
    matcher = Matcher(MatcherConfig(channels=(16, 32), shuffle=8, temperature=0.2))
    found = matcher(torch.randn(4, 3, 64, 64), voices(6))
    assert found.abs().max() <= 5 + 1e-5
    with torch.no_grad():
        matcher.log_scale.fill_(100.0)
    assert matcher(torch.randn(4, 3, 64, 64), voices(6)).abs().max() <= 100
