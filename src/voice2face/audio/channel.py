"""What microphones, lines and files do to a voice: limits, bands, codecs, gates, few bits.

Pure functions; waveforms are as in `audio.augment`.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from voice2face.audio.decode import decode
from voice2face.errors import look_up

_FULL_SCALE = 32767
_GATE_FRAME_S = 0.02
_GATE_LOUD_PERCENTILE = 95


class Codec(NamedTuple):
    """An encoder of FFmpeg in a container, at a rate at which one hears that it was there."""

    container: str
    encoder: str
    sample_rate_hz: int
    bit_rate: int


CODECS: dict[str, Codec] = {
    "opus": Codec("ogg", "libopus", 16000, 8_000),
    "amr": Codec("amr", "libopencore_amrnb", 8000, 7_950),
    "mp3": Codec("mp3", "libmp3lame", 16000, 16_000),
    "aac": Codec("adts", "aac", 16000, 16_000),
}


def clip(waveform: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Cut off what is loudest, as an overdriven microphone does.

    Args:
        share: Of the samples that are at the limit afterwards, 0 to 1.
    """
    limit = np.quantile(np.abs(waveform), 1 - share)
    return np.clip(waveform, -limit, limit).astype(np.float32)


def low_pass(
    waveform: NDArray[np.float32], cutoff_hz: float, sample_rate_hz: int = 16000
) -> NDArray[np.float32]:
    """Take away what is above a frequency; the edge is a raised cosine over a fifth of it."""
    spectrum = np.fft.rfft(waveform)
    hz = np.fft.rfftfreq(len(waveform), 1 / sample_rate_hz)
    gain = np.clip((1.2 * cutoff_hz - hz) / (0.2 * cutoff_hz), 0, 1)
    return np.fft.irfft(spectrum * np.sin(np.pi / 2 * gain) ** 2, len(waveform)).astype(np.float32)


def telephone(
    waveform: NDArray[np.float32], companded: bool, sample_rate_hz: int = 16000
) -> NDArray[np.float32]:
    """Let a recording sound as over a telephone line.

    Args:
        waveform: (samples,) float32, in the range of 16 bits.
        companded: Whether it also goes through 8 bits of mu-law at 8 kHz, as on a digital line.

    Returns:
        (samples,) float32 with the band from 300 to 3400 Hz; edges of 100 Hz lie outside of it.

    Source:
        ITU-T G.711: mu = 255; here the continuous law is rounded to 255 levels.
    """
    spectrum = np.fft.rfft(waveform)
    hz = np.fft.rfftfreq(len(waveform), 1 / sample_rate_hz)
    gain = np.clip(np.minimum((hz - 200) / 100, (3500 - hz) / 100), 0, 1)
    narrow = np.fft.irfft(spectrum * np.sin(np.pi / 2 * gain) ** 2, len(waveform))
    if companded and len(waveform):
        line = resample(narrow, max(1, len(waveform) * 8000 // sample_rate_hz)) / _FULL_SCALE
        level = np.log1p(255 * np.minimum(np.abs(line), 1)) / np.log(256)
        level = np.rint(127 * level) / 127
        line = np.sign(line) * np.expm1(level * np.log(256)) / 255
        narrow = resample(line * _FULL_SCALE, len(waveform))
    return narrow.astype(np.float32)


def through_codec(
    waveform: NDArray[np.int16], name: str, sample_rate_hz: int = 16000
) -> NDArray[np.int16]:
    """Encode and decode a recording.

    Args:
        name: A key of `CODECS`.

    Returns:
        (samples,) of the same length; the codec's delay is within it.

    Raises:
        ConfigError: There is no such codec.
    """
    codec = look_up("codec", name, CODECS)
    target = io.BytesIO()
    with av.open(target, "w", format=codec.container) as container:
        stream = container.add_stream(codec.encoder, rate=codec.sample_rate_hz, layout="mono")
        stream.bit_rate = codec.bit_rate
        frame = av.AudioFrame.from_ndarray(waveform[None], format="s16", layout="mono")
        frame.sample_rate = sample_rate_hz
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    target.seek(0)
    heard = decode(target, name, sample_rate_hz).waveform[: len(waveform)]
    return np.pad(heard, (0, len(waveform) - len(heard)))


def gate(
    waveform: NDArray[np.int16], depth_db: float, sample_rate_hz: int = 16000
) -> NDArray[np.int16]:
    """Silence quiet stretches, as calls do: frames of 20 ms become exact zeros.

    Args:
        depth_db: How far below the level of the loudest frames a frame is quiet.
    """
    length = int(_GATE_FRAME_S * sample_rate_hz)
    padded = np.pad(waveform, (0, -len(waveform) % length)).reshape(-1, length)
    level = np.sqrt(np.square(padded, dtype=np.float64).mean(axis=1))
    is_loud = level > np.percentile(level, _GATE_LOUD_PERCENTILE) * 10 ** (-depth_db / 20)
    return (padded * is_loud[:, None]).astype(np.int16).ravel()[: len(waveform)]


def requantise(waveform: NDArray[np.int16], bits: int) -> NDArray[np.int16]:
    """Keep the upper bits of 16, without dither."""
    step = 2 ** (16 - bits)
    rounded = step * np.rint(waveform / step)
    return rounded.clip(-_FULL_SCALE - 1, _FULL_SCALE).astype(np.int16)


def resample(waveform: NDArray[np.floating], n_samples: int) -> NDArray[np.float64]:
    """Resample to a length through the spectrum, with what does not fit cut off.

    Returns:
        (n_samples,) float64.
    """
    spectrum = np.fft.rfft(waveform)
    n_bins = n_samples // 2 + 1
    fitted = np.zeros(n_bins, dtype=spectrum.dtype)
    kept = min(n_bins, len(spectrum))
    fitted[:kept] = spectrum[:kept]
    return np.fft.irfft(fitted, n_samples) * (n_samples / len(waveform))
