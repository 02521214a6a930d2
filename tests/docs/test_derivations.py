"""What the book derives, computed: each formula and each number of its examples."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, norm

BOOK = Path(__file__).parents[2] / "docs/understand"
Densities = NDArray[np.float64]


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table after a heading, without its header."""
    text = (BOOK / page).read_text(encoding="utf-8").split(f"{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", text, re.M)
    assert rows
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[0].splitlines()[2:]]


def success(d: Densities, p: Densities, q: Densities) -> float:
    """V(D, G) on cells."""
    return float(np.sum(p * np.log(d) + q * np.log1p(-d)))


def divergence(p: Densities, q: Densities) -> float:
    """JSD by an independent implementation, which gives its square root."""
    return float(jensenshannon(p, q)) ** 2


def best_by_search(p: Densities, q: Densities) -> Densities:
    """The discriminator that maximises V, found at each cell without the formula."""
    return np.array(
        [
            minimize_scalar(
                lambda d, a=a, b=b: -(a * np.log(d) + b * np.log1p(-d)) / (a + b),
                bounds=(1e-9, 1 - 1e-9),
                method="bounded",
                options={"xatol": 1e-10},
            ).x
            for a, b in zip(p, q, strict=True)
        ]
    )


def continuous() -> list[tuple[Densities, Densities]]:
    x = np.linspace(-8, 8, 161)
    pairs = [
        (norm.pdf(x, 0, 1), norm.pdf(x, 1, 1)),
        (norm.pdf(x, -2, 0.7) + norm.pdf(x, 2, 0.7), norm.pdf(x, 0.5, 2)),
        (norm.pdf(x, 0, 1), norm.pdf(x, 0, 1)),
    ]
    return [(p / p.sum(), q / q.sum()) for p, q in pairs]


@pytest.mark.parametrize("case", range(3))
def test_the_optimal_discriminator_and_its_value(case: int):
    p, q = continuous()[case]
    best = p / (p + q)
    seen = p + q > 1e-9
    np.testing.assert_allclose(best[seen], best_by_search(p[seen], q[seen]), atol=2e-5)
    assert success(best, p, q) == pytest.approx(2 * divergence(p, q) - np.log(4), abs=1e-9)
    random = np.random.default_rng(case)
    for _ in range(20):
        other = np.clip(best + random.normal(0, 0.05, best.shape), 1e-6, 1 - 1e-6)
        assert success(other, p, q) < success(best, p, q)
    if case == 2:
        np.testing.assert_allclose(best, 0.5)
        assert success(best, p, q) == pytest.approx(-np.log(4))


def test_densities_that_do_not_meet_have_log_2_and_a_value_of_0():
    p, q = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.2, 0.8])
    assert divergence(p, q) == pytest.approx(np.log(2))
    assert 2 * divergence(p, q) - np.log(4) == pytest.approx(0)


def test_jsd_is_the_mean_of_two_kl_to_the_middle():
    p, q = continuous()[1]
    middle = (p + q) / 2
    assert divergence(p, q) == pytest.approx((entropy(p, middle) + entropy(q, middle)) / 2)


def test_the_example_by_hand_is_right():
    table = rows_of("optimum.md", "## By hand")
    p, q, best = np.array([[float(cell) for cell in row[1:]] for row in table]).T
    assert p.sum() == pytest.approx(1)
    assert q.sum() == pytest.approx(1)
    np.testing.assert_allclose(best, best_by_search(p, q), atol=6e-4)
    text = (BOOK / "optimum.md").read_text(encoding="utf-8")
    told = re.search(r"^\| (-[\d.]+) \| ([\d.]+) \| (-[\d.]+) \|$", text, re.M)
    assert told
    value, jsd, formula = map(float, told.groups())
    assert value == formula == pytest.approx(success(p / (p + q), p, q), abs=6e-4)
    assert jsd == pytest.approx(divergence(p, q), abs=6e-4)


def test_the_town_agrees_with_bayes():
    table = rows_of("models.md", "## Joint, marginal and conditional probability")
    joint = np.array([[float(cell) for cell in row[1:]] for row in table])
    inner = joint[:2, :2]
    np.testing.assert_allclose(joint[2, :2], inner.sum(0))
    np.testing.assert_allclose(joint[:2, 2], inner.sum(1))
    woman_if_low = inner[0, 0] / joint[2, 0]
    low_if_woman = inner[0, 0] / joint[0, 2]
    assert woman_if_low == pytest.approx(low_if_woman * joint[0, 2] / joint[2, 0])
    assert f"{woman_if_low:.1%}" == "8.2%"
    assert f"{low_if_woman:.1%}" == "8.3%"
    assert f"{inner[1, 1] / joint[2, 1]:.1%}" == "13.7%"


def test_the_slopes_of_both_losses():
    for logit, d, saturating, other in (
        [float(cell) for cell in row[1:]]
        for row in rows_of("vanishing-gradient.md", "## Two losses with the same goal")
    ):
        sigmoid = 1 / (1 + np.exp(-np.array([logit - 1e-5, logit, logit + 1e-5])))
        assert d == pytest.approx(sigmoid[1], abs=6e-4)
        slope = np.diff(np.log1p(-sigmoid)[[0, 2]]) / 2e-5
        assert saturating == pytest.approx(float(slope[0]), abs=6e-4)
        slope = np.diff(-np.log(sigmoid)[[0, 2]]) / 2e-5
        assert other == pytest.approx(float(slope[0]), abs=6e-4)


def test_lengths_and_sizes_are_those_of_the_networks():
    torch = pytest.importorskip("torch")
    from voice2face.networks.generator import Generator, GeneratorConfig
    from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig

    text = (BOOK / "networks.md").read_text(encoding="utf-8")
    told = re.search(r"^\| length \| (.*) \|$", text, re.M)
    assert told
    given, *expected = (int(cell) for cell in told[1].split(" | "))
    sound, lengths = torch.zeros(1, 64, given), []
    for module in VoiceEncoder(VoiceEncoderConfig()).modules():
        if isinstance(module, torch.nn.Conv1d) and module.kernel_size == (3,):
            sound = module(sound)
            lengths.append(sound.shape[-1])
    assert lengths == expected
    told = re.search(r"^\| size \| 1 x 1 \| (.*) \|$", text, re.M)
    assert told
    faces, sizes = torch.zeros(1, 64, 1, 1), []
    for module in Generator(GeneratorConfig()).modules():
        if isinstance(module, torch.nn.ConvTranspose2d):
            faces = module(faces)
            sizes.append("{} x {}".format(*faces.shape[2:]))
    assert sizes == told[1].split(" | ")


def test_mel_and_decibel():
    def mel(hz: float) -> float:
        return 2595 * np.log10(1 + hz / 700)

    text = (BOOK / "sound.md").read_text(encoding="utf-8")
    assert f"{mel(1000):,.0f} mel; 2,000 Hz are {mel(2000):,.0f}" in text
    assert f"one unit is\n{10 / np.log(10):.2f} dB" in text
