"""What a model hears in a recording: the speech, and the voice or voices in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.log_mel import repeat_to_length
from voice2face.errors import RecordingError
from voice2face.records import Features, Recording
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.voices import (
    HOP_FRAMES,
    LEAST_FRAMES,
    Division,
    divide,
    windows_of,
)


@dataclass(frozen=True)
class Voice:
    """What a model takes from a recording, or from one person's part of it.

    Attributes:
        log_mel: (frames, mels), normalised, of all that this voice says.
        embedding: (embedding,) of the whole, of unit length.
        woman_probability: See `ImaginedFaces`.
        share: Of the recording's speech, above 0 to 1.
        place: (2,) of the noise that it is given, see `VoiceNoise`; None where noise does not
            depend on the voice.
    """

    recording: str
    log_mel: NDArray[np.float32]
    embedding: NDArray[np.float32]
    woman_probability: float | None
    share: float = 1.0
    place: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Speech:
    """A recording, read and listened to.

    Attributes:
        recording: As it was read.
        features: What the front end kept of it.
        voices: Who speaks; who speaks most is first.
        asked_for: Whether the number of voices was given; otherwise more than one were heard.
        division: Who says what; None where nobody asked.
        probability: How probable it is that a person speaks; None: the model does not tell.
        timings_ms: How long each part took.
    """

    recording: Recording
    features: Features
    voices: tuple[Voice, ...]
    asked_for: bool = False
    division: Division | None = None
    probability: float | None = None
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def two_voices(self) -> bool | None:
        """Whether more than one voice is heard.

        None: the model does not tell, there is too little speech, or their number was given.
        """
        return None if self.asked_for or self.division is None else len(self.voices) > 1

    @property
    def drawn(self) -> tuple[Voice, ...]:
        """The voices that faces are drawn for."""
        return self.voices if self.asked_for else self.voices[:1]


def voices_of(
    bundle: Bundle, recording: str, log_mel: NDArray[np.float32], speakers: int | None = None
) -> tuple[tuple[Voice, ...], Division | None]:
    """Tell the voices of a recording, who speaks most first.

    Args:
        log_mel: (frames, mels), normalised.
        speakers: How many people speak; None: one, or two where two are heard.

    Returns:
        The voices; and who says what, where that was asked.

    Raises:
        RecordingError: There is too little speech to tell so many voices apart.
    """
    threshold = bundle.description.two_voices
    if speakers is None and (threshold is None or len(log_mel) < LEAST_FRAMES):
        speakers = 1
    if speakers == 1:
        return (embed_voice(bundle, recording, log_mel),), None
    windows = windows_of(log_mel, bundle.embed)
    if speakers is not None and len(windows) < 2 * speakers:
        needed_s, found_s = (2 * speakers + 1) * HOP_FRAMES / 100, len(log_mel) / 100
        raise RecordingError(
            f"{recording}: has {found_s:.1f} s of speech, too little to tell {speakers} voices "
            f"apart; {needed_s:.1f} s are needed"
        )
    division = divide(windows, len(log_mel), speakers or 2)
    if speakers is None and threshold is not None and division.cosine >= threshold:
        return (embed_voice(bundle, recording, log_mel),), divide(windows, len(log_mel), 1)
    parts = division.parts(log_mel)
    return tuple(embed_voice(bundle, recording, *part) for part in parts), division


def embed_voice(
    bundle: Bundle, recording: str, log_mel: NDArray[np.float32], share: float = 1.0
) -> Voice:
    """Embed all that a voice says; see `Voice`."""
    whole = repeat_to_length(log_mel, bundle.description.front_end.min_frames)
    embedding = bundle.embed(whole[None])[0]
    gender = bundle.description.gender
    woman = None if gender is None else gender.probability_of_woman(embedding)
    mapped = bundle.description.voice_noise
    place = None if mapped is None else mapped.place(embedding, woman)
    return Voice(recording, log_mel, embedding, woman, share, place)
