"""Losses of speaker identification against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from voice2face.training.speaker.losses import (
    SPEAKER_LOSSES,
    aam_logits,
    additive_angular_margin,
    softmax,
)


def at_degrees(*degrees: float, length: float = 1.0) -> torch.Tensor:
    """Vectors of the plane, in float64 so that the reference is exact."""
    angles = np.radians(degrees)
    return torch.from_numpy(length * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def test_softmax_by_hand():
    embedding = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    # Logits: 1 2 3 with label 2, and 0 -1 -1 with label 1.
    first = math.log(math.exp(1) + math.exp(2) + math.exp(3)) - 3
    second = math.log(1 + 2 * math.exp(-1)) + 1
    loss = softmax(embedding, weight, torch.tensor([2, 1]))
    assert loss.item() == pytest.approx((first + second) / 2)


def test_a_margin_is_added_to_the_angle_of_the_label_alone():
    """30 degrees from its speaker, 60 from the other; a margin of 15 makes it 45."""
    margin = math.radians(15)
    logits = aam_logits(
        at_degrees(30, length=7), at_degrees(0, 90, length=0.3), torch.tensor([0]), margin, 10.0
    )
    wanted = [10 * math.cos(math.radians(45)), 10 * math.cos(math.radians(60))]
    assert logits[0].tolist() == pytest.approx(wanted)
    loss = additive_angular_margin(
        at_degrees(30), at_degrees(0, 90), torch.tensor([0]), margin, 10.0
    )
    assert loss.item() == pytest.approx(math.log(1 + math.exp(wanted[1] - wanted[0])))


def test_past_half_a_turn_the_cosine_goes_on_falling():
    margin = math.radians(30)
    degrees = [140, 149, 151, 170, 179]
    logits = aam_logits(
        at_degrees(*degrees), at_degrees(0, 90), torch.zeros(5, dtype=torch.long), margin, 1.0
    )[:, 0]
    before = [math.cos(math.radians(degree + 30)) for degree in degrees[:2]]
    after = [math.cos(math.radians(degree)) - margin / 2 for degree in degrees[2:]]
    assert logits.tolist() == pytest.approx(before + after)
    assert (logits.diff() < 0).all()


@given(st.integers(0, 999), st.floats(0.01, 1.0), st.floats(1, 64))
@settings(max_examples=50, deadline=None)
def test_it_is_the_equation_of_the_paper_with_angles_in_full(seed, margin, scale):
    """Equation 3 by arccos and cos, one recording at a time, and its code's branch past pi."""
    random = np.random.default_rng(seed)
    embedding, weight = random.normal(size=(6, 3)), random.normal(size=(5, 3))
    labels = random.integers(5, size=6)
    wanted = []
    for one, label in zip(embedding, labels, strict=True):
        cosines = weight @ one / np.linalg.norm(weight, axis=1) / np.linalg.norm(one)
        theta = math.acos(cosines[label])
        inside = theta + margin < math.pi
        target = math.cos(theta + margin) if inside else cosines[label] - margin * math.sin(margin)
        others = sum(math.exp(scale * (c - target)) for c in np.delete(cosines, label))
        wanted.append(math.log(1 + others))
    loss = additive_angular_margin(
        torch.from_numpy(embedding), torch.from_numpy(weight), torch.from_numpy(labels),
        margin, scale,
    )  # fmt: skip
    assert loss.item() == pytest.approx(np.mean(wanted), rel=1e-9, abs=1e-9)


def test_an_encoder_that_knows_nothing_pays_the_sine_of_the_margin_beyond_the_logarithm():
    """At right angles to all 4 speakers: ln(1 + 3 e^(s sin m)) = 7.0596 for m = 0.2 and s = 30."""
    embedding, weight = torch.eye(5)[4:], torch.eye(5)[:4]
    loss = additive_angular_margin(embedding, weight, torch.tensor([0]), 0.2, 30.0)
    assert loss.item() == pytest.approx(7.0596, abs=1e-4)
    assert softmax(embedding, weight, torch.tensor([0])).item() == pytest.approx(math.log(4))


@given(st.integers(0, 99), st.floats(0, 0.5), st.floats(1, 64))
@settings(max_examples=30, deadline=None)
def test_no_margin_is_softmax_of_scaled_cosines_and_a_margin_costs(seed, margin, scale):
    random = torch.Generator().manual_seed(seed)
    embedding = torch.randn(6, 8, generator=random, dtype=torch.float64)
    weight = torch.randn(5, 8, generator=random, dtype=torch.float64)
    labels = torch.randint(5, (6,), generator=random)
    plain = softmax(
        scale * torch.nn.functional.normalize(embedding, dim=1),
        torch.nn.functional.normalize(weight, dim=1),
        labels,
    )
    without = additive_angular_margin(embedding, weight, labels, 0.0, scale)
    torch.testing.assert_close(without, plain)
    assert additive_angular_margin(embedding, weight, labels, margin, scale) >= without - 1e-9


@pytest.mark.parametrize("name", SPEAKER_LOSSES)
def test_every_loss_has_finite_gradients_even_on_its_speaker(name):
    """An embedding along or against its speaker's weight, where sin(theta) is 0."""
    weight = torch.eye(3, requires_grad=True)
    embedding = torch.stack([weight[0].detach(), -weight[1].detach(), torch.ones(3)])
    embedding.requires_grad_()
    loss = SPEAKER_LOSSES[name](embedding, weight, torch.tensor([0, 1, 2]), 0.2, 30.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embedding.grad).all()
    assert torch.isfinite(weight.grad).all()
    assert embedding.grad.abs().sum() > 0
