"""Gender and factors of planted people can be heard."""

from __future__ import annotations

import numpy as np
from benchmarks.voice_probe import fit_voice_probe, voice_statistics

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.records import Recording
from voice2face.synthetic.latents import VOICE_FACTORS, WorldSettings, sample_person
from voice2face.synthetic.voices import record

SETTINGS = WorldSettings()


def test_statistics_do_not_hear_what_the_front_end_takes_away():
    bands = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)
    statistics = voice_statistics(bands)
    assert np.isfinite(statistics).all()
    np.testing.assert_allclose(
        voice_statistics(np.roll(bands, 5, axis=0))[:2016], statistics[:2016], atol=1e-4
    )
    together = bands.T @ bands / 300
    np.testing.assert_allclose(statistics[:3], together[0, 1:4], rtol=1e-4)


def test_gender_and_factors_of_people_never_heard_are_read():
    """A few people are enough for the clearest factors; all: benchmarks/planted_probes.py."""
    people = [sample_person(11, number, SETTINGS) for number in range(240)]
    heard = np.array(
        [
            voice_statistics(
                extract(
                    Recording("planted", record(person, 0, SETTINGS), 16000), preset("wen2019")
                ).log_mel
            )
            for person in people
        ]
    )
    truth = np.array([list(person.voice.values()) for person in people])
    genders = [person.gender for person in people]
    probe = fit_voice_probe(heard[:180], truth[:180], genders[:180], penalty=1.0)
    estimates, male = probe(heard[180:])
    assert np.mean(male == np.array([gender == "male" for gender in genders[180:]])) > 0.95
    found = {
        name: np.corrcoef(estimates[:, k], truth[180:, k])[0, 1]
        for k, name in enumerate(VOICE_FACTORS)
    }
    for name in VOICE_FACTORS[:7]:
        assert found[name] > 0.5, found
    assert found["tract"] > 0.8
    shuffled = np.random.default_rng(0).permutation(60)
    assert abs(np.corrcoef(estimates[shuffled, 1], truth[180:, 1])[0, 1]) < 0.4
