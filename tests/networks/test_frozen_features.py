"""The frozen network: what it sees and its gradients, against the same network in plain torch."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from voice2face.networks.feature_discriminator import (
    FeatureDiscriminator,
    FeatureDiscriminatorConfig,
)
from voice2face.networks.frozen_features import CHANNELS, FrozenFeatures
from voice2face.pretrained.efficientnet_lite import EfficientNetLite

BLOCKS = (3, 5, 11, 16)


def test_maps_and_gradients_are_those_of_plain_torch(lite0_weights):
    torch.manual_seed(0)
    plain, frozen = EfficientNetLite("a test", head=False).double(), FrozenFeatures().double()
    faces = (torch.rand(2, 3, 64, 64) * 2 - 1).double()
    one, other = faces.clone().requires_grad_(), faces.clone().requires_grad_()
    found = frozen(one)
    larger = F.interpolate(other, (128, 128), mode="nearest")
    wanted = [plain.maps((larger + 1) * 127.5, n_blocks) for n_blocks in BLOCKS]
    assert [tuple(maps.shape) for maps in found] == [
        (2, channels, side, side) for channels, side in zip(CHANNELS, (32, 16, 8, 4), strict=True)
    ]
    weights = [torch.randn_like(maps) for maps in wanted]
    for maps, of_plain in zip(found, wanted, strict=True):
        assert torch.allclose(maps, of_plain, atol=1e-9)
    for all_maps in (found, wanted):
        torch.stack(
            [(m * w).sum() for m, w in zip(all_maps, weights, strict=True)]
        ).sum().backward()
    assert one.grad is not None and other.grad is not None
    assert torch.allclose(
        one.grad, other.grad, rtol=1e-9, atol=1e-9 * other.grad.abs().max().item()
    )


def test_in_bfloat16_gradients_are_as_near_as_those_of_plain_torch(lite0_weights):
    torch.manual_seed(0)
    plain, frozen = EfficientNetLite("a test", head=False), FrozenFeatures()
    faces = torch.rand(2, 3, 128, 128) * 2 - 1
    weights = torch.randn(2, CHANNELS[1], 16, 16)

    def gradient(look, precise: bool) -> torch.Tensor:
        one = faces.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            maps = look(one)
        return torch.autograd.grad((maps.float() * weights).sum(), one)[0]

    def plainly(one):
        return plain.maps((one + 1) * 127.5, BLOCKS[1])

    exact = gradient(plainly, True)
    of_plain = (gradient(plainly, False) - exact).norm() / exact.norm()
    assert (
        gradient(lambda one: frozen(one)[1], False) - exact
    ).norm() / exact.norm() < 1.2 * of_plain


def test_nothing_frozen_is_learnt_or_saved(lite0_weights):
    judge = FeatureDiscriminator(FeatureDiscriminatorConfig(mixed=(8,) * 4, heads=(8,) * 3))
    assert not list(judge.features.parameters())
    assert not [name for name in judge.state_dict() if name.startswith("features")]


def test_the_classifier_takes_its_standards_from_real_faces_alone(lite0_weights):
    torch.manual_seed(0)
    judge = FeatureDiscriminator(FeatureDiscriminatorConfig(mixed=(8,) * 4, heads=(8,) * 3))
    with torch.no_grad():
        judge.classifier.weight.normal_()
        real, fake = (judge.look(torch.rand(4, 3, 64, 64) * 2 - 1) for _ in range(2))
        before = judge.classes(fake)
        assert torch.equal(judge.classes(fake), before)
        of_real, of_fake, classes = judge(real, fake)
        assert of_real.shape == of_fake.shape == (4, 4 * 16)
        assert torch.equal(judge.classes(real), classes)
        assert not torch.allclose(judge.classes(fake), before)
        deviation = judge.standard.running_var
    described = torch.cat(
        [F.adaptive_avg_pool2d(real[2], 4).flatten(1), real[3].mean(dim=(2, 3))], dim=1
    )
    assert deviation is not None and torch.allclose(deviation, described.var(dim=0), atol=1e-5)
