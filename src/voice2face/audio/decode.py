"""Any audio or video file to one channel of 16-bit samples at the rate of the front end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import av
import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from voice2face.errors import RecordingError
from voice2face.media import (
    AUDIO_CODECS,
    MAX_CHANNELS,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    open_media,
)
from voice2face.records import Recording

__all__ = ["MAX_DURATION_S", "decode", "other_tracks"]

MAX_DURATION_S = 600.0
# Of the packets, the share that has to be decodable.
_MIN_WHOLE = 0.5
# A mean of channels that has less than this share of one channel's power has cancelled it.
_CANCELLED = 0.01
# Samples of floating point are of 1 at full scale; beyond this they are meant as 16-bit integers.
_INTEGER_RANGE = 100.0


@dataclass(frozen=True)
class _Mix:
    """How frames become one channel: all channels' mean, or one of them; times a gain."""

    channel: int | None = None
    gain: float = 1.0


@dataclass
class _Levels:
    """Power of each channel and of their mean over a recording, and the greatest sample."""

    channels: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    mean: float = 0.0
    peak: float = 0.0


def decode(
    source: Path | IO[bytes],
    name: str,
    sample_rate_hz: int = 16000,
    first_s: float | None = None,
    track: int | None = None,
) -> Recording:
    """Read the sound of a file, whatever FFmpeg knows to read.

    The sound is mixed to one channel, resampled and rounded to 16 bits by FFmpeg's resampler; a
    file that is already so passes through untouched. Packets that cannot be decoded are passed
    over, as players do, and the sound ends where the file cannot be read on. Where the channels
    cancel each other, the strongest stands for all. Memory is bounded by `MAX_DURATION_S`.

    Args:
        first_s: Read only the first so many seconds; None reads all.
        track: Number of the sound track, from 1; None takes the one that is marked as default,
            else the first.

    Returns:
        The recording; its `notes` say what a listener should know of how it was read.

    Raises:
        RecordingError: The file cannot be read or is too long, holds no sound, or holds samples
            that are not finite numbers.
    """
    recording, levels = _read(source, name, sample_rate_hz, first_s, track, _Mix())
    notes, gain, channel = [], 1.0, None
    if levels.peak > _INTEGER_RANGE:
        gain = 1 / 32768
        notes.append("floating-point samples in the range of 16-bit integers were scaled")
    if levels.mean < _CANCELLED * levels.channels.max():
        channel = int(levels.channels.argmax())
        notes.append(
            f"the mean of its {len(levels.channels)} channels is nearly silent, "
            f"so channel {channel + 1} was used alone"
        )
    if not notes:
        return recording
    mix = _Mix(channel, gain)
    again, _ = _read(source, name, sample_rate_hz, first_s, track, mix)
    return Recording(name, again.waveform, sample_rate_hz, (*again.notes, *notes))


def other_tracks(source: Path | IO[bytes], name: str) -> list[int]:
    """List the sound tracks of a file beside the one that `decode` takes by itself.

    Args:
        source: As for `decode`.

    Returns:
        Numbers, from 1, in the file's order.

    Raises:
        RecordingError: The file cannot be opened.
    """
    with open_media(source, name, AUDIO_CODECS, RecordingError) as container:
        tracks = list(container.streams.audio)
        return [number for number in range(1, len(tracks) + 1) if number != _default(tracks)]


def _default(tracks: list[AudioStream]) -> int:
    """Number of the track marked as default, else 1."""
    marked = (n for n, one in enumerate(tracks, 1) if one.disposition & Disposition.default)
    return next(marked, 1)


def _read(
    source: Path | IO[bytes],
    name: str,
    sample_rate_hz: int,
    first_s: float | None,
    track: int | None,
    mix: _Mix,
) -> tuple[Recording, _Levels]:
    """Open, decode, check and resample one track of a file."""
    with open_media(source, name, AUDIO_CODECS, RecordingError) as container:
        tracks = list(container.streams.audio)
        if not tracks:
            raise RecordingError(f"{name}: has no audio track; give a file with audio")
        number = _default(tracks) if track is None else track
        if not 1 <= number <= len(tracks):
            raise RecordingError(f"{name}: has no audio track {number}; it has {len(tracks)}")
        stream = tracks[number - 1]
        notes = [f"audio track {number} of {len(tracks)} was used"] if len(tracks) > 1 else []
        limit_s = MAX_DURATION_S if first_s is None else first_s
        reader = _Reader(name, sample_rate_hz, int(limit_s * sample_rate_hz), mix)
        reader.read(container, stream)
        if len(reader.waveform) > reader.limit and first_s is None:
            # What a header says of the length is only reported: in a stream it may be anything.
            minutes = (container.duration or 0) / av.time_base / 60
            raise RecordingError(
                f"{name}: is longer than {limit_s / 60:.0f} minutes"
                + (f" ({minutes:.0f} by its header)" if minutes else "")
                + "; use a part of it with --first SECONDS"
            )
    waveform = reader.waveform[: reader.limit]
    return Recording(name, waveform, sample_rate_hz, (*notes, *reader.notes)), reader.levels


class _Reader:
    """Decodes a track, mixes it to one channel and resamples it, up to a number of samples."""

    def __init__(self, name: str, sample_rate_hz: int, limit: int, mix: _Mix) -> None:
        self.limit = limit
        self.notes: list[str] = []
        self.levels = _Levels()
        self.waveform = np.zeros(0, np.int16)
        self._name, self._mix = name, mix
        self._resampler = _Resampler(sample_rate_hz, mix)

    def read(self, container: InputContainer, stream: AudioStream) -> None:
        """Read the track; `waveform`, `levels` and `notes` then hold what was found."""
        decoder = _decoder(stream, self._name)
        n_packets = n_damaged = 0
        ended = ""
        packets = container.demux(stream)
        while self._resampler.n_samples <= self.limit:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
            except IndexError:
                # PyAV of a track that begins only here; what follows can be read all the same.
                packets = container.demux(stream)
                continue
            except (av.error.FFmpegError, ValueError):
                if not self._resampler.n_samples:
                    raise
                ended = "the file is damaged or cut off further on: its sound ends there"
                break
            n_packets += 1
            try:
                frames = decoder.decode(packet)
            except (av.error.FFmpegError, ValueError):
                n_damaged += 1
                continue
            for frame in frames:
                self._add(frame, stream.codec_context.name)
        self.waveform = self._resampler.finish()
        if n_damaged > (1 - _MIN_WHOLE) * n_packets:
            raise RecordingError(
                f"{self._name}: is damaged ({n_damaged} of {n_packets} packets cannot be decoded)"
            )
        if len(self.waveform) == 0:
            raise RecordingError(
                f"{self._name}: contains no audio (0 samples); give a recording of speech"
            )
        if n_damaged:
            self.notes.append(f"{n_damaged} of {n_packets} packets could not be decoded")
        if ended:
            self.notes.append(ended)

    def _add(self, frame: av.AudioFrame, codec: str) -> None:
        if not MIN_RATE_HZ <= frame.sample_rate <= MAX_RATE_HZ:
            raise RecordingError(
                f"{self._name}: has {frame.sample_rate:,} samples a second; "
                f"{MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} are read"
            )
        n_channels = frame.layout.nb_channels
        if n_channels > MAX_CHANNELS:
            raise RecordingError(
                f"{self._name}: has {n_channels} channels; at most {MAX_CHANNELS} are read"
            )
        # Only files of float samples can hold NaN or infinity; other decoders never make them.
        may_be_infinite = codec.startswith("pcm_f")
        if self._mix == _Mix() and (may_be_infinite or n_channels > 1):
            channels = _channels(frame)
            if may_be_infinite:
                if not np.isfinite(channels).all():
                    raise RecordingError(
                        f"{self._name}: holds samples that are NaN or infinite; "
                        "export it again as PCM"
                    )
                self.levels.peak = max(self.levels.peak, float(np.abs(channels).max(initial=0)))
            self._measure(channels)
        self._resampler.add(frame)

    def _measure(self, channels: NDArray[Any]) -> None:
        power = np.einsum("cn,cn->c", channels, channels, dtype=np.float64)
        if len(power) != len(self.levels.channels):  # a stream may change its channels
            self.levels.channels, self.levels.mean = np.zeros(len(power)), 0.0
        self.levels.channels = self.levels.channels + power
        mean = channels.mean(axis=0, dtype=np.float64)
        self.levels.mean += float(mean @ mean)


def _decoder(stream: AudioStream, name: str) -> Any:
    """Choose what decodes a track's packets."""
    context = stream.codec_context
    if context is None or context.name not in AUDIO_CODECS.split(","):
        raise RecordingError(f"{name}: its audio is in a format that FFmpeg cannot decode here")
    if context.name != "pcm_f24le":
        return context
    # WAVE_FORMAT_EXTENSIBLE with 24 valid bits in 32, which FFmpeg takes for an old float format.
    integers = av.CodecContext.create("pcm_s32le", "r")
    integers.sample_rate = context.sample_rate  # pyright: ignore[reportAttributeAccessIssue]
    integers.layout = context.layout  # pyright: ignore[reportAttributeAccessIssue]
    return integers


_PLANAR_TYPES = {
    "u8p": np.uint8,
    "s16p": np.int16,
    "s32p": np.int32,
    "s64p": np.int64,
    "fltp": np.float32,
    "dblp": np.float64,
}


def _channels(frame: av.AudioFrame) -> NDArray[Any]:
    """Samples of a frame as (channels, samples), 1 at full scale."""
    n_channels = frame.layout.nb_channels
    if frame.format.is_planar:
        # Not to_ndarray: of eight channels and more, PyAV takes what lies behind them for planes.
        dtype = _PLANAR_TYPES[frame.format.name]
        planes = frame.planes[:n_channels]
        array: NDArray[Any] = np.stack(
            [np.frombuffer(memoryview(plane), dtype)[: frame.samples] for plane in planes]  # pyright: ignore[reportArgumentType]
        )
    else:
        array = frame.to_ndarray().reshape(-1, n_channels).T
    if array.dtype.kind == "f":
        return array
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128) / 128
    return array.astype(np.float32) / (1 << (8 * array.dtype.itemsize - 1))


class _Resampler:
    """Mixes frames to one channel, resamples and joins them; frames may change their format."""

    def __init__(self, sample_rate_hz: int, mix: _Mix) -> None:
        self.n_samples = 0
        self._sample_rate_hz = sample_rate_hz
        self._mix = mix
        self._blocks: list[NDArray[np.int16]] = []
        self._format: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None
        self._by_hand = False

    def add(self, frame: av.AudioFrame) -> None:
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != self._format:
            self._put(None)
            self._format, self._by_hand = found, self._mix != _Mix()
            self._begin()
        if not self._by_hand:
            try:
                self._put(frame)
                return
            except (av.error.FFmpegError, ValueError):
                # A layout that the resampler does not know.
                self._by_hand = True
                self._begin()
        self._put(self._mixed(frame))

    def finish(self) -> NDArray[np.int16]:
        self._put(None)
        return np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.int16)

    def _begin(self) -> None:
        self._resampler = av.AudioResampler("s16", "mono", self._sample_rate_hz)

    def _mixed(self, frame: av.AudioFrame) -> av.AudioFrame:
        channels, one = _channels(frame), self._mix.channel
        mono = channels.mean(axis=0) if one is None or one >= len(channels) else channels[one]
        samples = np.ascontiguousarray(self._mix.gain * mono, np.float32)
        mixed = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        mixed.sample_rate = frame.sample_rate
        return mixed

    def _put(self, frame: av.AudioFrame | None) -> None:
        if self._resampler is not None:
            for resampled in self._resampler.resample(frame):
                self._blocks.append(resampled.to_ndarray()[0])
                self.n_samples += resampled.samples
