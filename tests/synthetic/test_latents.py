"""The planted world's people, and the best matching that their latents allow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voice2face.errors import ConfigError
from voice2face.synthetic.latents import (
    SHARED,
    WorldSettings,
    line_up_scores,
    sample_person,
)

N = 3000


@pytest.fixture(scope="module")
def population():
    settings = WorldSettings(n_shared=4, correlation=0.7)
    return [sample_person(5, number, settings) for number in range(N)]


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
    person = sample_person(1, 2, WorldSettings(correlation=1))
    for (voice, face), shared in zip(SHARED, person.shared, strict=True):
        assert person.voice[voice] == pytest.approx(shared)
        assert person.face[face] == pytest.approx(shared)


def test_settings_and_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"n_shared is 7.*correlation is 1.5"):
        WorldSettings(n_shared=7, correlation=1.5)
    with pytest.raises(ConfigError, match="duration_s"):
        WorldSettings(duration_s=(5, 3))
    with pytest.raises(ConfigError, match="seed -1"):
        sample_person(-1, 0, WorldSettings())
    with pytest.raises(ConfigError, match="1 candidates"):
        next(line_up_scores(WorldSettings(), 1, same_gender=True))
