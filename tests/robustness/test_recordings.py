"""Recordings that people really have, and hostile ones: read rightly, or refused in one line."""

from __future__ import annotations

import io
import os
import shutil
import struct
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from tests.conftest import write_media
from voice2face import media
from voice2face.audio.decode import decode
from voice2face.audio.front_end import listen
from voice2face.audio.settings import preset
from voice2face.errors import ConfigError, RecordingError
from voice2face.runtime.reading import read_features

RATE = 16000


def wav(samples: np.ndarray, rate_hz: int = RATE, tag: int = 1, valid_bits: int = 0) -> bytes:
    """A WAV file of (samples, channels); `valid_bits` makes it WAVE_FORMAT_EXTENSIBLE."""
    channels, bits = samples.shape[1], 8 * samples.dtype.itemsize
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
    if valid_bits:
        head = struct.pack("<H", 0xFFFE) + head[2:]
        guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
        head += struct.pack("<HHI", 22, valid_bits, 0) + guid
    content = samples.tobytes()
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    body += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def heard(content: bytes, name: str = "x.wav") -> np.ndarray:
    return decode(io.BytesIO(content), name).waveform


def test_channels_that_cancel_leave_the_stronger_one(speech):
    partly = np.stack([speech, -(speech // 2)], axis=1)  # their mean is a quarter: no reason
    assert decode(io.BytesIO(wav(partly)), "x").notes == ()
    opposite = np.stack([speech // 2, -speech.astype(np.int32) // 2], axis=1).astype(np.int16)
    found = decode(io.BytesIO(wav(opposite)), "x")
    # Through floating point: within one step of 16 bits.
    assert min(np.abs(found.waveform - opposite[:, n]).max() for n in (0, 1)) <= 1
    assert any("nearly silent" in note for note in found.notes)


@pytest.mark.parametrize("channels", [3, 9, 11, 25, 64])
def test_any_number_of_channels_is_mixed(speech, channels):
    found = heard(wav(np.repeat(speech[:, None], channels, axis=1)))
    correlation = np.corrcoef(found, speech[: len(found)])[0, 1]
    assert correlation > 0.999


def test_too_many_channels_are_refused(speech):
    many = np.repeat(speech[:200, None], media.MAX_CHANNELS + 1, axis=1)
    with pytest.raises(RecordingError, match="channels"):
        heard(wav(many))


def test_24_valid_bits_in_32_are_integers(speech):
    samples = (speech.astype(np.int32) << 16)[:, None]
    np.testing.assert_allclose(heard(wav(samples, valid_bits=24)), speech, atol=1)


def test_floats_in_the_range_of_integers_are_scaled_and_told(speech):
    found = decode(io.BytesIO(wav(speech.astype(np.float32)[:, None], tag=3)), "x.wav")
    np.testing.assert_allclose(found.waveform, speech, atol=1)
    assert any("scaled" in note for note in found.notes)


def test_floats_a_little_beyond_full_scale_are_not(speech):
    loud = (speech / np.abs(speech).max() * 3).astype(np.float32)[:, None]
    assert decode(io.BytesIO(wav(loud, tag=3)), "x.wav").notes == ()


@pytest.mark.parametrize("rate_hz", [1, 65, 3999, 768_001])
def test_rates_that_no_recorder_has_are_refused(speech, rate_hz):
    with pytest.raises(RecordingError, match="samples a second"):
        heard(wav(speech[:, None], rate_hz=rate_hz))


def tracks(path: Path, *sounds: np.ndarray, default: int | None = None) -> Path:
    """A Matroska file with a track of PCM for each sound."""
    with av.open(str(path), "w") as file:
        streams = [file.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in sounds]
        for number, stream in enumerate(streams):
            stream.disposition = (
                av.stream.Disposition.default if number == default else av.stream.Disposition(0)
            )
        for stream, sound in zip(streams, sounds, strict=True):
            frame = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            frame.sample_rate = RATE
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path


def test_the_default_track_is_heard_else_the_first_with_speech(speech, tmp_path):
    silence, other = np.zeros_like(speech), speech[::-1].copy()
    front_end = preset("wen2019")
    marked = tracks(tmp_path / "a.mkv", other, speech, default=1)
    recording, _ = listen(marked, "a.mkv", front_end)
    np.testing.assert_array_equal(recording.waveform, speech)
    assert recording.notes == ("audio track 2 of 2 was used",)
    silent = tracks(tmp_path / "b.mkv", silence, silence, speech, default=0)
    recording, _ = listen(silent, "b.mkv", front_end)
    np.testing.assert_array_equal(recording.waveform, speech)
    chosen, _ = listen(marked, "a.mkv", front_end, track=1)
    np.testing.assert_array_equal(chosen.waveform, other)
    with pytest.raises(RecordingError, match="no audio track 3; it has 2"):
        listen(marked, "a.mkv", front_end, track=3)
    with pytest.raises(RecordingError, match=r"0\.00 s of speech"):
        listen(silent, "b.mkv", front_end, track=1)


def test_what_is_whole_of_a_damaged_file_is_used_and_the_rest_told(speech, tmp_path):
    path = write_media(tmp_path / "a.m4a", speech[None] / 32768, RATE, "aac", "fltp")
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + 4000
    content[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(content)
    found = decode(path, "a.m4a")
    assert found.duration_s == pytest.approx(len(speech) / RATE, rel=0.05)
    cut = path.with_name("b.tta")
    whole = write_media(tmp_path / "c.tta", speech[None] / 32768, RATE, "tta", "s16")
    cut.write_bytes(whole.read_bytes()[: int(0.9 * whole.stat().st_size)])
    shorter = decode(cut, "b.tta")
    assert 0.5 * len(speech) < len(shorter.waveform) < len(speech)
    np.testing.assert_array_equal(shorter.waveform[:RATE], decode(whole, "c.tta").waveform[:RATE])


PLAYLISTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:15\n#EXTINF:14,\n{}\n#EXT-X-ENDLIST\n",
    "a.ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
}


@pytest.mark.parametrize("name", [*PLAYLISTS, *(f"{name}.wav" for name in PLAYLISTS)])
def test_what_refers_to_another_file_is_refused(example, tmp_path, monkeypatch, name):
    shutil.copy(example, tmp_path / "secret.flac")
    monkeypatch.chdir(tmp_path)
    text = PLAYLISTS[name.removesuffix(".wav")]
    for place in ("secret.flac", str(tmp_path / "secret.flac")):
        Path(name).write_text(text.format(place))
        with pytest.raises(RecordingError, match="not a recording"):
            decode(Path(name), name)


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:9/x.wav", "file:///etc/hostname", "concat:/x.wav|y", "udp://[::1]:9"]
)
def test_an_address_is_no_file(name):
    with pytest.raises(RecordingError, match=r"is an address|no such file"):
        decode(Path(name), name)


def test_a_name_with_a_colon_is_a_file(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(example, "2024-08-20T13:28:35Z.flac")
    name = "2024-08-20T13:28:35Z.flac"
    assert decode(Path(name), name).duration_s > 1


def test_pipes_are_read_whole_and_do_not_hang(example, tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(example.read_bytes()))
    writer.start()
    found = decode(pipe, "pipe.flac")
    writer.join()
    np.testing.assert_array_equal(found.waveform, decode(example, "x.flac").waveform)
    monkeypatch.setattr(media, "STALL_LIMIT_S", 0.1)
    with pytest.raises(RecordingError, match="gave nothing"):
        decode(pipe, "pipe")  # nobody writes
    with pytest.raises(RecordingError, match="is a device"):
        decode(Path("/dev/zero"), "/dev/zero")


@pytest.mark.parametrize("first_s", [np.inf, np.nan, 1e300, 0, -1])
def test_lengths_that_are_none_are_refused(example, first_s):
    with pytest.raises(ConfigError, match="first"):
        read_features(example, preset("wen2019"), first_s)


def test_a_cover_is_never_decoded(speech, tmp_path):
    """A cover of a gigapixel in a recording costs nothing."""
    from PIL import Image

    picture = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(picture, "PNG")
    sound = write_media(tmp_path / "a.mp3", speech[None] / 32768, RATE, "libmp3lame", "s16p")
    data = b"\0image/png\0\3\0" + picture.getvalue()
    frame = b"APIC" + struct.pack(">I", len(data)) + b"\0\0" + data

    def synchsafe(n: int) -> bytes:
        return bytes((n >> shift) & 0x7F for shift in (21, 14, 7, 0))

    tag = b"ID3\3\0\0" + synchsafe(len(frame)) + frame
    path = tmp_path / "b.mp3"
    path.write_bytes(tag + sound.read_bytes())
    with media.open_media(path, "b.mp3", media.AUDIO_CODECS, RecordingError) as container:
        assert len(container.streams.video) == 1
        assert container.streams.video[0].codec_context.pix_fmt is None  # not looked at
    assert decode(path, "b.mp3").duration_s == pytest.approx(len(speech) / RATE, abs=0.2)


def test_a_track_that_begins_in_mid_file_stops_nothing(speech, tmp_path):
    """As files that were joined byte by byte have; both halves' sound is heard."""
    sound = write_media(
        tmp_path / "a.flv", np.tile(speech, 3)[None] / 32768, 44100, "pcm_s16le", "s16"
    )
    with av.open(str(tmp_path / "v.flv"), "w") as file:
        stream = file.add_stream("flv1", rate=5)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    joined = tmp_path / "c.flv"
    header = 13  # of FLV, and the size of no tag before
    joined.write_bytes(sound.read_bytes() + (tmp_path / "v.flv").read_bytes()[header:])
    alone = decode(sound, "a.flv")
    np.testing.assert_array_equal(decode(joined, "c.flv").waveform, alone.waveform)


def test_eight_planes_are_eight_channels(speech, tmp_path):
    # PyAV alone takes what lies behind eight and more planes for planes, and reads it.
    samples = np.zeros((len(speech), 8), np.int16)
    samples[:, 2], samples[:, 5] = speech // 2, -(speech // 2)
    path = tmp_path / "surround.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="7.1")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="7.1")
        frame.sample_rate = RATE
        resampler = av.AudioResampler("fltp", "7.1", RATE, frame_size=1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    (note,) = decode(io.BytesIO(path.read_bytes()), "x").notes
    assert "mean of its 8 channels is nearly silent" in note
