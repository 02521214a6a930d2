"""The pipeline: recording -> log-mel spectrogram -> speaker embedding -> faces."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.decode import MAX_DURATION_S
from voice2face.audio.front_end import listen
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import FrontEnd
from voice2face.errors import ConfigError, NotSpeechError, RecordingError
from voice2face.images.pixels import to_pixels
from voice2face.media import open_bytes
from voice2face.records import Features
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, ModelDescription, find_bundle
from voice2face.runtime.imagined import ImaginedFaces, MorphedFaces
from voice2face.runtime.sampling import are_women, noise, slerp, stretch

__all__ = ["MAX_SAMPLES", "MAX_STEPS", "MAX_TRUNCATION", "VoiceToFace", "read_features"]

MAX_SAMPLES = 64
MAX_TRUNCATION = 1.5
MAX_STEPS = 64
# Faces drawn at a time. It is fixed, so that a face does not depend on how many are asked for.
_DRAWN_TOGETHER = 4


@dataclass(frozen=True)
class _Voice:
    """What is heard in a recording: (frames, mels), the (embedding,) of the whole, the gender."""

    log_mel: NDArray[np.float32]
    embedding: NDArray[np.float32]
    woman_probability: float | None


class VoiceToFace:
    """A model that imagines faces for voices."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @classmethod
    def load(cls, model: str | Path = DEFAULT_MODEL) -> VoiceToFace:
        """Load a model.

        Args:
            model: Name of a shipped model, or the folder of a bundle.

        Raises:
            BundleError: The bundle is damaged.
            ConfigError: There is no such model.
        """
        return cls(Bundle(find_bundle(str(model))))

    @property
    def description(self) -> ModelDescription:
        """What the model is and what it was trained on."""
        return self._bundle.description

    def generate(
        self,
        recording: str | Path,
        samples: int = 4,
        seed: int = 0,
        first_s: float | None = None,
        truncation: float = 1.0,
        force: bool = False,
        track: int | None = None,
    ) -> ImaginedFaces:
        """Imagine faces for the speaker of a recording.

        Args:
            recording: Any audio or video file that FFmpeg reads; "-" is standard input.
            samples: Faces to draw, 1 to 64.
            seed: The same seed gives the same faces, 0 or more. Face i of any recording gets the
                same noise. Of a model without noise, the first face does not depend on it.
            first_s: Use only the first so many seconds; None uses all, up to 10 minutes.
            truncation: Scale of all that is random but the gender, 0 to 1.5: less gives more
                typical and less varied faces, 1 those that the model is meant to give.
            force: Draw even what does not sound like a person speaking.
            track: Number of the sound track, from 1; None takes the default one, and where nobody
                speaks in it the first in which somebody does.

        Returns:
            The faces. Where the model tells women's voices from men's, the first face is of the
            more probable gender, and each further one of a woman with the probability that a woman
            speaks, so that an uncertain voice gets faces of both.

        Raises:
            RecordingError: The recording cannot be used.
            NotSpeechError: It does not sound like a person speaking, and `force` is not given.
            ConfigError: `samples`, `seed`, `first_s`, `truncation` or `track` is out of range.
        """
        _check(samples, seed, truncation)
        clock = _Clock()
        features, speech = self._listen(recording, first_s, track, force, clock)
        voice = self._embed(features.log_mel)
        clock.lap("embed")
        return ImaginedFaces(
            recording=str(recording),
            faces=self._imagine(voice, samples, seed, truncation, clock),
            embedding=voice.embedding,
            duration_s=features.duration_s,
            speech_s=features.speech_s,
            timings_ms=clock.laps_ms,
            woman_probability=voice.woman_probability,
            speech_probability=speech,
            notes=features.notes,
        )

    def imagine(
        self,
        log_mel: NDArray[np.float32],
        samples: int = 1,
        seed: int = 0,
        truncation: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Imagine faces for what the front end kept of a recording, speech or not.

        Args:
            log_mel: (frames, mels), normalised, of any length; see `Features`.
            samples: See `generate`.
            seed: See `generate`.
            truncation: See `generate`.

        Returns:
            (samples, size, size, 3) RGB: the very faces that `generate` gives for the recording.

        Raises:
            ConfigError: `samples`, `seed` or `truncation` is out of range.
        """
        _check(samples, seed, truncation)
        return self._imagine(self._embed(log_mel), samples, seed, truncation, _Clock())

    def morph(
        self,
        first: str | Path,
        last: str | Path,
        steps: int = 9,
        samples: int = 1,
        seed: int = 0,
        first_s: float | None = None,
        truncation: float = 1.0,
        force: bool = False,
        track: int | None = None,
    ) -> MorphedFaces:
        """Imagine the faces on the way from one recording's voice to another's.

        The way is the great circle between the two embeddings, each on its more probable gender's
        side where the model tells; the noise of a sample stays the same along it.

        Args:
            first: The recording to begin with; see `generate`.
            steps: Faces on the way, 2 to 64, both ends with them.
            samples: Ways to walk, each with faces of its own, 1 to 64.
            seed: See `generate`.
            first_s: See `generate`.
            truncation: See `generate`.
            force: See `generate`.
            track: See `generate`.

        Raises:
            RecordingError: A recording cannot be used; it is named.
            NotSpeechError: One does not sound like a person speaking, and `force` is not given.
            ConfigError: `samples`, `seed`, `first_s`, `truncation` or `steps` is out of range.
        """
        _check(samples, seed, truncation)
        if not 2 <= steps <= MAX_STEPS:
            raise ConfigError(f"steps: got {steps}; give 2 to {MAX_STEPS}")
        ends = []
        for recording in (first, last):
            features, _ = self._listen(recording, first_s, track, force, _Clock())
            ends.append(self._embed(features.log_mel))
        ways = []
        for index in range(samples):
            at_ends = []
            for voice in ends:
                voices = self._voices(voice, seed, [index], truncation)
                if voice.woman_probability is not None:
                    voices = self._on_sides(voices, [voice.woman_probability > 0.5])
                at_ends.append(voices[0])
            ways.append(
                self._draw(slerp(at_ends[0], at_ends[1], steps), seed, steps * [index], truncation)
            )
        return MorphedFaces(
            recordings=(str(first), str(last)),
            faces=np.stack(ways),
            embeddings=np.stack([voice.embedding for voice in ends]),
        )

    def hear(
        self, log_mel: NDArray[np.float32], recording: str, force: bool = False
    ) -> float | None:
        """Tell how probable it is that a person speaks.

        Args:
            log_mel: (frames, mels), normalised: what the front end kept of a recording.
            force: Whether to go on where it does not sound so.

        Returns:
            The probability, 0 to 1; None where the model does not tell.

        Raises:
            NotSpeechError: It does not sound like a person speaking, and `force` is not given.
        """
        logit = self._bundle.speech_logit(log_mel)
        if logit is None or self.description.speech is None:
            return None
        threshold = self.description.speech.threshold
        if logit < threshold and not force:
            raise NotSpeechError(
                f"{recording}: this does not sound like a person speaking (score {logit:.1f}, at "
                f"least {threshold:.1f} is needed); use --force to generate faces anyway"
            )
        return float(0.5 + 0.5 * np.tanh(logit / 2))

    def _listen(
        self,
        recording: str | Path,
        first_s: float | None,
        track: int | None,
        force: bool,
        clock: _Clock,
    ) -> tuple[Features, float | None]:
        """Read a recording, and tell how probable it is that a person speaks."""
        heard: list[float | None] = [None]

        def check(features: Features) -> None:
            heard[0] = self.hear(features.log_mel, str(recording), force)
            if heard[0] is not None:
                clock.lap("speech")

        features = read_features(
            recording, self.description.front_end, first_s, track, clock, check
        )
        return features, heard[0]

    def _embed(self, log_mel: NDArray[np.float32]) -> _Voice:
        """Embed the whole of a recording."""
        whole = repeat_to_length(log_mel, self.description.front_end.min_frames)
        embedding = self._bundle.embed(whole[None])[0]
        gender = self.description.gender
        return _Voice(log_mel, embedding, gender and gender.probability_of_woman(embedding))

    def _imagine(
        self, voice: _Voice, samples: int, seed: int, truncation: float, clock: _Clock
    ) -> NDArray[np.uint8]:
        """Draw (samples, size, size, 3) faces of a voice."""
        drawn = []
        for first in range(0, samples, _DRAWN_TOGETHER):
            indices = range(first, min(first + _DRAWN_TOGETHER, samples))
            voices = self._voices(voice, seed, indices, truncation)
            if voice.woman_probability is not None:
                women = are_women(seed, indices, voice.woman_probability)
                voices = self._on_sides(voices, women)
            clock.lap("embed")
            drawn.append(self._draw(voices, seed, indices, truncation))
            clock.lap("draw")
        return np.concatenate(drawn)

    def _draw(
        self, voices: NDArray[np.float32], seed: int, indices: Sequence[int], truncation: float
    ) -> NDArray[np.uint8]:
        """Draw a face for each (embedding,), with the noise of the sample of that number."""
        about = self.description
        drawn = noise(seed, indices, about.noise_dim) * np.float32(truncation)
        return to_pixels(self._bundle.draw(voices, drawn), about.pixel_range)

    def _voices(
        self, voice: _Voice, seed: int, indices: Sequence[int], truncation: float
    ) -> NDArray[np.float32]:
        """Give the (samples, embedding) that samples are drawn from, whatever their gender.

        Where the generator takes noise, that of the whole recording. Otherwise the first is; each
        further one is that of a random stretch, with the noise that training adds. Voices then
        stay among those that the generator knows: noise alone, large enough to change the face,
        leads away from them.
        """
        about = self.description
        voices = np.repeat(voice.embedding[None], len(indices), axis=0)
        varied = [row for row, index in enumerate(indices) if index and not about.noise_dim]
        if not varied:
            return voices
        n_frames, dim = len(voice.log_mel), about.embedding_dim
        frames, noises = zip(
            *(stretch(seed, indices[row], n_frames, about.crop_frames, dim) for row in varied),
            strict=True,
        )
        heard = self._bundle.embed(voice.log_mel[np.stack(frames)])
        # At 1 these are the very embeddings of the stretches.
        heard = np.float32(truncation) * heard + np.float32(1 - truncation) * voice.embedding
        heard += (truncation * about.jitter * np.stack(noises)).astype(np.float32)
        voices[varied] = heard / np.linalg.norm(heard, axis=1, keepdims=True)
        return voices

    def _on_sides(self, voices: NDArray[np.float32], women: Sequence[bool]) -> NDArray[np.float32]:
        """Bring each (embedding,) to the side of a gender, where the model tells them apart."""
        gender = self.description.gender
        if gender is None:
            return voices
        return np.stack([gender.on_side(*one) for one in zip(voices, women, strict=True)])


def read_features(
    recording: str | Path,
    settings: FrontEnd,
    first_s: float | None = None,
    track: int | None = None,
    clock: _Clock | None = None,
    check: Callable[[Features], object] | None = None,
) -> Features:
    """Decode a recording and run the front end on it.

    Args:
        recording: Any audio or video file that FFmpeg reads; "-" is standard input.
        first_s: Use only the first so many seconds; None uses all.
        track: Number of the sound track; see `front_end.listen`.
        check: See `front_end.listen`.

    Returns:
        The spectrogram, with the lengths of the recording and of its speech.

    Raises:
        RecordingError: The recording cannot be used.
        ConfigError: `first_s` or `track` is out of range, or the recording has no name.
    """
    if first_s is not None and not 0 < first_s <= MAX_DURATION_S:
        raise ConfigError(
            f"first: got {first_s:g} seconds; give more than 0, at most {MAX_DURATION_S:g}"
        )
    if track is not None and track < 1:
        raise ConfigError(f"track: got {track}; audio tracks are numbered from 1")
    name = str(recording)
    if not name:
        raise ConfigError("recording: got an empty name; give a file")
    clock = clock or _Clock()
    # Opened once: a pipe can be read only once, and each look at a track begins at its beginning.
    with open_bytes(Path(name), name, RecordingError) as source:
        _, features = listen(source, name, settings, first_s, track, check, clock.lap)
    return features


def _check(samples: int, seed: int, truncation: float) -> None:
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"samples: got {samples}; give 1 to {MAX_SAMPLES}")
    if seed < 0:
        raise ConfigError(f"seed: got {seed}; give 0 or more")
    if not 0 <= truncation <= MAX_TRUNCATION:
        raise ConfigError(f"truncation: got {truncation:g}; give 0 to {MAX_TRUNCATION:g}")


class _Clock:
    """Time between laps, in milliseconds."""

    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps_ms[name] = round(self.laps_ms.get(name, 0) + 1000 * (now - self._last), 2)
        self._last = now
