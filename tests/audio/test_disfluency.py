"""Pauses, repetitions and prolongations are what was put in, and nothing else is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice2face.audio.disfluency import disfluency, join, stretch

RATE_HZ = 16000
FADE = 128


@given(st.lists(st.integers(0, 3999), max_size=6), st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_pieces_that_overlap_and_agree_join_without_a_trace(cuts, fade):
    wave = np.random.default_rng(0).normal(size=4000 + fade).astype(np.float32)
    places = [0, *sorted({cut for cut in cuts if cut % 200 == 0 and cut}), 4000]
    pieces = [wave[a : b + fade] for a, b in itertools.pairwise(places)]
    np.testing.assert_allclose(join(pieces, fade), wave, atol=1e-5)


def test_short_pieces_overlap_by_half_and_none_is_lost():
    pieces = [np.full(10, 1.0, np.float32), np.full(4, 1.0, np.float32), np.zeros(0, np.float32)]
    np.testing.assert_allclose(join(pieces, 100), np.ones(12), atol=1e-6)
    assert join([np.ones(7, np.float32)], 3).tolist() == [1] * 7


def kind_of(wave: np.ndarray, broken: np.ndarray) -> str:
    """Which of the three a single event in a rising line is, after checking the rest."""
    longer = len(broken) - len(wave)
    n_same = int(np.argmin(np.isclose(broken[: len(wave)], wave, rtol=0, atol=0.01)))
    np.testing.assert_allclose(broken[:n_same], wave[:n_same], rtol=0, atol=0.01)
    # From the end of what was put in, the recording goes on to its end.
    end = n_same
    while not np.allclose(broken[end + longer :], wave[end:], rtol=0, atol=0.01):
        end += FADE // 2
        assert end < len(wave)
    inserted = broken[n_same : end + longer]
    if (inserted == 0).sum() > 0.14 * RATE_HZ and (inserted != 0).sum() < 4 * FADE:
        assert 0.14 * RATE_HZ < longer < 0.81 * RATE_HZ
        return "pause"
    if np.diff(inserted).min() < -5:
        return "repetition"
    assert (inserted > 0).all()
    return "prolongation"


def test_one_event_is_a_pause_a_repetition_or_a_prolongation():
    # It begins with silence, which pauses are then filled with.
    line = np.arange(1, 2 * RATE_HZ + 1, dtype=np.float32)
    line[:1600] = 0
    kinds = []
    for seed in range(50):
        broken = disfluency(line, 0.5, np.random.default_rng(seed))
        assert len(broken) > len(line)
        if np.array_equal(broken[:4000], line[:4000]):
            kinds.append(kind_of(line, broken))
    assert {kinds.count(kind) > 5 for kind in ("pause", "repetition", "prolongation")} == {True}


def test_more_events_make_speech_longer_and_a_seed_decides(speech):
    wave = speech.astype(np.float32)
    lengths = [
        np.mean([len(disfluency(wave, rate, np.random.default_rng(seed))) for seed in range(8)])
        for rate in (0.1, 0.5, 2)
    ]
    assert len(wave) < lengths[0] < lengths[1] < lengths[2] < 4 * len(wave)
    once, again, other = (disfluency(wave, 1, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert len(once) != len(other)
    # No joint clicks: no step is larger than the speech's own.
    assert np.abs(np.diff(once)).max() <= 1.3 * np.abs(np.diff(wave)).max()


def test_no_events_and_too_short_a_waveform_change_nothing(speech):
    wave = speech.astype(np.float32)
    assert disfluency(wave, 0, np.random.default_rng(0)) is wave
    assert len(disfluency(wave[:3000], 50, np.random.default_rng(0))) == 3000


@pytest.mark.parametrize("factor", [1.0, 2.0, 3.7])
def test_stretching_keeps_pitch_and_loudness(factor):
    time = np.arange(4000) / RATE_HZ
    tone = (1000 * np.sin(2 * np.pi * 210 * time)).astype(np.float32)
    longer = stretch(tone, factor)
    assert len(longer) == pytest.approx(factor * len(tone), abs=2 * 240)
    spectrum = np.abs(np.fft.rfft(longer * np.hanning(len(longer))))
    hz = np.fft.rfftfreq(len(longer), 1 / RATE_HZ)
    assert hz[spectrum.argmax()] == pytest.approx(210, abs=5)
    assert longer.std() == pytest.approx(tone.std(), rel=0.1)
    np.testing.assert_allclose(longer[:240], tone[:240], rtol=0, atol=0.01)
    assert len(stretch(tone[:600], factor)) == 600


def test_a_pause_sounds_like_the_quietest_of_the_recording():
    """Hum of 200 Hz at a level of 20 between loud stretches, in which the event is."""
    random = np.random.default_rng(0)
    hum = 20 * np.sqrt(2) * np.sin(2 * np.pi * 200 * np.arange(2 * RATE_HZ) / RATE_HZ)
    wave = (hum + 3000 * random.normal(size=len(hum))).astype(np.float32)
    wave[:1600] = hum[:1600]
    found = 0
    for seed in range(12):
        broken = disfluency(wave, 0.5, np.random.default_rng(seed))
        powers = np.sqrt(np.mean(broken[: len(broken) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
        filled = np.flatnonzero(powers[12:] < 300) + 12
        # In one piece, longer than any short pause.
        if len(filled) > 14 and np.ptp(filled) == len(filled) - 1:
            found += 1
            assert np.sqrt(np.mean(powers[filled[1:-1]] ** 2)) == pytest.approx(20, rel=0.5)
            pause = broken[160 * (filled[0] + 1) : 160 * filled[-1]]
            hz = np.fft.rfftfreq(len(pause), 1 / RATE_HZ)
            assert hz[np.abs(np.fft.rfft(pause)).argmax()] == pytest.approx(200, abs=25)
    assert found >= 2
