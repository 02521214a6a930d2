"""What microphones, lines and files do to a voice, each measured by what it must leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.channel import CODECS, clip, gate, low_pass, requantise, through_codec
from voice2face.audio.decode import decode
from voice2face.errors import ConfigError

EXAMPLE = Path("examples/librispeech-4340.flac")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return decode(EXAMPLE, EXAMPLE.name, 16000).waveform[:48000]


def test_the_share_that_was_asked_for_is_at_the_limit(speech):
    clipped = clip(speech.astype(np.float32), 0.05)
    assert np.mean(np.abs(clipped) == np.abs(clipped).max()) == pytest.approx(0.05, abs=0.002)
    inside = np.abs(clipped) < np.abs(clipped).max()
    assert np.array_equal(clipped[inside], speech.astype(np.float32)[inside])


def test_what_is_above_the_cutoff_is_gone_and_what_is_below_stays():
    time_s = np.arange(16000) / 16000
    low, high = (np.sin(2 * np.pi * hz * time_s).astype(np.float32) for hz in (1000, 5000))
    assert low_pass(low + high, 3000.0) == pytest.approx(low, abs=1e-5)


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_keeps_length_and_level_and_changes_the_rest(speech, name):
    heard = through_codec(speech, name)
    assert len(heard) == len(speech)
    assert not np.array_equal(heard, speech)
    levels = [np.abs(one.astype(float)).mean() for one in (speech, heard)]
    # Within 3 dB: coders of speech change the waveform, not how loud it is.
    assert 0.7 < levels[1] / levels[0] < 1.4
    spectra = [
        np.log(np.abs(np.fft.rfft(one))[300:9000].reshape(-1, 100).sum(1))
        for one in (speech, heard)
    ]
    assert np.corrcoef(spectra)[0, 1] > 0.9


def test_a_codec_that_is_none_is_refused(speech):
    with pytest.raises(ConfigError, match="opus"):
        through_codec(speech, "opuss")


def test_a_gate_leaves_loud_frames_as_they_are_and_zeros_elsewhere():
    random = np.random.default_rng(0)
    loud, quiet = random.integers(-9000, 9000, 3200), random.integers(-90, 90, 3200)
    waveform = np.concatenate([loud, quiet, loud[:100]]).astype(np.int16)
    gated = gate(waveform, 30.0)
    assert np.array_equal(gated[:3200], waveform[:3200])
    assert not gated[3200:6400].any()
    assert len(gated) == len(waveform)


def test_few_bits_leave_multiples_of_the_step(speech):
    rounded = requantise(speech, 8)
    assert not (rounded % 256).any()
    assert np.abs(rounded.astype(int) - speech).max() <= 128
    assert requantise(np.array([32767], np.int16), 8) == 32767


def test_every_kind_of_line_is_heard_and_follows_from_the_seed(speech):
    for kind in ("clipping", "low_pass", "codec", "gate", "quantise"):
        settings = AugmentSettings(**{kind: 1.0})
        assert settings.is_on
        once, again = (augment(speech, settings, [], np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(once, again), kind
        assert not np.array_equal(once, speech), kind
