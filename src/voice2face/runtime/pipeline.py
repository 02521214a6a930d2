"""The pipeline: recording -> log-mel spectrogram -> speaker embedding -> faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError, NotSpeechError
from voice2face.images.pixels import to_pixels
from voice2face.records import Features
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, ModelDescription, find_bundle
from voice2face.runtime.imagined import ImaginedFaces, ImaginedVoice, MorphedFaces
from voice2face.runtime.reading import Clock, name_of, read_recording
from voice2face.runtime.sampling import are_women, noise, slerp, stretch, voice_weights
from voice2face.runtime.speech import Speech, Voice, embed_voice, voices_of
from voice2face.runtime.voices import divide, windows_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_SAMPLES", "MAX_SPEAKERS", "MAX_STEPS", "MAX_TRUNCATION", "Voice", "VoiceToFace"]

MAX_SAMPLES = 64
MAX_TRUNCATION = 1.5
MAX_STEPS = 64
MAX_SPEAKERS = 8
# Faces generated at a time; fixed, so that a face does not depend on how many are asked for.
_BATCH = 4


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
        recording: str | Path | IO[bytes] | Speech,
        samples: int = 4,
        seed: int = 0,
        first_s: float | None = None,
        truncation: float = 1.0,
        force: bool = False,
        track: int | None = None,
        speakers: int | None = None,
    ) -> ImaginedFaces:
        """Imagine faces for the speaker of a recording, or for each of several.

        Args:
            recording: Any audio or video file that FFmpeg reads, or an open one that can be sought
                in; "-" is standard input; or what `read` gave, of which the number of voices and
                all that follows it is known.
            samples: Faces to draw, 1 to 64.
            seed: The same seed gives the same faces, 0 or more. Face i of any recording gets the
                same noise, or where the model says so noise that follows from the voice too. Of a
                model without noise, the first face does not depend on it.
            first_s: Use only the first so many seconds; None uses all. Of more than 10 minutes
                those with the clearest speech are used.
            truncation: Scale of all that is random but the gender, 0 to 1.5: less gives more
                typical and less varied faces, 1 those that the model is meant to give.
            force: Draw even what does not sound like a person speaking.
            track: Number of the sound track, from 1; None takes the default one, and where nobody
                speaks in it the first in which somebody does.
            speakers: How many people speak, 1 to 8: `samples` faces are drawn for each. None
                draws the one who speaks most, where two voices are heard.

        Returns:
            The faces. Where the model tells women's voices from men's, the first face is of the
            more probable gender, and each further one of a woman with the probability that a woman
            speaks, so that an uncertain voice gets faces of both.

        Raises:
            RecordingError: The recording cannot be used.
            NotSpeechError: It does not sound like a person speaking, and `force` is not given.
            ConfigError: `samples`, `seed`, `first_s`, `truncation`, `track` or `speakers` is out
                of range.
        """
        _check(samples, seed, truncation)
        if not isinstance(recording, Speech):
            recording = self.read(recording, first_s, force, track, speakers)
        clock = Clock(recording.timings_ms)
        faces = [self._sample(one, samples, seed, truncation, clock) for one in recording.drawn]
        none = len(recording.voices) * [faces[0][:0]]
        features, main = recording.features, recording.voices[0]
        return ImaginedFaces(
            recording=main.recording,
            faces=np.concatenate(faces),
            embedding=main.embedding,
            duration_s=features.duration_s,
            speech_s=features.speech_s,
            timings_ms=clock.laps_ms,
            woman_probability=main.woman_probability,
            speech_probability=recording.probability,
            notes=features.notes,
            voices=tuple(
                ImaginedVoice(one.share, one.embedding, one.woman_probability, of_one)
                for one, of_one in zip(recording.voices, [*faces, *none], strict=False)
            ),
            stretches_s=features.stretches_s,
        )

    def read(
        self,
        recording: str | Path | IO[bytes],
        first_s: float | None = None,
        force: bool = False,
        track: int | None = None,
        speakers: int | None = None,
    ) -> Speech:
        """Read a recording and tell its voices; arguments and errors are those of `generate`."""
        if speakers is not None and not 1 <= speakers <= MAX_SPEAKERS:
            raise ConfigError(f"speakers: got {speakers}; give 1 to {MAX_SPEAKERS}")
        name, clock = name_of(recording), Clock()
        probability: float | None = None

        def check(features: Features) -> None:
            nonlocal probability
            probability = self.hear(features.log_mel, name, force)
            if probability is not None:
                clock.lap("speech")

        front_end = self.description.front_end
        read, features = read_recording(recording, front_end, first_s, track, clock, check)
        voices, division = voices_of(self._bundle, name, features.log_mel, speakers)
        clock.lap("embed")
        asked_for = speakers is not None
        return Speech(read, features, voices, asked_for, division, probability, clock.laps_ms)

    def explain(self, speech: Speech) -> Image.Image:
        """Draw what of a recording counted, of what `read` gave: see `explain.picture`."""
        from voice2face.runtime.explain import picture

        division, log_mel = speech.division, speech.features.log_mel
        if division is None:
            division = divide(windows_of(log_mel, self._bundle.embed), len(log_mel), 1)
        return picture(speech, division, self.description.front_end)

    def influence(self, log_mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tell how like the whole each two and a half seconds of speech are.

        Args:
            log_mel: (frames, mels), normalised: what the front end kept of a recording.

        Returns:
            (windows,) cosines of the embeddings; window i begins at frame i `voices.HOP_FRAMES`.
        """
        windows = windows_of(log_mel, self._bundle.embed)
        return windows @ embed_voice(self._bundle, "", log_mel).embedding

    def listen(
        self,
        recording: str | Path | IO[bytes],
        first_s: float | None = None,
        force: bool = False,
        track: int | None = None,
    ) -> Voice:
        """Take the main voice from a recording; arguments and errors are those of `generate`."""
        return self.read(recording, first_s, force, track).voices[0]

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
        voices, _ = voices_of(self._bundle, "", log_mel)
        return self._sample(voices[0], samples, seed, truncation, Clock())

    def morph(
        self,
        first: str | Path | Voice,
        last: str | Path | Voice,
        steps: int = 9,
        samples: int = 1,
        seed: int = 0,
        truncation: float = 1.0,
    ) -> MorphedFaces:
        """Imagine the faces on the way from one recording's voice to another's.

        The way is the great circle between the two embeddings, each on its more probable gender's
        side where the model tells; the noise of a sample stays the same along it, or where it
        follows from the voice changes steadily.

        Args:
            first: The recording to begin with, or what `listen` gives for it.
            steps: Faces on the way, 2 to 64, both ends with them.
            samples: Ways to walk, each with faces of its own, 1 to 64.
            seed: See `generate`.
            truncation: See `generate`.

        Raises:
            RecordingError: A recording cannot be used; it is named.
            NotSpeechError: One does not sound like a person speaking.
            ConfigError: `samples`, `seed`, `truncation` or `steps` is out of range.
        """
        _check(samples, seed, truncation)
        if not 2 <= steps <= MAX_STEPS:
            raise ConfigError(f"steps: got {steps}; give 2 to {MAX_STEPS}")
        ends = [end if isinstance(end, Voice) else self.listen(end) for end in (first, last)]
        ways: list[NDArray[np.uint8]] = []
        for index in range(samples):
            start, stop = (self._conditions(end, seed, [index], truncation)[0] for end in ends)
            conditions = slerp(start, stop, steps)
            weights = [self._weights(end, seed, [index]) for end in ends]
            between = None
            if weights[0] is not None and weights[1] is not None:
                between = slerp(weights[0][0], weights[1][0], steps)
            ways.append(self._render(conditions, seed, steps * [index], truncation, between))
        return MorphedFaces(
            recordings=(ends[0].recording, ends[1].recording),
            faces=np.stack(ways),
            embeddings=np.stack([end.embedding for end in ends]),
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

    def _sample(
        self, voice: Voice, samples: int, seed: int, truncation: float, clock: Clock
    ) -> NDArray[np.uint8]:
        """Generate (samples, size, size, 3) faces of a voice."""
        faces: list[NDArray[np.uint8]] = []
        for first in range(0, samples, _BATCH):
            indices = range(first, min(first + _BATCH, samples))
            women = None
            if voice.woman_probability is not None:
                women = are_women(seed, indices, voice.woman_probability)
            conditions = self._conditions(voice, seed, indices, truncation, women)
            clock.lap("embed")
            weights = self._weights(voice, seed, indices)
            faces.append(self._render(conditions, seed, indices, truncation, weights))
            clock.lap("draw")
        return np.concatenate(faces)

    def _weights(
        self, voice: Voice, seed: int, indices: Sequence[int]
    ) -> NDArray[np.float64] | None:
        """Weigh the noises of samples by the voice: (samples, 2), where they follow from it."""
        return None if voice.place is None else voice_weights(seed, indices, voice.place)

    def _render(
        self,
        conditions: NDArray[np.float32],
        seed: int,
        indices: Sequence[int],
        truncation: float,
        weights: NDArray[np.floating] | None,
    ) -> NDArray[np.uint8]:
        """Generate a face for each (embedding,), with the noise of the sample of that number."""
        description = self.description
        scaled = noise(seed, indices, description.noise_dim, weights) * np.float32(truncation)
        return to_pixels(self._bundle.draw(conditions, scaled), description.pixel_range)

    def _conditions(
        self,
        voice: Voice,
        seed: int,
        indices: Sequence[int],
        truncation: float,
        women: Sequence[bool] | None = None,
    ) -> NDArray[np.float32]:
        """Give the (samples, embedding) that samples are generated from.

        Where the generator takes noise, that of the whole recording. Otherwise the first is; each
        further one is that of a random stretch, with the noise that training adds. Embeddings then
        stay among those that the generator knows: noise alone, large enough to change the face,
        leads away from them. Each is then brought to the side of its gender, where the model tells.

        Args:
            women: Gender of each sample; None gives all the more probable one.
        """
        description = self.description
        embeddings = np.repeat(voice.embedding[None], len(indices), axis=0)
        varied = [row for row, index in enumerate(indices) if index and not description.noise_dim]
        if varied:
            n_frames, dim = len(voice.log_mel), description.embedding_dim
            stretches = (
                stretch(seed, indices[row], n_frames, description.crop_frames, dim)
                for row in varied
            )
            frames, noises = zip(*stretches, strict=True)
            heard = self._bundle.embed(voice.log_mel[np.stack(frames)])
            # At 1 these are the very embeddings of the stretches.
            whole = np.multiply(np.float32(1 - truncation), voice.embedding)
            heard = np.multiply(np.float32(truncation), heard) + whole
            heard += (truncation * description.jitter * np.stack(noises)).astype(np.float32)
            embeddings[varied] = heard / np.linalg.norm(heard, axis=1, keepdims=True)
        gender, probability = description.gender, voice.woman_probability
        if gender is None or probability is None:
            return embeddings
        sides = [probability > 0.5] * len(indices) if women is None else women
        return np.stack([gender.on_side(*one) for one in zip(embeddings, sides, strict=True)])


def _check(samples: int, seed: int, truncation: float) -> None:
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"samples: got {samples}; give 1 to {MAX_SAMPLES}")
    if seed < 0:
        raise ConfigError(f"seed: got {seed}; give 0 or more")
    if not 0 <= truncation <= MAX_TRUNCATION:
        raise ConfigError(f"truncation: got {truncation:g}; give 0 to {MAX_TRUNCATION:g}")
