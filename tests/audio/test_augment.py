"""Augmentation does what it says: ratios, slopes, decays and bands are measured on its output."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from voice2face.audio.augment import (
    NOISE_COLOURS,
    AugmentSettings,
    add_noise,
    augment,
    babble,
    change_speed,
    coloured_noise,
    reverberate,
    telephone,
)
from voice2face.errors import ConfigError
from voice2face.ranges import problems

RATE_HZ = 16000
ALL = AugmentSettings(speed=1, disfluency=1, reverberation=1, babble=1, noise=1, telephone=1)


def source(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def power_db(wave: np.ndarray) -> float:
    return 10 * np.log10(np.mean(wave.astype(np.float64) ** 2))


def sine(hz: float, seconds: float = 1.0, amplitude: float = 10_000) -> np.ndarray:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


@pytest.fixture(scope="module")
def wave(speech) -> np.ndarray:
    return speech[: 3 * RATE_HZ].astype(np.float32)


@pytest.mark.parametrize("colour", NOISE_COLOURS)
@pytest.mark.parametrize("snr_db", [-5, 20])
def test_noise_has_the_ratio_and_the_slope_of_its_colour(colour, snr_db, wave):
    noise = add_noise(wave, colour, snr_db, source()) - wave
    assert power_db(wave) - power_db(noise) == pytest.approx(snr_db, abs=0.02)
    long = coloured_noise(20 * RATE_HZ, colour, source())
    hz, density = scipy.signal.welch(long, RATE_HZ, nperseg=4096)
    band = (hz > 60) & (hz < 7000)
    slope, _ = np.polyfit(np.log10(hz[band]), 10 * np.log10(density[band]), 1)
    assert slope == pytest.approx({"white": 0, "pink": -10, "brown": -20}[colour], abs=0.5)
    # What cannot be heard takes no great part of the power.
    assert density[hz < 20].sum() < 0.6 * density.sum()


def test_an_unknown_colour_is_refused(wave):
    with pytest.raises(ConfigError, match="unknown colour of noise 'pnk': did you mean 'pink'"):
        add_noise(wave, "pnk", 0, source())


def test_babble_is_others_of_one_power_each(wave):
    loud, soft = sine(500, 0.3), sine(1500, 5.0, amplitude=10)
    mixed = babble(wave, [loud, np.zeros(99, np.float32), soft], 6, source())
    others = mixed - wave
    assert power_db(wave) - power_db(others) == pytest.approx(6, abs=0.02)
    hz, density = scipy.signal.welch(others, RATE_HZ, nperseg=1600)
    peaks = density[np.abs(hz - 500) < 50].sum(), density[np.abs(hz - 1500) < 50].sum()
    assert peaks[0] == pytest.approx(peaks[1], rel=0.05)
    assert sum(peaks) > 0.95 * density.sum()
    np.testing.assert_array_equal(babble(wave, [np.zeros(5, np.int16)], 6, source()), wave)
    np.testing.assert_array_equal(babble(wave, [], 6, source()), wave)


@pytest.mark.parametrize("rt60_s", [0.2, 0.7])
@pytest.mark.parametrize("ratio_db", [-3.0, 9.0])
def test_a_room_decays_in_its_time(rt60_s, ratio_db, wave):
    impulse = np.zeros(RATE_HZ, np.float32)
    impulse[0] = 1
    response = reverberate(impulse, rt60_s, source(), ratio_db).astype(np.float64)
    response /= response[0]
    tail = response[1:]
    assert -10 * np.log10(np.sum(tail**2)) == pytest.approx(ratio_db, abs=0.1)
    # Schroeder's backward integral, and the slope between -5 and -25 dB.
    energy_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-12)
    fitted = (energy_db < -5) & (energy_db > -25)
    slope, _ = np.polyfit(np.flatnonzero(fitted) / RATE_HZ, energy_db[fitted], 1)
    assert -60 / slope == pytest.approx(rt60_s, rel=0.1)
    wanted = scipy.signal.fftconvolve(wave, response)[: len(wave)]
    heard = reverberate(wave, rt60_s, source(), ratio_db)
    assert power_db(heard) == pytest.approx(power_db(wave), abs=0.01)
    np.testing.assert_allclose(heard, wanted * heard.std() / wanted.std(), atol=2)


def test_a_telephone_has_its_band_and_its_eight_bits():
    for hz, passes in ((100, 0), (180, 0), (320, 1), (1000, 1), (3380, 1), (3600, 0), (6000, 0)):
        out = telephone(sine(hz), companded=False)
        assert out.std() / sine(hz).std() == pytest.approx(passes, abs=0.02)
    # Quantisation noise of mu-law is about 38 dB below a sine, hardly depending on its level.
    for amplitude in (30_000, 3_000):
        heard = telephone(sine(997, amplitude=amplitude), companded=True)
        noise = heard - sine(997, amplitude=amplitude)
        assert 34 < power_db(heard) - power_db(noise) < 42
    assert np.abs(scipy.signal.welch(heard, RATE_HZ)[1][-50:]).max() < 1e-3


@pytest.mark.parametrize("factor", [0.9, 1.13])
def test_speed_moves_pitch_and_length(factor, wave):
    fast = change_speed(sine(440), factor)
    assert len(fast) == round(RATE_HZ / factor)
    hz = np.fft.rfftfreq(len(fast), 1 / RATE_HZ)[np.abs(np.fft.rfft(fast)).argmax()]
    assert hz == pytest.approx(440 * factor, abs=1.5)
    wanted = scipy.signal.resample(wave.astype(np.float64), round(len(wave) / factor))
    np.testing.assert_allclose(change_speed(wave, factor), wanted, atol=1)


def test_off_is_off_and_a_seed_decides(speech):
    assert not AugmentSettings().is_on
    np.testing.assert_array_equal(augment(speech, AugmentSettings(), [speech], source()), speech)
    for field in dataclasses.fields(AugmentSettings):
        if isinstance(field.default, float):
            one = AugmentSettings(**{field.name: 1.0})
            assert one.is_on
            changed = augment(speech, one, [speech[::-1]], source(1))
            assert not np.array_equal(changed, speech), field.name
            again = augment(speech, one, [speech[::-1]], source(1))
            np.testing.assert_array_equal(changed, again)
            other = augment(speech, one, [speech[::-1]], source(2))
            assert not np.array_equal(changed, other) or field.name == "telephone"


def test_a_probability_is_one(speech):
    half = AugmentSettings(noise=0.5)
    short = speech[:400]
    changed = sum(
        not np.array_equal(augment(short, half, [], source(seed)), short) for seed in range(200)
    )
    assert 75 < changed < 125


def test_a_kind_that_is_switched_on_leaves_the_draws_of_the_others(speech):
    alone = augment(speech, AugmentSettings(speed=1, disfluency=1), [], source(4))
    barely = AugmentSettings(
        speed=1, disfluency=1, noise=1, noise_snr_db=(70, 70), babble=1, babble_snr_db=(70, 70)
    )
    both = augment(speech, barely, [speech], source(4))
    np.testing.assert_allclose(both, alone, atol=30)


def test_what_gets_too_loud_is_brought_down_and_not_cut():
    loud = sine(300, amplitude=32_000).astype(np.int16)
    noisy = augment(loud, AugmentSettings(noise=1, noise_snr_db=(0, 0)), [], source())
    assert np.abs(noisy.astype(int)).max() == 32_767
    assert (np.abs(noisy.astype(int)) == 32_767).sum() == 1
    assert np.corrcoef(loud, noisy)[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.02)


@given(
    arrays(np.int16, st.integers(0, 3000), elements=st.integers(-(2**15), 2**15 - 1)),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_any_waveform_is_taken(waveform, seed):
    out = augment(waveform, ALL, [waveform, waveform[:1]], source(seed))
    assert out.dtype == np.int16
    assert len(out) or not len(waveform)


def test_settings_out_of_range_are_named_all_at_once():
    bad = AugmentSettings(
        noise=1.5, reverberation=0.5, rt60_s=(0, 1), babble=1, babble_snr_db=(3, 1),
        disfluencies_a_s=(-1, 1),
    )  # fmt: skip
    assert problems(bad) == [
        "disfluencies_a_s is -1: give a number of at least 0 (in -1,1)",
        "rt60_s is 0: give a number above 0 (in 0,1)",
        "babble_snr_db is 3,1: give the lower value, then the higher",
        "noise is 1.5: give a number of at least 0 and at most 1",
        "disfluencies_a_s is used only if disfluency is set; here it is 0.0",
    ]
