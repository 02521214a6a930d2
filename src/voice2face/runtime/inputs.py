"""What a recording may be given as, and how each kind becomes a file that is decoded."""

# Arrays may be of any type and of any library.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import RecordingError
from voice2face.media import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from voice2face.runtime.reading import NamedBytes, name_of
from voice2face.runtime.speech import Speech

Given = TypeVar("Given")
Made = TypeVar("Made")


class Array(Protocol):
    """An array of NumPy, a tensor of PyTorch, or another that NumPy reads."""

    @property
    def shape(self) -> Any:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of its numbers."""
        ...


# The array is (samples,), (channels, samples) or (samples, channels), with its rate in Hz.
AnyRecording: TypeAlias = str | Path | bytes | IO[bytes] | tuple[Array, int]


class ReadingOptions(TypedDict, total=False):
    """How a recording is read; see `VoiceToFace.read`."""

    first_s: float | None
    force: bool
    track: int | None
    speakers: int | None


# Types that a WAV file may have, and their tags in it: integers, or floating point.
_WAV_TAGS = {"int16": 1, "int32": 1, "float32": 3, "float64": 3}
_MAX_WAV_BYTES = 2**32 - 1 - 36
_ACCEPTED = "give a path, bytes, a file open for reading bytes, or (array, sample_rate)"


def as_file(recording: AnyRecording, number: int | None = None) -> str | Path | IO[bytes]:
    """Turn a recording into what is decoded: a path, or an open file.

    An array becomes a WAV file in memory. All that is done to a file is then done to it, and the
    same samples give the same faces.

    Args:
        recording: A path, "-" or file stays as it is. Integers of an array have their type's
            range; floats are from -1 to 1, see `decode` of others.
        number: Its number among several, from 1, for messages; None: it is the only one.

    Raises:
        RecordingError: It is none of these; or of an array, the type, shape, length or rate
            cannot be used, it is ambiguous which axis holds the channels, or a sample is not a
            finite number.
    """
    if isinstance(recording, (str, Path)):
        return recording
    name = "recording" if number is None else f"recording {number}"
    if isinstance(recording, (bytes, bytearray, memoryview)):
        return NamedBytes(bytes(recording), name)
    if isinstance(recording, tuple):
        return _wav_of(recording, name, "the array" if number is None else f"array {number}")
    if hasattr(recording, "read"):
        if not _gives_bytes(recording):
            raise RecordingError(
                f"{name_of(recording)}: is not open for reading bytes, or cannot be sought in; "
                "open a file with the mode 'rb', or give its bytes"
            )
        return recording
    if hasattr(recording, "shape"):
        raise RecordingError(f"{name}: is an array without a rate; give (array, sample_rate)")
    raise RecordingError(f"{name}: is of the type {type(recording).__name__}; {_ACCEPTED}")


def of_each(do: Callable[[Given], Made], recordings: list[Given]) -> list[Made]:
    """Do something with each recording, several at a time; arrays and bytes are numbered.

    The networks run for one recording at a time, as a batch would change the last bits of what
    they give.

    Raises:
        RecordingError: As the first one that fails.
    """
    workers = max(1, min(len(recordings), os.cpu_count() or 1, 4))
    numbers = range(1, len(recordings) + 1)

    def one(recording: Any, number: int) -> Made:
        return do(recording if isinstance(recording, Speech) else as_file(recording, number))  # pyright: ignore[reportArgumentType]

    with ThreadPoolExecutor(max_workers=workers) as executor:
        return list(executor.map(one, recordings, numbers))


def _gives_bytes(file: IO[bytes]) -> bool:
    try:
        file.seek(0)
        return file.read(0) == b""
    except (OSError, ValueError, AttributeError):
        return False


def _wav_of(pair: tuple[Any, ...], kind: str, name: str) -> NamedBytes:
    """Write an array as a WAV file in memory."""
    if len(pair) != 2 or not hasattr(pair[0], "shape"):
        swapped = len(pair) == 2 and hasattr(pair[1], "shape")
        found = "(sample_rate, array)" if swapped else f"a tuple of {len(pair)}"
        raise RecordingError(
            f"{kind}: is {found}; give (array, sample_rate), or several recordings as a list"
        )
    rate_hz = _rate_of(pair[1], name)
    samples = _samples_of(pair[0], name)
    n_channels, n_bytes = samples.shape[1], samples.nbytes
    if not n_bytes:
        raise RecordingError(f"{name}: contains no audio (0 samples); give a recording of speech")
    if n_bytes > _MAX_WAV_BYTES:
        raise RecordingError(f"{name}: holds {n_bytes / 2**30:.1f} GiB; at most 4 GiB are read")
    if not np.isfinite(samples).all():
        raise RecordingError(
            f"{name}: holds samples that are NaN or infinite; replace them, or leave them out"
        )
    tag, depth = _WAV_TAGS[samples.dtype.name], samples.dtype.itemsize
    sizes = (n_channels, rate_hz, rate_hz * n_channels * depth, n_channels * depth, 8 * depth)
    head = struct.pack("<4sI8sIHHIIHH", b"RIFF", 36 + n_bytes, b"WAVEfmt ", 16, tag, *sizes)
    head += struct.pack("<4sI", b"data", n_bytes)
    little = np.ascontiguousarray(samples, f"<{samples.dtype.kind}{depth}")
    return NamedBytes(b"".join([head, little.data.cast("B")]), name)


def _rate_of(rate: Any, name: str) -> int:
    try:
        rate_hz = int(rate)
        whole = bool(rate_hz == rate)
    except (TypeError, ValueError, OverflowError):
        rate_hz, whole = 0, False
    if not whole:
        raise RecordingError(
            f"{name}: has the sample rate {rate!r:.40}; give a whole number of samples a second"
        )
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise RecordingError(
            f"{name}: has {rate_hz:,} samples a second; {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} are read"
        )
    return rate_hz


def _samples_of(array: Any, name: str) -> NDArray[Any]:
    """Take the samples of an array, (samples, channels) of a type that WAV has."""
    if hasattr(array, "detach"):  # a tensor that a gradient is asked of, or of another device
        array = array.detach().cpu()
    try:
        samples = np.asarray(array)
        dtype = samples.dtype.name
    except (TypeError, ValueError, RuntimeError):  # a type that NumPy does not have
        samples, dtype = np.zeros(0), str(array.dtype)
    if dtype not in _WAV_TAGS:
        raise RecordingError(
            f"{name}: has samples of the type {dtype}; give int16 or int32, which have their "
            "type's range, or float32 or float64 from -1 to 1"
        )
    if samples.ndim == 1:
        return samples[:, None]
    if samples.ndim != 2:
        raise RecordingError(
            f"{name}: has the shape {samples.shape}; give (samples,), (channels, samples) or "
            "(samples, channels), and several recordings as a list"
        )
    # Which axis is which can be told only where one of them is too long to be that of channels.
    first, last = (length > MAX_CHANNELS for length in samples.shape)
    if first == last:
        why = f"neither axis has at most {MAX_CHANNELS} channels" if first else "it is ambiguous"
        what = "" if first else " which axis holds the channels, as both are short"
        raise RecordingError(
            f"{name}: has the shape {samples.shape}, and {why}{what}; give one channel as "
            "(samples,)"
        )
    return np.transpose(samples) if last else samples
