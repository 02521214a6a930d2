"""What a model does with sounds that are no speech: does it refuse, and if not, what does it draw?

A good system refuses noise, music and animals, or draws what no detector takes for a face; the
published one, which does not know what speech is, draws bad faces for them. Real speech must stand
beside: a system that refuses everything is no use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.errors import ConfigError, RecordingError
from voice2face.pretrained.interfaces import FaceDetectorJudge
from voice2face.records import Recording
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.synthetic.sounds import MEASURING_SOUNDS, measuring_sound

_RATE_HZ = 16000


@dataclass(frozen=True)
class SoundKind:
    """What became of one kind of sound.

    Attributes:
        n: How many were given; of the others than those drawn, nobody heard speech in them.
        names: Of the drawn sounds.
        speech_s: (drawn sounds,) length of what passed for speech.
        faces: (drawn sounds, size, size, 3) RGB, the first face of each.
        found: By detector, (drawn sounds,) whether it sees a face in what is drawn.
    """

    kind: str
    n: int
    names: tuple[str, ...]
    speech_s: tuple[float, ...]
    faces: NDArray[np.uint8]
    found: dict[str, NDArray[np.bool_]]


def out_of_domain(
    model: VoiceToFace,
    detectors: Sequence[FaceDetectorJudge],
    recordings: Mapping[str, Sequence[Path]],
    n_synthesised: int = 20,
    seconds: float = 4.0,
    seed: int = 0,
) -> list[SoundKind]:
    """Give a model sounds of every kind.

    Args:
        recordings: Files by kind: such as "speech", which should be there for comparison, and
            "animals". One that cannot be read counts as refused.
        n_synthesised: Sounds of each kind of `MEASURING_SOUNDS`.

    Returns:
        The kinds of `recordings`, then those of `MEASURING_SOUNDS`.

    Raises:
        ConfigError: `seconds` is not positive, or a kind of recordings has the name of a
            synthesised one.
    """
    if not seconds > 0:
        raise ConfigError(f"seconds: got {seconds:g}; give more than 0")
    if twice := sorted(set(recordings) & set(MEASURING_SOUNDS)):
        raise ConfigError(f"sounds called {', '.join(twice)} are synthesised; choose another name")
    rate_hz = model.description.front_end.sample_rate_hz
    kinds = []
    for kind, paths in recordings.items():
        sounds = [_reader(path, rate_hz) for path in paths]
        kinds.append(_judged(model, detectors, kind, sounds))
    for kind in MEASURING_SOUNDS:
        sounds = [_synthesiser(kind, index, seconds, seed) for index in range(n_synthesised)]
        kinds.append(_judged(model, detectors, kind, sounds))
    return kinds


def _judged(
    model: VoiceToFace,
    detectors: Sequence[FaceDetectorJudge],
    kind: str,
    sounds: Sequence[Callable[[], Recording]],
) -> SoundKind:
    generated, names, lengths = [], [], []
    for sound in sounds:
        try:
            recording = sound()
            features = extract(recording, model.description.front_end)
            model.hear(features.log_mel, recording.name)
        except RecordingError:
            continue
        generated.append(model.imagine(features.log_mel)[0])
        names.append(recording.name)
        lengths.append(features.speech_s)
    size = model.description.image_size_px
    faces = np.stack(generated) if generated else np.zeros((0, size, size, 3), np.uint8)
    found = {one.name: one.found(faces) if len(faces) else np.zeros(0, bool) for one in detectors}
    return SoundKind(kind, len(sounds), tuple(names), tuple(lengths), faces, found)


def _reader(path: Path, rate_hz: int) -> Callable[[], Recording]:
    return lambda: decode(path, str(path), rate_hz)


def _synthesiser(kind: str, index: int, seconds: float, seed: int) -> Callable[[], Recording]:
    def sound() -> Recording:
        return Recording(f"{kind} {index}", measuring_sound(kind, seconds, seed, index), _RATE_HZ)

    return sound
