"""The planted world's people, and the best matching that their latents allow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voice2face.errors import ConfigError
from voice2face.synthetic.latents import (
    SHARED,
    WorldSettings,
    ceiling,
    ceiling_line,
    draw_person,
)

N = 3000


@pytest.fixture(scope="module")
def population():
    settings = WorldSettings(n_shared=4, correlation=0.7)
    return [draw_person(5, number, settings) for number in range(N)]


def test_correlations_of_voice_and_face_are_those_asked_for(population):
    voice = np.array([list(person.voice.values()) for person in population])
    face = np.array([list(person.face.values()) for person in population])
    asked = np.zeros((voice.shape[1], face.shape[1]))
    asked[range(4), range(4)] = 0.7
    found = np.corrcoef(voice.T, face.T)[: voice.shape[1], voice.shape[1] :]
    np.testing.assert_allclose(found, asked, atol=4 / math.sqrt(N))
    for values in (voice, face):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=4 / math.sqrt(N))
        np.testing.assert_allclose(values.std(axis=0), 1, atol=4 / math.sqrt(N))
        np.testing.assert_allclose(np.corrcoef(values.T), np.eye(values.shape[1]), atol=0.08)


def test_genders_are_even_and_tell_nothing_of_the_factors(population):
    male = np.array([person.gender == "male" for person in population])
    assert abs(male.mean() - 0.5) < 2 / math.sqrt(N)
    shared = np.array([person.shared for person in population])
    gap = shared[male].mean(axis=0) - shared[~male].mean(axis=0)
    np.testing.assert_allclose(gap, 0, atol=8 / math.sqrt(N))


def test_at_correlation_one_voice_and_face_say_the_same():
    person = draw_person(1, 2, WorldSettings(correlation=1))
    for (voice, face), shared in zip(SHARED, person.shared, strict=True):
        assert person.voice[voice] == pytest.approx(shared)
        assert person.face[face] == pytest.approx(shared)


@pytest.mark.parametrize("r", [0.2, 0.6, 0.95])
def test_ceiling_is_the_closed_form_with_one_factor(r):
    exact = math.acos(-r / math.sqrt(2 - r**2)) / math.pi
    settings = WorldSettings(n_shared=1, correlation=r)
    found = ceiling(settings, 2, same_gender=True, n_trials=100_000)
    assert found == pytest.approx(exact, abs=0.006)
    # Half the wrong faces fall out by their gender.
    mixed = ceiling(settings, 2, same_gender=False, n_trials=100_000)
    assert mixed == pytest.approx((1 + exact) / 2, abs=0.006)


def test_ceiling_without_anything_shared_is_chance():
    nothing = WorldSettings(n_shared=0)
    assert ceiling(nothing, 4, same_gender=True, n_trials=1000) == pytest.approx(0.25)
    # k of 3 wrong faces remain: the mean of 1 / (1 + k) is 15/32.
    assert ceiling(nothing, 4, same_gender=False, n_trials=50_000) == pytest.approx(
        15 / 32, abs=0.01
    )
    assert ceiling(WorldSettings(correlation=1), 10, True, n_trials=2000) == 1


def test_the_ceiling_in_words():
    line = ceiling_line(WorldSettings(n_shared=0))
    assert "1 of 2: 75." in line or "1 of 2: 74." in line
    assert "1 of 10" in line
    assert line.count("within gender") == 3
    assert "within gender 50.0 %" in line
    assert "within gender 10.0 %" in line


def test_no_rule_beats_the_ceiling_on_drawn_people():
    """The rule on real draws of people agrees with the simulation, and other rules fall short."""
    settings = WorldSettings(n_shared=3, correlation=0.6)
    people = [draw_person(3, number, settings) for number in range(2000)]
    men = [person for person in people if person.gender == "male"]
    voice = np.array([[person.voice[v] for v, _ in SHARED[:3]] for person in men])
    face = np.array([[person.face[f] for _, f in SHARED[:3]] for person in men])
    wrong = np.roll(np.arange(len(men)), 1)

    def accuracy(loss) -> float:
        return float(np.mean(loss(voice, face) < loss(voice, face[wrong])))

    best = ceiling(settings, 2, same_gender=True)
    bayes = accuracy(lambda v, f: ((v - 0.6 * f) ** 2).sum(axis=1))
    first = accuracy(lambda v, f: (v[:, 0] - f[:, 0]) ** 2)
    assert bayes == pytest.approx(best, abs=4 * 0.5 / math.sqrt(len(men)))
    assert first < best - 0.05


def test_settings_and_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"n_shared is 7.*correlation is 1.5"):
        WorldSettings(n_shared=7, correlation=1.5)
    with pytest.raises(ConfigError, match="duration_s"):
        WorldSettings(duration_s=(5, 3))
    with pytest.raises(ConfigError, match="seed -1"):
        draw_person(-1, 0, WorldSettings())
    with pytest.raises(ConfigError, match="1 candidates"):
        ceiling(WorldSettings(), 1, True)
