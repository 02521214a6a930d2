"""The map from voices to noise, fitted to planted voices whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from voice2face.training.gan.voice_noise_fit import fitted_to

DIM = 16


@pytest.fixture
def planted():
    """60 speakers of 4 recordings: two true directions; two of recordings, one of data sets."""
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.normal(size=(DIM, DIM)))[0]
    speakers = np.repeat(np.arange(60), 4)
    women = (np.arange(60) % 2 == 0)[speakers]
    sets = np.array(["a", "b"])[(np.arange(60) // 2 % 2)[speakers]]
    voices = random.normal(size=(60, 2))[speakers]
    embeddings = (
        voices @ axes[:2]
        + 1.5 * random.normal(size=(240, 2)) @ axes[2:4]
        # Speakers differ more along this one, but data sets still more.
        + (4 * np.where(sets == "a", 1, -1) + 1.2 * random.normal(size=60)[speakers])[:, None]
        * axes[4]
        + 5 * np.where(women, 1, -1)[:, None] * axes[5]
        + 0.1 * random.normal(size=(240, DIM))
    ) + 0.3  # fmt: skip
    return embeddings, speakers, women, sets, axes


def test_the_directions_are_those_of_speakers_alone(planted):
    embeddings, speakers, women, sets, axes = planted
    found = fitted_to(embeddings, speakers, women, sets)
    assert found.sectors == 3
    directions = np.array(found.directions)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    # All but a tenth of each is within the plane that was planted, and the two span it.
    inside = unit @ axes[:2].T
    assert (np.linalg.norm(inside, axis=1) > 0.9).all()
    assert abs(np.linalg.det(inside)) > 0.5
    for gender, mean in ((True, found.woman), (False, found.man)):
        wanted = np.mean(
            [embeddings[(women == gender) & (sets == name)].mean(axis=0) for name in "ab"], axis=0
        )
        np.testing.assert_allclose(mean, wanted, atol=1e-6)
    places = np.stack([
        found.place(one, float(woman)) for one, woman in zip(embeddings, women, strict=True)
    ])  # fmt: skip
    of_speakers = np.stack([places[speakers == name].mean(axis=0) for name in range(60)])
    # 60 a unit of deviation, up to the means of the four groups, which are removed in the fit.
    np.testing.assert_allclose(of_speakers.std(axis=0), 60, rtol=0.15)
    correlation = np.corrcoef(of_speakers.T)[0, 1]
    assert abs(correlation) < 0.3


def test_the_order_of_recordings_does_not_matter(planted):
    embeddings, speakers, women, sets, _ = planted
    order = np.random.default_rng(1).permutation(len(speakers))
    one = fitted_to(embeddings, speakers, women, sets)
    other = fitted_to(embeddings[order], speakers[order], women[order], sets[order])
    np.testing.assert_allclose(one.directions, other.directions, rtol=1e-4, atol=1e-4)
