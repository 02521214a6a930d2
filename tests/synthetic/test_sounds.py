"""Synthetic sounds: what they are called, that each is another, and that the parts differ."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from voice2face.errors import ConfigError
from voice2face.synthetic.sounds import (
    MEASURING_SOUNDS,
    TRAINING_SOUNDS,
    measuring_sound,
    training_sound,
)
from voice2face.synthetic.sounds.signals import vocal_sound

RATE_HZ = 16000


@pytest.mark.parametrize("kind", list(TRAINING_SOUNDS))
def test_sounds_to_learn_from_are_loud_enough_and_each_another(kind):
    first, second = training_sound(kind, 1.5, 0, 0), training_sound(kind, 1.5, 0, 1)
    assert first.dtype == np.int16
    assert len(first) == 24000
    assert 1000 < np.abs(first.astype(int)).max() < 32768
    assert not np.array_equal(first, second)
    assert np.array_equal(first, training_sound(kind, 1.5, 0, 0))
    assert not np.array_equal(first, training_sound(kind, 1.5, 1, 0))


@pytest.mark.parametrize("kind", list(MEASURING_SOUNDS))
def test_sounds_to_measure_by_last_as_long_at_any_rate(kind):
    for rate_hz in (8000, 16000, 48000):
        assert measuring_sound(kind, 1.25, 0, 0, rate_hz).shape == (1.25 * rate_hz,)
    np.testing.assert_array_equal(measuring_sound(kind, 1, 0), measuring_sound(kind, 1, 0))
    if kind != "digital silence":
        assert (measuring_sound(kind, 1, 0) != measuring_sound(kind, 1, 0, index=1)).any()


def test_the_two_parts_share_no_generator():
    assert not set(TRAINING_SOUNDS.values()) & set(MEASURING_SOUNDS.values())
    modules = [
        {make.__module__ for make in sounds.values()}
        for sounds in (TRAINING_SOUNDS, MEASURING_SOUNDS)
    ]
    assert not modules[0] & modules[1]


def test_sounds_to_measure_by_are_what_they_are_called():
    sounds = {
        kind: measuring_sound(kind, 4.0, seed=0).astype(float) / 32768 for kind in MEASURING_SOUNDS
    }
    level_db = {kind: 20 * np.log10(sound.std() + 1e-9) for kind, sound in sounds.items()}
    assert level_db["silence with hum"] < -45 < -30 < level_db["hum"]
    power = {kind: welch(sound, RATE_HZ, nperseg=4096) for kind, sound in sounds.items()}

    def share(kind, low_hz, high_hz):
        hz, density = power[kind]
        return density[(hz >= low_hz) & (hz < high_hz)].sum() / density.sum()

    assert share("pink noise", 250, 500) == pytest.approx(share("pink noise", 1000, 2000), rel=0.15)
    assert share("white noise", 0, 1000) == pytest.approx(1 / 8, rel=0.1)
    assert share("hum", 0, 1000) > 0.99
    assert share("rising tone", 85, 4500) > 0.99
    assert share("growling", 150, 1600) > 0.8
    assert share("chirping", 1900, 7000) > 0.99
    assert not sounds["digital silence"].any()
    # A tone repeats itself after a whole number of its periods.
    spectrum = np.abs(np.fft.rfft(sounds["tone"]))
    assert spectrum.max() ** 2 > 0.5 * (spectrum**2).sum()
    assert 5 <= (sounds["clicks"] > 0).sum() / 4 <= 12.25


def test_a_vocal_sound_has_its_pitch_and_its_resonance():
    """Harmonics of 200 Hz, the strongest next to the one resonance."""
    random = np.random.default_rng(0)
    sound = vocal_sound(np.full(RATE_HZ, 200.0), np.array([[1010.0, 1010.0]]), random, 0.0, 0.0)
    assert sound.std() == pytest.approx(1, abs=1e-6)
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum.argmax() == 1000
    harmonics = spectrum[200:7200:200]
    assert (harmonics**2).sum() > 0.999 * (spectrum**2).sum()
    # 1 / (1 + x^2), one harmonic away; the widest resonance there is has a half-width of 332 Hz.
    assert harmonics[4] > (1 + (190 / 332) ** 2) * harmonics[5]
    assert harmonics[4] > (1 + (210 / 332) ** 2) * harmonics[3]


def test_unknown_sounds_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'barks'"):
        training_sound("bark", 1.0, 0)
    with pytest.raises(ConfigError, match="did you mean 'barking'"):
        measuring_sound("barkin", 1.0, 0)
