"""A voice in another mood: what a variant changes is what was asked for, and nothing else."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from voice2face.audio.decode import decode
from voice2face.audio.variants import (
    Variant,
    VariantSettings,
    analyse,
    draw_variant,
    resynthesise,
)

EXAMPLE = Path("examples/librispeech-4340.flac")
RANDOM = np.random.default_rng


@pytest.fixture(scope="module")
def analysis():
    return analyse(decode(EXAMPLE, EXAMPLE.name, 16000).waveform[:40000])


def changed(analysis, **how) -> np.ndarray:
    return resynthesise(analysis, Variant(**how), RANDOM(0))


def spectrum_db(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean level in bands of about an octave, from 250 Hz."""
    power = np.abs(np.fft.rfft(waveform.astype(float))) ** 2
    hz = np.fft.rfftfreq(len(waveform), 1 / 16000)
    edges = 250 * 2.0 ** np.arange(0, 5.1, 1)
    levels = [power[(hz >= a) & (hz < b)].mean() for a, b in itertools.pairwise(edges)]
    return 10 * np.log10(levels), np.sqrt(edges[1:] * edges[:-1])


def test_nothing_asked_leaves_pitch_length_and_level(analysis):
    same = changed(analysis)
    assert len(same) == pytest.approx(40000, abs=160)
    assert np.sqrt(np.mean(same.astype(float) ** 2)) == pytest.approx(analysis.rms, rel=0.01)
    assert analyse(same).typical_f0_hz == pytest.approx(analysis.typical_f0_hz, rel=0.03)


@pytest.mark.parametrize("factor", [0.8, 1.5])
def test_the_pitch_is_moved_by_its_factor(analysis, factor):
    heard = analyse(changed(analysis, f0_factor=factor)).typical_f0_hz
    assert heard == pytest.approx(factor * analysis.typical_f0_hz, rel=0.05)


def test_the_range_of_the_pitch_is_narrowed(analysis):
    spreads = []
    for f0_range in (1.0, 0.3):
        f0_hz = analyse(changed(analysis, f0_range=f0_range)).f0_hz
        low, high = np.percentile(np.log(f0_hz[f0_hz > 0]), [25, 75])
        spreads.append(high - low)
    assert spreads[1] == pytest.approx(0.3 * spreads[0], rel=0.35)


def test_effort_tilts_the_spectrum_by_so_many_db_an_octave(analysis):
    (plain, hz), (strong, _) = (spectrum_db(changed(analysis, tilt_db=db)) for db in (0.0, 4.0))
    slope = np.polyfit(np.log2(hz), strong - plain, 1)[0]
    assert slope == pytest.approx(4.0, abs=0.5)


def test_tempo_changes_the_length_and_not_the_pitch(analysis):
    fast = changed(analysis, speed=1.25)
    assert len(fast) == pytest.approx(40000 / 1.25, abs=200)
    assert analyse(fast).typical_f0_hz == pytest.approx(analysis.typical_f0_hz, rel=0.05)


def test_formants_move_the_envelope_along_the_axis_of_frequency(analysis):
    plain, moved = (
        np.log(analyse(changed(analysis, formants=factor)).envelope).mean(axis=0)
        for factor in (1.0, 1.08)
    )
    bins = np.arange(20, 400)
    shifts = {
        factor: np.corrcoef(np.interp(bins / factor, np.arange(513), plain), moved[bins])[0, 1]
        for factor in (0.96, 1.0, 1.04, 1.08, 1.12)
    }
    assert max(shifts, key=lambda factor: shifts[factor]) == 1.08


def test_a_whisper_has_no_pitch(analysis):
    voiced, whispered = (analyse(changed(analysis, whisper=of)).f0_hz > 0 for of in (False, True))
    # The method takes some noise for pitch.
    assert whispered.mean() < 0.5 * voiced.mean()


def test_what_is_drawn_stays_in_its_ranges_and_below_the_highest_pitch():
    settings = VariantSettings(each=1, creak=0.0, whisper=0.0)
    for seed in range(200):
        drawn = draw_variant(settings, 220.0, RANDOM(seed))
        assert 0.8 <= drawn.f0_factor <= 400 / 220 + 1e-9
        assert -2 <= drawn.tilt_db <= 6
        assert 0.96 <= drawn.formants <= 1.06
        assert 0.75 <= drawn.speed <= 1.35
    men = [draw_variant(settings, 110.0, RANDOM(seed)).f0_factor for seed in range(200)]
    assert max(men) > 2.2


def test_effort_grows_with_the_pitch():
    settings = VariantSettings(each=1, creak=0.0, whisper=0.0)
    drawn = [draw_variant(settings, 120.0, RANDOM(seed)) for seed in range(300)]
    pairs = [(np.log(one.f0_factor), one.tilt_db) for one in drawn]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.4
    assert all(one.f0_factor > 1.7 for one in drawn if one.first_formant > 1)


def test_a_variant_follows_from_its_source_of_randomness(analysis):
    variant = Variant(f0_factor=1.3, tremor=0.03, creak=0.2)
    once, again = (resynthesise(analysis, variant, RANDOM(7)) for _ in range(2))
    assert np.array_equal(once, again)
