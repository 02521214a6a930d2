"""The front end: recording -> voiced waveform -> normalised log-mel spectrogram."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from voice2face.audio.decode import decode, other_tracks
from voice2face.audio.log_mel import log_mel, normalise_bands
from voice2face.audio.settings import FrontEnd
from voice2face.audio.vad import voiced_waveform
from voice2face.errors import RecordingError
from voice2face.records import Features, Recording


def extract(recording: Recording, settings: FrontEnd) -> Features:
    """Compute what the voice encoder hears of a recording.

    This is the only front end: training, evaluation and the command line go through it. The
    spectrogram is not yet repeated to `min_frames`; see `log_mel.repeat_to_length`.

    Returns:
        The spectrogram, with the lengths of the recording and of its speech.

    Raises:
        RecordingError: Less speech was found than `min_speech_s`.
    """
    voiced = voiced_waveform(recording.waveform, settings)
    speech_s = len(voiced) / settings.sample_rate_hz
    if speech_s < settings.min_speech_s:
        raise RecordingError(
            f"{recording.name}: {speech_s:.2f} s of speech found in {recording.duration_s:.2f} s "
            f"of sound; at least {settings.min_speech_s} s of speech is needed"
        )
    bands = normalise_bands(log_mel(voiced, settings), settings.band_range_db)
    return Features(bands, recording.duration_s, speech_s, recording.notes, recording.stretches_s)


def listen(
    source: Path | IO[bytes],
    name: str,
    settings: FrontEnd,
    first_s: float | None = None,
    track: int | None = None,
    check: Callable[[Features], object] | None = None,
    lap: Callable[[str], object] = lambda _: None,
) -> tuple[Recording, Features]:
    """Decode a file and compute what the voice encoder hears of it.

    Args:
        first_s: Use only the first so many seconds; None uses all.
        track: Number of the sound track, from 1; None takes the default one, and where nobody
            speaks in it the first in which somebody does.
        check: Raises a `RecordingError` for what is not to be taken for speech.
        lap: Told "decode" and "front_end" when each is done.

    Raises:
        RecordingError: See `decode` and `extract`, or as `check` raises; of several tracks, what
            is wrong with the default one.
    """

    def one(number: int | None) -> tuple[Recording, Features]:
        recording = decode(source, name, settings.sample_rate_hz, first_s, number)
        lap("decode")
        features = extract(recording, settings)
        lap("front_end")
        if check is not None:
            check(features)
        return recording, features

    try:
        return one(track)
    except RecordingError as error:
        if track is not None:
            raise
        for number in _others(source, name):
            with contextlib.suppress(RecordingError):
                return one(number)
        raise error


def _others(source: Path | IO[bytes], name: str) -> list[int]:
    try:
        return other_tracks(source, name)
    except RecordingError:
        return []
