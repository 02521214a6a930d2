"""Decoding: every container and rate gives the same sound, and nothing bad gets through."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import write_media

from voice2face.audio.decode import decode
from voice2face.errors import RecordingError


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Largest normalised correlation over a delay of up to 100 ms (codecs add some)."""
    n = min(len(one), len(other))
    a, b = one[:n].astype(float), other[:n].astype(float)
    spectrum = np.fft.rfft(a, 2 * n) * np.conj(np.fft.rfft(b, 2 * n))
    lags = np.fft.irfft(spectrum)
    near = np.concatenate([lags[:1600], lags[-1600:]])
    return float(near.max() / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize(
    ("name", "codec", "sample_format", "rate_hz", "channels"),
    [
        ("a.wav", "pcm_u8", "u8", 16000, 1),
        ("a.wav", "pcm_s24le", "s32", 48000, 2),
        ("a.wav", "pcm_f32le", "flt", 44100, 1),
        ("a.wav", "pcm_mulaw", "s16", 16000, 1),
        ("a.flac", "flac", "s16", 22050, 6),
        ("a.mp3", "libmp3lame", "fltp", 44100, 2),
        ("a.m4a", "aac", "fltp", 48000, 1),
        ("a.ogg", "libopus", "flt", 48000, 2),
        ("a.webm", "libopus", "flt", 48000, 1),
        ("a.mkv", "ac3", "fltp", 48000, 2),
        ("a.aiff", "pcm_s16be", "s16", 16000, 1),
    ],
)
def test_formats_rates_and_channels(
    speech, tmp_path, name, codec, sample_format, rate_hz, channels
):
    seconds = 3
    original = speech[: seconds * 16000]
    times = np.arange(seconds * rate_hz) / rate_hz
    at_rate = np.interp(times, np.arange(len(original)) / 16000, original / 32768)
    path = write_media(
        tmp_path / name, np.tile(at_rate, (channels, 1)), rate_hz, codec, sample_format
    )
    recording = decode(path, name)
    assert recording.sample_rate_hz == 16000
    assert recording.waveform.dtype == np.int16
    assert recording.duration_s == pytest.approx(seconds, abs=0.1)
    assert recording.notes == ()
    assert correlation(original, recording.waveform) > 0.97


def test_16_khz_mono_passes_through_untouched(speech, tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(speech.astype("<i2").tobytes())
    np.testing.assert_array_equal(decode(path, "a").waveform, speech)


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (44100, 2)])
def test_large_packets_of_a_wav_file_hold_the_same_sound(tmp_path, rate_hz, channels):
    """A file named .wav is read in large packets, a stream of the same bytes in FFmpeg's own."""
    noise = np.random.default_rng(0).normal(0, 3000, 7 * rate_hz * channels + 26)
    path = tmp_path / "a.WAV"
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(noise.astype("<i2").tobytes())
    streamed = decode(io.BytesIO(path.read_bytes()), "a")
    np.testing.assert_array_equal(decode(path, "a").waveform, streamed.waveform)
    assert len(streamed.waveform) > 7 * 16000


def test_video_and_streams(shared_data, speech, example):
    recording = decode(shared_data / "pairs" / "grid" / "bbaf2n.mpg", "clip")
    assert recording.duration_s == pytest.approx(3, abs=0.1)
    assert recording.waveform.std() > 100
    from_stream = decode(io.BytesIO(example.read_bytes()), "-")
    np.testing.assert_array_equal(from_stream.waveform, speech)


def test_first_seconds_only(example, speech):
    np.testing.assert_array_equal(decode(example, "x", first_s=1.5).waveform, speech[:24000])
    np.testing.assert_array_equal(decode(example, "x", first_s=99).waveform, speech)


def test_a_few_damaged_packets_are_passed_over_and_counted(speech, tmp_path):
    path = write_media(tmp_path / "a.mp3", speech[None] / 32768, 16000, "libmp3lame", "s16p")
    content = bytearray(path.read_bytes())
    content[8000:8400] = b"\0" * 400
    path.write_bytes(content)
    recording = decode(path, "a.mp3")
    assert recording.duration_s == pytest.approx(len(speech) / 16000, abs=0.3)


def wav(samples: bytes, bits: int, tag: int) -> bytes:
    block = struct.pack("<HHIIHH", tag, 1, 16000, 16000 * bits // 8, bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(block)) + block
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(value):
    samples = np.zeros(16000, dtype="<f4")
    samples[12345] = value
    with pytest.raises(RecordingError, match=r"x\.wav: holds samples that are NaN or infinite"):
        decode(io.BytesIO(wav(samples.tobytes(), 32, 3)), "x.wav")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a recording"),
        (b"hello, I am text\n" * 50, "not a recording"),
        (b"RIFF", "not a recording"),
        (wav(b"\0\0" * 99, 16, 1)[:30], "not a recording"),
        (wav(b"", 16, 1), "contains no audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a recording"),
    ],
)
def test_files_that_are_no_recordings(tmp_path, content, message):
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=rf"^.*x\.wav: .*({message})") as caught:
        decode(path, str(path))
    assert "\n" not in str(caught.value)


def test_a_picture_has_no_sound_track(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png")
    with pytest.raises(RecordingError, match="not a recording that FFmpeg can read"):
        decode(tmp_path / "x.png", "x.png")


def test_headers_that_lie_are_not_believed(speech, tmp_path):
    """Programs that write WAV to a pipe cannot know the length and claim the largest."""
    samples = speech[:32000].astype("<i2").tobytes()
    honest = wav(samples, 16, 1)
    at = honest.index(b"data") + 4
    for claimed in (0xFFFFFFFF, 0x7FFFFFFF, 0):
        content = honest[:at] + claimed.to_bytes(4, "little") + honest[at + 4 :]
        try:
            recording = decode(io.BytesIO(content), "-")
        except RecordingError as error:
            assert claimed == 0, error
            continue
        np.testing.assert_array_equal(recording.waveform, speech[:32000])


def test_sound_that_changes_its_rate_midway(speech, tmp_path):
    """Ogg streams may be chained, and MP3 files joined end to end."""
    parts = []
    for rate_hz in (32000, 44100):
        times = np.arange(2 * rate_hz) / rate_hz
        at_rate = np.interp(times, np.arange(32000) / 16000, speech[:32000] / 32768)
        path = write_media(tmp_path / "p.mp3", at_rate[None], rate_hz, "libmp3lame", "fltp")
        parts.append(path.read_bytes())
    (tmp_path / "joined.mp3").write_bytes(b"".join(parts))
    recording = decode(tmp_path / "joined.mp3", "joined")
    assert recording.duration_s == pytest.approx(4, abs=0.3)
    for half in (recording.waveform[:32000], recording.waveform[-33000:]):
        assert correlation(speech[:32000], half) > 0.9


def test_titles_in_an_old_encoding(speech, tmp_path):
    path = write_media(tmp_path / "t.mp3", speech[None] / 32768, 16000, "libmp3lame", "fltp")
    title = b"Fran\xe7oise"
    frame = b"TIT2" + (len(title) + 1).to_bytes(4, "big") + b"\0\0\x03" + title
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(frame)]) + frame
    path.write_bytes(tag + path.read_bytes())
    assert decode(path, "t").duration_s > 8


def test_sound_in_a_format_without_a_decoder_is_told(speech, tmp_path):
    path = write_media(tmp_path / "a.mkv", speech[None] / 32768, 16000, "aac", "fltp")
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    with pytest.raises(RecordingError, match="a format that FFmpeg cannot decode here"):
        decode(path, "a.mkv")


def test_missing_file():
    with pytest.raises(RecordingError, match=r"nope\.wav: no such file"):
        decode(Path("nope.wav"), "nope.wav")


def test_hours_are_read_in_bounded_memory(tmp_path):
    """The header tells the length, or, as in a raw stream, only the samples do."""
    three_hours = tmp_path / "long.wav"
    n_bytes = 3 * 3600 * 16000 * 2
    with three_hours.open("wb") as file:
        file.write(wav(b"", 16, 1)[:-4] + struct.pack("<I", n_bytes))
        file.truncate(44 + n_bytes)  # sparse: it takes no room on the disk
    eleven_minutes = write_media(
        tmp_path / "headless.flac", np.zeros((1, 11 * 60 * 8000), np.float32), 8000, "flac", "s16"
    )
    content = bytearray(eleven_minutes.read_bytes())
    # FLAC's STREAMINFO: 36 bits of total samples, of which 0 means "not known".
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    eleven_minutes.write_bytes(content)
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from voice2face.audio.decode import decode\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "path = Path(sys.argv[1])\n"
        "assert decode(path, 'x', first_s=30).duration_s == 30\n"
        "read = decode(path, 'x')\n"
        "print(read.duration_s, len(read.waveform), *read.notes, sep='; ')\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    for file, minutes in ((three_hours, 180), (eleven_minutes, 11)):
        done = subprocess.run(
            [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
        )
        told, grown_mib = done.stdout.splitlines()
        seconds, samples, note = told.split("; ")
        assert float(seconds) == pytest.approx(60 * minutes, abs=0.1)
        assert int(samples) == 600 * 16000
        assert note == f"the clearest 10 of its {minutes} minutes were used"
        # Ten minutes of samples, their copy, and what decodes: not three hours (330 MiB).
        assert int(grown_mib) < 120
