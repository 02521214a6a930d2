"""Any audio or video file to one channel of 16-bit samples at the rate of the front end."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import av
import av.error
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from voice2face.errors import RecordingError
from voice2face.records import Recording

__all__ = ["MAX_DURATION_S", "decode"]

MAX_DURATION_S = 600.0
# By itself, FFmpeg reads a WAV file in packets of 4 KiB and looks through all that it buffers for
# DTS in disguise, which takes three quarters of the time; here it looks at one packet of 32 KiB.
_WAV_OPTIONS = {"max_size": "32768", "max_probe_packets": "1"}


def decode(
    source: Path | BinaryIO,
    name: str,
    sample_rate_hz: int = 16000,
    first_s: float | None = None,
) -> Recording:
    """Read the sound of a file, whatever FFmpeg knows to read.

    The sound is mixed to one channel, resampled and rounded to 16 bits by FFmpeg's resampler; a
    file that is already so passes through untouched. Packets that cannot be decoded are passed
    over, as players do, as long as they are few. Memory is bounded by `MAX_DURATION_S`.

    Args:
        source: A file, or a seekable binary stream.
        name: How messages call it.
        sample_rate_hz: Rate to resample to.
        first_s: Read only the first so many seconds; None reads all.

    Returns:
        The recording.

    Raises:
        RecordingError: The file cannot be read or is too long, holds no sound, or holds samples
            that are not finite numbers.
    """
    limit_s = MAX_DURATION_S if first_s is None else first_s
    is_wav = isinstance(source, Path) and source.suffix.lower() == ".wav"
    try:
        with av.open(
            str(source) if isinstance(source, Path) else source,
            metadata_errors="ignore",  # titles in an old encoding are no reason to refuse
            options=_WAV_OPTIONS if is_wav else {},
        ) as container:
            if not container.streams.audio:
                raise RecordingError(f"{name}: has no sound track; give a file with sound")
            return _read(container, name, sample_rate_hz, limit_s, cut=first_s is not None)
    except FileNotFoundError:
        raise RecordingError(f"{name}: no such file") from None
    except PermissionError:
        raise RecordingError(f"{name}: may not be read (permission denied)") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordingError(
            f"{name}: not a recording that FFmpeg can read ({reason}); "
            "give WAV, FLAC, MP3, M4A, Ogg, WebM or another audio or video file"
        ) from None


def _read(
    container: InputContainer,
    name: str,
    sample_rate_hz: int,
    limit_s: float,
    cut: bool,
) -> Recording:
    """Decode, check and resample the first sound track of an open file."""
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise RecordingError(f"{name}: its sound is in a format that FFmpeg cannot decode here")
    # Only files of float samples can hold NaN or infinity; other decoders never make them.
    may_be_infinite = stream.codec_context.name.startswith("pcm_f")
    resampler = _Resampler(sample_rate_hz)
    n_packets = n_damaged = 0
    limit = int(limit_s * sample_rate_hz)
    for packet in container.demux(stream):
        n_packets += 1
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            n_damaged += 1
            continue
        for frame in frames:
            if may_be_infinite and not np.isfinite(frame.to_ndarray()).all():
                raise RecordingError(
                    f"{name}: holds samples that are NaN or infinite; export it again as PCM"
                )
            resampler.add(frame)
        if resampler.n_samples > limit:
            break
    waveform = resampler.finish()
    if len(waveform) == 0:
        raise RecordingError(f"{name}: holds no sound (0 samples); give a recording of speech")
    if 10 * n_damaged > n_packets:
        raise RecordingError(
            f"{name}: is damaged ({n_damaged} of {n_packets} packets cannot be decoded)"
        )
    if len(waveform) > limit and not cut:
        # What a header says of the length is only reported: in a stream it may be anything.
        minutes = (container.duration or 0) / av.time_base / 60
        raise RecordingError(
            f"{name}: is longer than {limit_s / 60:.0f} minutes"
            + (f" ({minutes:.0f} by its header)" if minutes else "")
            + "; use a part of it with --first SECONDS"
        )
    return Recording(name, waveform[:limit], sample_rate_hz, n_damaged)


class _Resampler:
    """Mixes frames to one channel, resamples and joins them; frames may change their format."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.n_samples = 0
        self._sample_rate_hz = sample_rate_hz
        self._blocks: list[NDArray[np.int16]] = []
        self._format: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def add(self, frame: av.AudioFrame) -> None:
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != self._format:
            self._put(None)
            self._format = found
            self._resampler = av.AudioResampler("s16", "mono", self._sample_rate_hz)
        self._put(frame)

    def finish(self) -> NDArray[np.int16]:
        self._put(None)
        return np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.int16)

    def _put(self, frame: av.AudioFrame | None) -> None:
        if self._resampler is not None:
            for resampled in self._resampler.resample(frame):
                self._blocks.append(resampled.to_ndarray()[0])
                self.n_samples += resampled.samples
