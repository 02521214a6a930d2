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

__all__ = ["SYNTHESISED", "SoundKind", "out_of_domain", "synthesise"]

_RATE_HZ = 16000
Waveform = NDArray[np.float64]


@dataclass(frozen=True)
class SoundKind:
    """What became of one kind of sound.

    Attributes:
        kind: Its name.
        n: Sounds.
        refused: Share of them that gave no face, as the front end or the model heard no speech.
        speech_s: Median length of what passed for speech in the others; NaN where there are none.
        found: By detector, (drawn sounds,) whether it sees a face in what is drawn.
        spread: Mean over pixels of the deviation between the faces of different sounds, in grey
            levels; about 0 where all such sounds get one face, NaN where there are fewer than two.
        faces: (drawn sounds, size, size, 3) RGB, the first face of each, for a figure.
        names: Name of each of those sounds.
    """

    kind: str
    n: int
    refused: float
    speech_s: float
    found: dict[str, NDArray[np.bool_]]
    spread: float
    faces: NDArray[np.uint8]
    names: tuple[str, ...]

    def figures(self) -> dict[str, float | int]:
        """Give all but the pictures, flat, for a result file."""
        told: dict[str, float | int] = {"n": self.n, "refused": self.refused}
        told |= {"speech_s": self.speech_s, "spread": self.spread}
        return told | {
            f"face_found/{name}": float(found.mean()) if len(found) else float("nan")
            for name, found in self.found.items()
        }


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
        n_synthesised: Sounds of each kind of `SYNTHESISED`.
        seconds: Their length.

    Returns:
        The kinds of `recordings`, then those of `SYNTHESISED`.

    Raises:
        ConfigError: `seconds` is not positive, or a kind of recordings has the name of a
            synthesised one.
    """
    if not seconds > 0:
        raise ConfigError(f"seconds: got {seconds:g}; give more than 0")
    if twice := sorted(set(recordings) & set(SYNTHESISED)):
        raise ConfigError(f"sounds called {', '.join(twice)} are synthesised; choose another name")
    rate_hz = model.description.front_end.sample_rate_hz
    kinds = []
    for kind, paths in recordings.items():
        sounds = [_reader(path, rate_hz) for path in paths]
        kinds.append(_judged(model, detectors, kind, sounds))
    for kind in SYNTHESISED:
        sounds = [_synthesiser(kind, index, seconds, seed) for index in range(n_synthesised)]
        kinds.append(_judged(model, detectors, kind, sounds))
    return kinds


def synthesise(kind: str, seconds: float, seed: int, index: int = 0) -> NDArray[np.int16]:
    """Make a sound that is no speech.

    Args:
        kind: A key of `SYNTHESISED`.
        seconds: Its length.
        seed: Of the random numbers.
        index: Number of the sound; each differs.

    Returns:
        (samples,) int16, 16 kHz.
    """
    random = np.random.default_rng([seed, list(SYNTHESISED).index(kind), index])
    time_s = np.arange(round(seconds * _RATE_HZ)) / _RATE_HZ
    waveform = SYNTHESISED[kind](time_s, random)
    return np.round(np.clip(waveform, -1, 1) * 32767).astype(np.int16)


def _judged(
    model: VoiceToFace,
    detectors: Sequence[FaceDetectorJudge],
    kind: str,
    sounds: Sequence[Callable[[], Recording]],
) -> SoundKind:
    drawn, names, lengths = [], [], []
    for sound in sounds:
        try:
            recording = sound()
            features = extract(recording, model.description.front_end)
            model.hear(features.log_mel, recording.name)
        except RecordingError:
            continue
        drawn.append(model.imagine(features.log_mel)[0])
        names.append(recording.name)
        lengths.append(features.speech_s)
    size = model.description.image_size_px
    faces = np.stack(drawn) if drawn else np.zeros((0, size, size, 3), np.uint8)
    nothing = float("nan")
    return SoundKind(
        kind=kind,
        n=len(sounds),
        refused=1 - len(drawn) / len(sounds) if sounds else nothing,
        speech_s=float(np.median(lengths)) if lengths else nothing,
        found={
            one.name: one.found(faces) if len(faces) else np.zeros(0, bool) for one in detectors
        },
        spread=float(faces.std(axis=0).mean()) if len(faces) > 1 else nothing,
        faces=faces,
        names=tuple(names),
    )


def _reader(path: Path, rate_hz: int) -> Callable[[], Recording]:
    return lambda: decode(path, str(path), rate_hz)


def _synthesiser(kind: str, index: int, seconds: float, seed: int) -> Callable[[], Recording]:
    def sound() -> Recording:
        return Recording(f"{kind} {index}", synthesise(kind, seconds, seed, index), _RATE_HZ)

    return sound


def _white_noise(time_s: Waveform, random: np.random.Generator) -> Waveform:
    return random.uniform(0.02, 0.3) * random.standard_normal(len(time_s))


def _pink_noise(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Power falls with frequency, as in wind, rain and crowds far away."""
    spectrum = np.fft.rfft(random.standard_normal(len(time_s)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, len(time_s))
    return random.uniform(0.05, 0.25) * noise / noise.std()


def _tones(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Chords of three notes with overtones that are struck and fade, two to four a second."""
    waveform = np.zeros(len(time_s))
    beat_s = 1 / random.uniform(2, 4)
    for start_s in np.arange(0, time_s[-1] + 1e-9, beat_s):
        since_s = np.clip(time_s - start_s, 0, None)
        envelope = np.where(
            time_s >= start_s, np.exp(-3 * since_s) * np.minimum(since_s / 0.01, 1), 0
        )
        root = 110 * 2 ** (random.integers(0, 24) / 12)
        for interval in (0, random.choice([3, 4]), 7):
            pitch_hz = root * 2 ** (interval / 12)
            for overtone in range(1, 6):
                phase = 2 * np.pi * pitch_hz * overtone * since_s
                waveform += envelope * np.sin(phase) / overtone**1.5
    return 0.5 * waveform / (np.abs(waveform).max() + 1e-9)


def _hum(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Mains hum with its overtones, and a little noise."""
    mains_hz = random.choice([50.0, 60.0])
    overtones = np.arange(1, 11)
    levels = random.uniform(0, 1, len(overtones)) / overtones
    phases = random.uniform(0, 2 * np.pi, len(overtones))
    waves = np.sin(2 * np.pi * mains_hz * overtones[:, None] * time_s + phases[:, None])
    hum = levels @ waves
    return random.uniform(0.1, 0.5) * hum / np.abs(hum).max() + _faint(time_s, random)


def _silence_with_hum(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """A microphone that nobody speaks into: hum and noise 50 dB and more below full level."""
    return 0.003 * _hum(time_s, random) + _faint(time_s, random)


def _faint(time_s: Waveform, random: np.random.Generator) -> Waveform:
    return 0.0005 * random.standard_normal(len(time_s))


SYNTHESISED: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "white noise": _white_noise,
    "pink noise": _pink_noise,
    "musical tones": _tones,
    "hum": _hum,
    "silence with hum": _silence_with_hum,
}
