"""Any audio or video file to one channel of 16-bit samples at the rate of the front end."""

from __future__ import annotations

import dataclasses
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

from voice2face.audio.resample import Mix, Resampler, channels_of
from voice2face.errors import RecordingError
from voice2face.media import (
    AUDIO_CODECS,
    MAX_CHANNELS,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    open_media,
)
from voice2face.records import Recording

# The most that is used of a recording, and the most that is read of it.
MAX_DURATION_S = 600.0
MAX_READ_S = 6 * 3600.0
# Of the packets, the share that has to be decodable.
_MIN_WHOLE = 0.5
# A mean of channels that has less than this share of one channel's power has cancelled it.
_CANCELLED = 0.01
# Samples of floating point are of 1 at full scale; beyond this they are meant as 16-bit integers.
_INTEGER_RANGE = 100.0


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
    cancel each other, the strongest stands for all. Of a recording longer than `MAX_DURATION_S`,
    which bounds the memory, only the stretches with most clear speech are kept; what lies beyond
    `MAX_READ_S` is not looked at.

    Args:
        first_s: Read only the first so many seconds; None reads all.
        track: Number of the sound track, from 1; None takes the one that is marked as default,
            else the first.

    Returns:
        The recording; its `notes` say what a listener should know of how it was read.

    Raises:
        RecordingError: The file cannot be read, holds no sound, or holds samples that are not
            finite numbers.
    """
    recording, levels = _read(source, name, sample_rate_hz, first_s, track, Mix())
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
    mix = Mix(channel, gain)
    again, _ = _read(source, name, sample_rate_hz, first_s, track, mix)
    return dataclasses.replace(again, notes=(*again.notes, *notes))


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
    mix: Mix,
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
        most_s = MAX_READ_S if first_s is None else min(first_s, MAX_READ_S)
        reader = _Reader(name, sample_rate_hz, int(most_s * sample_rate_hz), mix)
        reader.read(container, stream)
    whole_s = reader.n_samples / sample_rate_hz
    notes += reader.notes
    if reader.stretches_s:
        used_min, whole_min = len(reader.waveform) / sample_rate_hz / 60, whole_s / 60
        notes.append(f"the clearest {used_min:.0f} of its {whole_min:.0f} minutes were used")
    if whole_s >= MAX_READ_S:
        notes.append(f"what comes after {MAX_READ_S / 3600:.0f} hours was not read")
    return Recording(
        name, reader.waveform, sample_rate_hz, tuple(notes), whole_s, reader.stretches_s
    ), reader.levels


class _Reader:
    """Decodes a track, mixes it to one channel and resamples it, up to a number of samples.

    Attributes:
        waveform: What is kept of it; see `BestStretches`.
        stretches_s: See `Recording`.
        n_samples: Its length.
    """

    def __init__(self, name: str, sample_rate_hz: int, limit: int, mix: Mix) -> None:
        self.n_samples = 0
        self.stretches_s: tuple[tuple[float, float], ...] = ()
        self.notes: list[str] = []
        self.levels = _Levels()
        self.waveform = np.zeros(0, np.int16)
        self._name, self._mix = name, mix
        most_kept = int(MAX_DURATION_S * sample_rate_hz)
        self._resampler = Resampler(sample_rate_hz, mix, limit, most_kept)
        self._limit = limit

    def read(self, container: InputContainer, stream: AudioStream) -> None:
        """Read the track; `waveform`, `levels` and `notes` then hold what was found."""
        decoder = _decoder(stream, self._name)
        n_packets = n_damaged = 0
        ended = ""
        packets = container.demux(stream)
        while self._resampler.n_samples < self._limit:
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
        self.waveform, self.stretches_s = self._resampler.finish()
        self.n_samples = self._resampler.n_samples
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
        if self._mix == Mix() and (may_be_infinite or n_channels > 1):
            channels = channels_of(frame)
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
