"""The pipeline: recording -> log-mel spectrogram -> speaker embedding -> faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError, NotSpeechError
from voice2face.records import Features
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, ModelDescription, find_bundle
from voice2face.runtime.imagined import ImaginedFaces, ImaginedVoice, MorphedFaces, Origin
from voice2face.runtime.inputs import AnyRecording, ReadingOptions, as_file, of_each
from voice2face.runtime.reading import Clock, name_of, read_recording
from voice2face.runtime.sampler import Sampler
from voice2face.runtime.speech import Speech, Voice, embed_voice, voices_of
from voice2face.runtime.voices import divide, windows_of

if TYPE_CHECKING:
    from PIL import Image
    from typing_extensions import Unpack

_Recording = TypeVar("_Recording", bound=AnyRecording)
_Given = TypeVar("_Given", bound=AnyRecording | Speech)

MAX_SAMPLES = 64
MAX_TRUNCATION = 1.5
MAX_STEPS = 64
MAX_SPEAKERS = 8


class VoiceToFace:
    """A model that imagines faces for voices."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @classmethod
    def load(cls, model: str | Path = DEFAULT_MODEL, revision: str | None = None) -> VoiceToFace:
        """Load a model.

        Args:
            model: Name of a shipped model; a bundle, its folder or zip; or "owner/name" of the Hub.
            revision: Branch, tag or commit of a model of the Hub; None is the newest.

        Raises:
            BundleError: The bundle is damaged; see also `find_bundle` for all others.
        """
        return cls(Bundle(find_bundle(str(model), revision)))

    @property
    def description(self) -> ModelDescription:
        """What the model is and what it was trained on."""
        return self._bundle.description

    @overload
    def generate(
        self,
        recording: AnyRecording | Speech,
        samples: int = 4,
        seed: int = 0,
        truncation: float = 1.0,
        **reading: Unpack[ReadingOptions],
    ) -> ImaginedFaces: ...

    @overload
    def generate(
        self,
        recording: list[_Given],
        samples: int = 4,
        seed: int = 0,
        truncation: float = 1.0,
        **reading: Unpack[ReadingOptions],
    ) -> list[ImaginedFaces]: ...

    def generate(
        self,
        recording: AnyRecording | Speech | list[_Given],
        samples: int = 4,
        seed: int = 0,
        truncation: float = 1.0,
        **reading: Unpack[ReadingOptions],
    ) -> ImaginedFaces | list[ImaginedFaces]:
        """Imagine faces for the speaker of a recording, or for each of several.

        Args:
            recording: See `read`; or what `read` gave. A list of such gives a list.
            samples: Faces to draw, 1 to 64.
            seed: 0 or more. Face i of any recording gets the same noise, or where the model says so
                noise that follows from the voice; without noise, the first does not depend on it.
            truncation: Scale of all that is random but the gender, 0 to 1.5: less gives more
                typical and less varied faces.
            reading: Options of `read`, such as `speakers`.

        Returns:
            The faces. Where the model tells women's voices from men's, the first face is of the
            more probable gender, and each further one of a woman with the probability that a woman
            speaks, so that an uncertain voice gets faces of both.

        Raises:
            RecordingError, NotSpeechError: See `read`.
            ConfigError: A setting is out of range, or the recording was read without it.
        """
        _check(samples, seed, truncation)
        if isinstance(recording, list):
            return of_each(
                lambda one: self.generate(one, samples, seed, truncation, **reading), recording
            )
        if not isinstance(recording, Speech):
            recording = self.read(recording, **reading)
        elif reading:
            raise ConfigError(f"{next(iter(reading))}: the recording is read; give this to `read`")
        clock, sampler = Clock(recording.timings_ms), Sampler(self._bundle, seed, truncation)
        drawn = [sampler.faces(voice, samples, clock) for voice in recording.drawn]
        faces = [of_voice for of_voice, _ in drawn]
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
            redrawn=int(np.count_nonzero(np.concatenate([redraws for _, redraws in drawn]))),
            origin=Origin.of(self.description, seed),
        )

    @overload
    def read(self, recording: AnyRecording, **reading: Unpack[ReadingOptions]) -> Speech: ...

    @overload
    def read(
        self, recording: list[_Recording], **reading: Unpack[ReadingOptions]
    ) -> list[Speech]: ...

    def read(
        self,
        recording: AnyRecording | list[_Recording],
        first_s: float | None = None,
        force: bool = False,
        track: int | None = None,
        speakers: int | None = None,
    ) -> Speech | list[Speech]:
        """Read a recording and tell its voices.

        Args:
            recording: A path to any audio or video file that FFmpeg reads, "-" for standard input,
                the bytes of such a file, or an open one; or an array with its sample rate, see
                `inputs.as_file`. A list of such gives a list.
            first_s: Use only the first so many seconds; None uses all. Of more than 10 minutes
                those with the clearest speech are used.
            force: Go on even with what does not sound like a person speaking.
            track: Number of the sound track, from 1; None takes the default one, and where nobody
                speaks in it the first in which somebody does.
            speakers: How many people speak, 1 to 8: faces are drawn for each. None draws the one
                who speaks most, where two voices are heard.

        Raises:
            RecordingError: The recording cannot be used.
            NotSpeechError: It does not sound like a person speaking, and `force` is not given.
            ConfigError: `first_s`, `track` or `speakers` is out of range.
        """
        if isinstance(recording, list):
            reading = ReadingOptions(first_s=first_s, force=force, track=track, speakers=speakers)
            return of_each(lambda one: self.read(one, **reading), recording)
        if speakers is not None and not 1 <= speakers <= MAX_SPEAKERS:
            raise ConfigError(f"speakers: got {speakers}; give 1 to {MAX_SPEAKERS}")
        recording = as_file(recording)
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

    def explain(self, speech: AnyRecording | Speech) -> Image.Image:
        """Draw what of a recording, or of what `read` gave, counted: see `explain.picture`."""
        from voice2face.runtime.explain import picture

        if not isinstance(speech, Speech):
            speech = self.read(speech)
        division, log_mel = speech.division, speech.features.log_mel
        if division is None:
            division = divide(windows_of(log_mel, self._bundle.embed), len(log_mel), 1)
        attention = self._bundle.attention(speech.voices[0].log_mel)
        return picture(speech, division, self.description.front_end, attention)

    def influence(self, log_mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tell how like the whole each two and a half seconds of speech are.

        Args:
            log_mel: (frames, mels), normalised: what the front end kept of a recording.

        Returns:
            (windows,) cosines of the embeddings; window i begins at frame i `voices.HOP_FRAMES`.
        """
        windows = windows_of(log_mel, self._bundle.embed)
        return windows @ embed_voice(self._bundle, "", log_mel).embedding

    def attention(self, log_mel: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Tell how much each moment of speech counts in its embedding; see `Bundle.attention`."""
        return self._bundle.attention(log_mel)

    def listen(self, recording: AnyRecording, **reading: Unpack[ReadingOptions]) -> Voice:
        """Take the main voice from a recording; options and errors are those of `read`."""
        return self.read(recording, **reading).voices[0]

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
            samples: See `generate`; `seed` and `truncation` too.

        Returns:
            (samples, size, size, 3) RGB: the very faces that `generate` gives for the recording.

        Raises:
            ConfigError: `samples`, `seed` or `truncation` is out of range.
        """
        _check(samples, seed, truncation)
        voices, _ = voices_of(self._bundle, "", log_mel)
        return Sampler(self._bundle, seed, truncation).faces(voices[0], samples, Clock())[0]

    def morph(
        self,
        first: AnyRecording | Voice,
        last: AnyRecording | Voice,
        steps: int = 9,
        samples: int = 1,
        seed: int = 0,
        truncation: float = 1.0,
    ) -> MorphedFaces:
        """Imagine the faces on the way from one recording's voice to another's.

        The way is the great circle between the two embeddings, each on its more probable gender's
        side where the model tells; the noise of a sample stays the same along it, or where it
        follows from the voice, or the ends' faces were generated again, changes steadily.

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
        start, stop = (
            end if isinstance(end, Voice) else self.listen(as_file(end, number))
            for number, end in enumerate((first, last), 1)
        )
        sampler = Sampler(self._bundle, seed, truncation)
        ways = [sampler.way(start, stop, steps, index) for index in range(samples)]
        return MorphedFaces(
            recordings=(start.recording, stop.recording),
            faces=np.stack(ways),
            embeddings=np.stack([start.embedding, stop.embedding]),
            origin=Origin.of(self.description, seed),
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


def _check(samples: int, seed: int, truncation: float) -> None:
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"samples: got {samples}; give 1 to {MAX_SAMPLES}")
    if seed < 0:
        raise ConfigError(f"seed: got {seed}; give 0 or more")
    if not 0 <= truncation <= MAX_TRUNCATION:
        raise ConfigError(f"truncation: got {truncation:g}; give 0 to {MAX_TRUNCATION:g}")
