"""The pipeline: recording -> log-mel spectrogram -> speaker embedding -> faces."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import FrontEnd
from voice2face.errors import ConfigError, RecordingError
from voice2face.images.pixels import to_pixels
from voice2face.records import Features
from voice2face.runtime.bundle import DEFAULT_MODEL, Bundle, ModelDescription, find_bundle

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_SAMPLES", "ImaginedFaces", "VoiceToFace", "read_features"]

MAX_SAMPLES = 64
_STDIN_LIMIT_BYTES = 512 * 1024 * 1024
# Faces drawn at a time. It is fixed, so that a face does not depend on how many are asked for.
_DRAWN_TOGETHER = 4


@dataclass(frozen=True)
class ImaginedFaces:
    """Faces imagined for one recording.

    Attributes:
        recording: The recording's name.
        faces: (faces, size, size, 3) uint8 RGB. The first is drawn from the whole recording, each
            further one from what is heard in a short stretch of it, drawn at random.
        embedding: (embedding,) float32, the voice's embedding, of unit length.
        duration_s: Length of the recording.
        speech_s: What the voice activity detector kept of it.
        timings_ms: How long each part took.
    """

    recording: str
    faces: NDArray[np.uint8]
    embedding: NDArray[np.float32]
    duration_s: float
    speech_s: float
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def image(self) -> Image.Image:
        """The faces on a captioned sheet, each at least 256 px wide, as a Pillow image."""
        from voice2face.images.sheet import caption_sheet

        title = f"{Path(self.recording).name}   ({self.speech_s:.1f} s of speech)"
        return caption_sheet(self.faces, title)

    @property
    def native_image(self) -> Image.Image:
        """The faces side by side at the model's own pixels, as a Pillow image."""
        from voice2face.images.sheet import grid

        return grid(self.faces, columns=len(self.faces))


class VoiceToFace:
    """A model that imagines faces for voices.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    @classmethod
    def load(cls, model: str | Path = DEFAULT_MODEL) -> VoiceToFace:
        """Load a model.

        Args:
            model: Name of a shipped model, or the folder of a bundle.

        Returns:
            The model.

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
    ) -> ImaginedFaces:
        """Imagine faces for the speaker of a recording.

        Args:
            recording: Any audio or video file that FFmpeg reads; "-" is standard input.
            samples: Faces to draw, 1 to 64.
            seed: The same seed gives the same faces, 0 or more. The first face does not depend
                on it.
            first_s: Use only the first so many seconds; None uses all, up to 10 minutes.

        Returns:
            The faces.

        Raises:
            RecordingError: The recording cannot be used.
            ConfigError: `samples`, `seed` or `first_s` is out of range.
        """
        _check(samples, seed)
        clock = _Clock()
        features = read_features(recording, self.description.front_end, first_s, clock)
        faces, embedding = self._imagine(features.log_mel, samples, seed, clock)
        return ImaginedFaces(
            recording=str(recording),
            faces=faces,
            embedding=embedding,
            duration_s=features.duration_s,
            speech_s=features.speech_s,
            timings_ms=clock.laps_ms,
        )

    def imagine(
        self, log_mel: NDArray[np.float32], samples: int = 1, seed: int = 0
    ) -> NDArray[np.uint8]:
        """Imagine faces for what the front end kept of a recording.

        Args:
            log_mel: (frames, mels), normalised, of any length; see `Features`.
            samples: See `generate`.
            seed: See `generate`.

        Returns:
            (samples, size, size, 3) RGB: the very faces that `generate` gives for the recording.

        Raises:
            ConfigError: `samples` or `seed` is out of range.
        """
        _check(samples, seed)
        return self._imagine(log_mel, samples, seed, _Clock())[0]

    def _imagine(
        self, log_mel: NDArray[np.float32], samples: int, seed: int, clock: _Clock
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Faces, and the embedding of the whole recording."""
        about = self.description
        whole = repeat_to_length(log_mel, about.front_end.min_frames)
        embedding = self._bundle.embed(whole[None])
        drawn = []
        for first in range(0, samples, _DRAWN_TOGETHER):
            indices = range(max(first, 1), min(first + _DRAWN_TOGETHER, samples))
            heard = self._hear(log_mel, seed, indices)
            voices = np.concatenate([embedding, heard]) if first == 0 else heard
            clock.lap("embed")
            drawn.append(self._bundle.draw(voices))
            clock.lap("draw")
        faces = to_pixels(np.concatenate(drawn), about.pixel_range)
        clock.lap("draw")
        return faces, embedding[0]

    def _hear(
        self, log_mel: NDArray[np.float32], seed: int, indices: Iterable[int]
    ) -> NDArray[np.float32]:
        """Embed random stretches of a recording, with the noise that training adds.

        Voices stay among those that the generator knows: noise alone, large enough to change the
        face, leads away from them.

        Args:
            log_mel: (frames, mels) of the recording.
            seed: As the user gave it.
            indices: Numbers of the samples, from 1; each has random numbers of its own.

        Returns:
            (samples, embedding) of unit length.
        """
        about = self.description
        stretches, noises = [], []
        for index in indices:
            random = np.random.default_rng([seed, index])
            start = random.integers(len(log_mel))
            stretches.append((start + np.arange(about.crop_frames)) % len(log_mel))
            noises.append(random.standard_normal(about.embedding_dim))
        if not stretches:
            return np.zeros((0, about.embedding_dim), dtype=np.float32)
        embeddings = self._bundle.embed(log_mel[np.stack(stretches)])
        embeddings += (about.jitter * np.stack(noises)).astype(np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        return embeddings


def read_features(
    recording: str | Path,
    settings: FrontEnd,
    first_s: float | None = None,
    clock: _Clock | None = None,
) -> Features:
    """Decode a recording and run the front end on it.

    Args:
        recording: Any audio or video file that FFmpeg reads; "-" is standard input.
        settings: The front end's settings.
        first_s: Use only the first so many seconds; None uses all.
        clock: Told how long decoding and the front end took.

    Returns:
        The spectrogram, with the lengths of the recording and of its speech.

    Raises:
        RecordingError: The recording cannot be used.
        ConfigError: `first_s` is not positive.
    """
    if first_s is not None and not first_s > 0:
        raise ConfigError(f"first: got {first_s:g} seconds; give more than 0")
    clock = clock or _Clock()
    name = str(recording)
    source = _standard_input() if name == "-" else Path(recording)
    decoded = decode(source, name, settings.sample_rate_hz, first_s)
    clock.lap("decode")
    features = extract(decoded, settings)
    clock.lap("front_end")
    return features


def _check(samples: int, seed: int) -> None:
    if not 1 <= samples <= MAX_SAMPLES:
        raise ConfigError(f"samples: got {samples}; give 1 to {MAX_SAMPLES}")
    if seed < 0:
        raise ConfigError(f"seed: got {seed}; give 0 or more")


def _standard_input() -> BytesIO:
    """Read standard input whole: most formats need to seek."""
    content = sys.stdin.buffer.read(_STDIN_LIMIT_BYTES + 1)
    if len(content) > _STDIN_LIMIT_BYTES:
        raise RecordingError(
            f"-: more than {_STDIN_LIMIT_BYTES >> 20} MiB on standard input; give a file instead"
        )
    if not content:
        raise RecordingError("-: standard input is empty; pipe a recording into it")
    return BytesIO(content)


class _Clock:
    """Time between laps, in milliseconds."""

    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps_ms[name] = round(self.laps_ms.get(name, 0) + 1000 * (now - self._last), 2)
        self._last = now
