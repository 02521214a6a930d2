"""Reading a recording: its file opened once, decoded, and run through the front end."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from voice2face.audio.decode import MAX_READ_S
from voice2face.audio.front_end import listen
from voice2face.audio.settings import FrontEnd
from voice2face.errors import ConfigError, RecordingError
from voice2face.media import open_bytes
from voice2face.records import Features, Recording


class Clock:
    """Time between laps, in milliseconds; it may go on from laps that were timed before."""

    def __init__(self, laps_ms: Mapping[str, float] | None = None) -> None:
        self.laps_ms: dict[str, float] = dict(laps_ms or {})
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add the time since the last lap to that of a part."""
        now = time.perf_counter()
        self.laps_ms[name] = round(self.laps_ms.get(name, 0) + 1000 * (now - self._last), 2)
        self._last = now


class NamedBytes(io.BytesIO):
    """A recording in memory, with the name that messages and captions call it."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def name_of(recording: str | Path | IO[bytes]) -> str:
    """Give the name by which messages and captions call a recording."""
    if isinstance(recording, (str, Path)):
        return str(recording)
    return str(getattr(recording, "name", None) or "recording")


def read_features(
    recording: str | Path | IO[bytes],
    settings: FrontEnd,
    first_s: float | None = None,
    track: int | None = None,
) -> Features:
    """Decode a recording and run the front end on it; see `read_recording`."""
    return read_recording(recording, settings, first_s, track)[1]


def read_recording(
    recording: str | Path | IO[bytes],
    settings: FrontEnd,
    first_s: float | None = None,
    track: int | None = None,
    clock: Clock | None = None,
    check: Callable[[Features], object] | None = None,
) -> tuple[Recording, Features]:
    """Decode a recording and run the front end on it.

    Args:
        recording: Any audio or video file that FFmpeg reads, or an open one that can be sought in,
            which stays open; "-" is standard input.
        first_s: Use only the first so many seconds; None uses all.
        track: Number of the sound track; see `front_end.listen`.
        check: See `front_end.listen`.

    Returns:
        The recording, and its spectrogram with the lengths of the recording and of its speech.

    Raises:
        RecordingError: The recording cannot be used.
        ConfigError: `first_s` or `track` is out of range, or the recording has no name.
    """
    if first_s is not None and not 0 < first_s <= MAX_READ_S:
        raise ConfigError(
            f"first: got {first_s:g} seconds; give more than 0, at most {MAX_READ_S:g}"
        )
    if track is not None and track < 1:
        raise ConfigError(f"track: got {track}; audio tracks are numbered from 1")
    name = name_of(recording)
    if not name:
        raise ConfigError("recording: got an empty name; give a file")
    clock = clock or Clock()
    # Opened once: a pipe can be read only once, and each look at a track begins at its beginning.
    if isinstance(recording, (str, Path)):
        opened = open_bytes(Path(name), name, RecordingError)
    else:
        opened = contextlib.nullcontext(recording)
    with opened as source:
        return listen(source, name, settings, first_s, track, check, clock.lap)
