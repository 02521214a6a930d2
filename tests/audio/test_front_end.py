"""The front end against the published one: its golden output, and its rules written out."""

from __future__ import annotations

import collections
import hashlib

import numpy as np
import pytest
import webrtcvad
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import log_mel, mel_filterbank, normalise_bands, repeat_to_length
from voice2face.audio.settings import FrontEnd, preset
from voice2face.audio.vad import voiced_frames, voiced_waveform
from voice2face.errors import ConfigError, RecordingError
from voice2face.records import Recording
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, find_bundle

WEN2019 = preset("wen2019")


@pytest.mark.parametrize("number", range(4))
def test_equals_the_published_front_end(golden, shared_data, number):
    path = shared_data / "voices" / str(golden[f"{number}_file"])
    recording = decode(path, str(path))
    assert len(recording.waveform) == golden[f"{number}_samples"]
    voiced = voiced_waveform(recording.waveform, WEN2019)
    assert len(voiced) == golden[f"{number}_voiced_samples"]
    digest = hashlib.sha256(voiced.astype("<i2").tobytes()).hexdigest()
    assert digest == str(golden[f"{number}_voiced_sha256"])
    ours = repeat_to_length(extract(recording, WEN2019).log_mel, WEN2019.min_frames)
    np.testing.assert_allclose(ours[:1000], golden[f"{number}_log_mel"], atol=1e-3)


# The rules of the published front end, one frame and one sample at a time. It shares no line with
# the package, is slow, and is easy to check against the text.


def literal_voiced(waveform: np.ndarray) -> bytes:
    detector = webrtcvad.Vad(2)
    signal = waveform.astype("<i2").tobytes()
    frames, offset = [], 0
    while offset + 640 < len(signal):  # 20 ms; the one that ends at the very end is not used
        frames.append(signal[offset : offset + 640])
        offset += 640
    ring: collections.deque[bytes] = collections.deque(maxlen=2)
    triggered, kept = False, []
    for frame in frames:
        ring.append(frame)
        voices = [detector.is_speech(waiting, 16000) for waiting in ring]
        if triggered:
            kept.append(frame)
            if voices.count(False) > 0.9 * 2:
                triggered = False
                ring.clear()
        elif voices.count(True) > 0.9 * 2:
            triggered = True
            kept.extend(ring)
            ring.clear()
    return b"".join(kept)


def literal_filters() -> np.ndarray:
    def mel(f_hz):
        return 2595 * np.log10(1 + f_hz / 700)

    points = [mel(20) + i * (mel(7200) - mel(20)) / 65 for i in range(66)]
    edges = [round(float(700 * (10 ** (p / 2595) - 1)) / (16000 / 1024)) for p in points]
    filters = np.zeros((513, 64))
    for m in range(64):
        left, centre, right = edges[m : m + 3]
        height = 2 / ((right - left) * 16000 / 1024)
        for k in range(left, centre):
            filters[k, m] = height * (k - left) / (centre - left)
        filters[centre, m] = height
        for k in range(centre + 1, right):
            filters[k, m] = height * (right - k) / (right - centre)
    return filters


def literal_log_mel(waveform: np.ndarray) -> np.ndarray:
    samples = waveform.astype(float)
    window = [0.54 - 0.46 * np.cos(2 * np.pi * i / 399) for i in range(400)]
    filters, rows, before = literal_filters(), [], 0.0
    for k in range(int(len(samples) / 160 + 1)):
        frame = list(samples[160 * k : 160 * k + 400])
        frame = [frame[i % len(frame)] for i in range(400)] if frame else [0.0] * 400
        emphasised = [frame[0] - 0.97 * before]
        emphasised += [frame[i] - 0.97 * frame[i - 1] for i in range(1, 400)]
        before = frame[-1]
        spectrum = np.fft.fft(np.multiply(emphasised, window), 1024)[:513]
        energies = (np.abs(spectrum) ** 2) @ filters
        rows.append(np.log(np.maximum(energies, 1e-5)))
    return np.array(rows)


signals = hnp.arrays(
    np.int16, st.integers(0, 4000), elements=st.integers(-32768, 32767), fill=st.just(0)
)


@settings(max_examples=60, deadline=None)
@given(signals)
def test_log_mel_equals_the_rules_written_out(waveform):
    np.testing.assert_allclose(log_mel(waveform, WEN2019), literal_log_mel(waveform), atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 40_000),
    level=st.sampled_from([0, 1, 30, 3000, 20_000]),
)
def test_log_mel_of_noise_equals_the_rules_written_out(seed, n, level):
    noise = np.random.default_rng(seed).normal(0, level, n).clip(-32768, 32767).astype(np.int16)
    np.testing.assert_allclose(log_mel(noise, WEN2019), literal_log_mel(noise), atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 100_000), length=st.integers(0, 60_000), gain=st.floats(0.01, 2))
def test_vad_equals_the_rules_written_out(speech, start, length, gain):
    cut = (speech[start : start + length] * gain).clip(-32768, 32767).astype(np.int16)
    assert voiced_waveform(cut, WEN2019).tobytes() == literal_voiced(cut)


def test_vad_keeps_speech_and_drops_silence(speech):
    silence = np.zeros(16000, dtype=np.int16)
    kept = voiced_frames(np.concatenate([silence, speech, silence]), WEN2019)
    assert not kept[:45].any()
    assert kept[50:-50].mean() > 0.5
    assert not kept[-30:].any()


def test_a_last_frame_that_ends_with_the_signal_is_not_used():
    for n_samples, n_frames in ((0, 0), (319, 0), (320, 0), (321, 1), (640, 1), (641, 2)):
        assert len(voiced_frames(np.zeros(n_samples, dtype=np.int16), WEN2019)) == n_frames


def test_filterbank_is_that_of_the_rules():
    np.testing.assert_allclose(mel_filterbank(WEN2019), literal_filters(), atol=1e-12)


def test_bands_are_normalised_with_the_population_deviation():
    bands = np.random.default_rng(1).normal(3, 5, (50, 4)).astype(np.float32)
    bands[:, 3] = 7
    ours = normalise_bands(bands)
    theirs = (bands - bands.mean(0)) / (bands.std(0, ddof=0) + np.finfo(np.float32).eps)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert (ours[:, 3] == 0).all()


def test_short_spectrograms_repeat_cyclically_and_long_ones_stay():
    frames = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert repeat_to_length(frames, 7)[:, 0].tolist() == [0, 2, 4, 0, 2, 4, 0]
    assert repeat_to_length(frames, 3) is frames
    assert len(repeat_to_length(frames, 2)) == 3


def test_too_little_speech_is_refused_with_the_amount(speech):
    with pytest.raises(RecordingError, match=r"x\.wav: 0\.00 s of speech found in 1\.00 s"):
        extract(Recording("x.wav", np.zeros(16000, dtype=np.int16), 16000), WEN2019)
    features = extract(Recording("x.wav", speech, 16000), WEN2019)
    assert features.duration_s == len(speech) / 16000
    assert features.speech_s == len(voiced_waveform(speech, WEN2019)) / 16000
    assert len(features.log_mel) == int(features.speech_s * 100 + 1.5)


def test_unknown_preset_names_the_nearest():
    assert preset("wen2019") == FrontEnd()
    with pytest.raises(ConfigError, match=r"'wen2091': did you mean 'wen2019'\?"):
        preset("wen2091")


def test_the_modern_front_end_keeps_a_voice_whose_pauses_are_exact_zeros(speech):
    """Gated, or rounded to 8 bits, a recording stays near itself, as the model that ships hears."""
    bundle = Bundle(find_bundle(DEFAULT_MODEL))
    assert bundle.description.front_end == preset("modern")
    energy = np.sqrt(np.convolve(np.square(speech, dtype=np.float64), np.ones(320) / 320, "same"))
    gated = np.where(energy > 0.02 * energy.max(), speech, 0).astype(np.int16)
    rounded = (256 * np.rint(speech / 256)).clip(-32768, 32767).astype(np.int16)

    def embedded(waveform, front_end):
        heard = extract(Recording("x", waveform, 16000), preset(front_end)).log_mel
        return bundle.embed(repeat_to_length(heard, 1000)[None])[0]

    as_published = embedded(speech, "wen2019")
    plain = embedded(speech, "modern")
    # What has a floor of noise is heard as before.
    assert plain @ as_published > 0.995
    for waveform, least in ((gated, 0.95), (rounded, 0.85)):
        assert np.mean(waveform == 0) > 0.1
        assert embedded(waveform, "modern") @ plain >= least
        assert embedded(waveform, "modern") @ plain > embedded(waveform, "wen2019") @ as_published


def test_no_band_lies_further_down_than_its_range():
    bands = np.random.default_rng(0).normal(0, 1, (1000, 64)).astype(np.float32)
    bands[::7] = np.log(1e-5)  # digital silence
    found = normalise_bands(bands, 50.0)
    loud = np.percentile(bands, 95, axis=0)
    by_hand = np.maximum(bands, loud - 5 * np.log(10))  # 50 dB are five powers of ten of energy
    by_hand = (by_hand - by_hand.mean(axis=0)) / by_hand.std(axis=0)
    np.testing.assert_allclose(found, by_hand, atol=1e-5)
    np.testing.assert_array_equal(normalise_bands(bands), normalise_bands(bands, None))
