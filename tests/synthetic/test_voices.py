"""Planted voices have the acoustics that were asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.records import Recording
from voice2face.synthetic.latents import (
    VOICE_FACTORS,
    Person,
    WorldSettings,
    sample_person,
)
from voice2face.synthetic.voices import VoiceTraits, record, speak, voice_traits

WORLD = WorldSettings()
PLAIN = WorldSettings(voice_nuisance=0, snr_db=(60, 60))


def person(gender: str = "female", **voice: float) -> Person:
    return dataclasses.replace(
        sample_person(0, 0, WORLD),
        gender=gender,
        voice={name: voice.get(name, 0.0) for name in VOICE_FACTORS},
    )


def spoken(traits: VoiceTraits, seed: int = 0, world: WorldSettings = PLAIN) -> np.ndarray:
    return speak(traits, np.random.default_rng(seed), world).astype(float)


def median_pitch_hz(waveform: np.ndarray) -> float:
    """Median over voiced frames of the first lag whose autocorrelation is near the highest."""
    window = np.hanning(800)
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, 2048)) ** 2)[:300]
    low, found = 45, []
    for at in range(0, len(waveform) - 800, 400):
        power = np.abs(np.fft.rfft(waveform[at : at + 800] * window, 2048)) ** 2
        similarity = np.fft.irfft(power)[:300] / of_window
        similarity /= similarity[0]
        best = similarity[low:].max()
        if best > 0.7:  # hiss and silence have none
            peaks = (similarity[1:-1] > similarity[:-2]) & (similarity[1:-1] >= similarity[2:])
            peaks &= similarity[1:-1] > 0.85 * best
            found.append(16000 / (1 + low + np.flatnonzero(peaks[low:])[0]))
    return float(np.median(found))


@settings(deadline=None, max_examples=12)
@given(st.floats(-2, 2), st.sampled_from(["female", "male"]))
def test_measured_pitch_is_the_pitch_asked_for(pitch, gender):
    traits = dataclasses.replace(
        voice_traits(person(gender, pitch=pitch)), melody_semitones=0.1, jitter=0.0
    )
    assert median_pitch_hz(spoken(traits)) == pytest.approx(traits.pitch_hz, rel=0.03)


def test_pitch_of_the_genders_differs_as_it_should():
    assert voice_traits(person("male")).pitch_hz < 0.6 * voice_traits(person("female")).pitch_hz
    assert voice_traits(person(pitch=1)).pitch_hz < voice_traits(person(pitch=-1)).pitch_hz


def spectrum(traits: VoiceTraits) -> np.ndarray:
    """Usual spectrum of several recordings in dB, 31 Hz a bin; rare hiss leaves it alone."""
    powers = [
        welch(spoken(traits, seed), 16000, nperseg=512, average="median")[1] for seed in range(4)
    ]
    return 10 * np.log10(np.mean(powers, axis=0))


def test_a_shorter_tract_moves_the_whole_spectrum_up():
    """The spectrum over log frequency of a scale of 1.2 is that of 1.0, moved by log 1.2."""
    base = dataclasses.replace(voice_traits(person("male")), breath_db=-60.0)
    long_, short = (
        spectrum(dataclasses.replace(base, formant_scale=scale)) for scale in (1.0, 1.2)
    )
    hz = np.arange(257) * 31.25
    grid = np.geomspace(400, 3200, 200)
    at_long = np.interp(grid, hz, long_)

    def unlikeness(scale: float) -> float:
        return float(np.std(np.interp(grid * scale, hz, short) - at_long))

    scales = np.arange(0.9, 1.45, 0.02)
    assert scales[np.argmin([unlikeness(s) for s in scales])] == pytest.approx(1.2, abs=0.05)


def test_each_trait_moves_what_it_names():
    base = voice_traits(person("male"))

    def band_db(traits: VoiceTraits, low: float, high: float) -> float:
        powers = spectrum(traits)
        return float(powers[int(low / 31.25) : int(high / 31.25)].mean())

    steep, flat = (dataclasses.replace(base, tilt_db_octave=t, breath_db=-60) for t in (-14, -4))
    assert band_db(flat, 2000, 3500) - band_db(flat, 200, 600) > 10 + (
        band_db(steep, 2000, 3500) - band_db(steep, 200, 600)
    )
    dull, sharp = (dataclasses.replace(base, sibilance_scale=s) for s in (0.75, 1.35))

    def hiss_hz(traits: VoiceTraits) -> float:
        """Where the power above 4.5 kHz lies."""
        hz, power = welch(spoken(dataclasses.replace(traits, breath_db=-60)), 16000, nperseg=512)
        return float((hz * power)[hz > 4500].sum() / power[hz > 4500].sum())

    assert hiss_hz(sharp) > hiss_hz(dull) + 500

    def harmonicity(traits: VoiceTraits) -> float:
        wave = spoken(dataclasses.replace(traits, melody_semitones=0.01))
        period = round(16000 / traits.pitch_hz)
        return float(np.corrcoef(wave[period:], wave[:-period])[0, 1])

    assert harmonicity(dataclasses.replace(base, breath_db=-40.0)) > 0.1 + harmonicity(
        dataclasses.replace(base, breath_db=-3.0)
    )
    assert harmonicity(base) > 0.05 + harmonicity(dataclasses.replace(base, jitter=0.05))

    def loudness_changes(traits: VoiceTraits) -> float:
        """Syllables a second, by how often the loudness passes its mean upwards."""
        counts = []
        for seed in range(4):
            wave = spoken(traits, seed)
            loud = np.convolve(wave**2, np.ones(800) / 800, "same")
            above = loud > 0.3 * loud.mean()
            counts.append((np.diff(above.astype(int)) > 0).sum() / (len(wave) / 16000))
        return float(np.mean(counts))

    slow, fast = (dataclasses.replace(base, syllables_per_s=s) for s in (3.0, 7.0))
    assert loudness_changes(fast) > 1.4 * loudness_changes(slow)


def test_the_detector_finds_speech_in_every_voice():
    for number in range(40):
        waveform = record(sample_person(9, number, WORLD), 0, WORLD)
        seconds = len(waveform) / 16000
        assert 2.9 <= seconds <= 5.1
        features = extract(Recording("planted", waveform, 16000), preset("wen2019"))
        assert features.speech_s > 0.6 * seconds
        assert np.isfinite(features.log_mel).all()
        assert np.abs(waveform.astype(int)).max() > 1000
        assert (np.abs(waveform.astype(int)) >= 32767).mean() < 1e-3


def test_recordings_of_a_person_differ_and_come_again():
    someone = sample_person(1, 4, WORLD)
    first, second = record(someone, 0, WORLD), record(someone, 1, WORLD)
    assert len(first) != len(second) or (first != second).any()
    np.testing.assert_array_equal(first, record(someone, 0, WORLD))


def test_only_what_the_voice_expresses_changes_the_voice():
    someone = sample_person(1, 4, WORLD)
    before = record(someone, 2, WORLD)
    other_face = {name: value + 1 for name, value in someone.face.items()}
    changed = dataclasses.replace(someone, face=other_face, shared=(9.0,) * 6)
    np.testing.assert_array_equal(record(changed, 2, WORLD), before)
    for name in VOICE_FACTORS:
        voice = {**someone.voice, name: someone.voice[name] + 0.5}
        after = record(dataclasses.replace(someone, voice=voice), 2, WORLD)
        assert len(after) != len(before) or (after != before).any(), name
