r"""Whom speech detectors refuse, and what they let through, side by side.

    python experiments/speech_sounds.py -o sounds
    python benchmarks/speech_detector.py --sounds sounds/test --data ../shared/data --store STORE \
        --detector before=FOLDER --detector after=RUN/speech_detector

A detector is a folder with `speech_detector.onnx` and `decision.json`. No detector has learned from
anything here: sounds are of packages kept for the test, and synthetic ones to measure by; speech
is of packages, of GRID, of RAVDESS in strong emotions (only measured), and of STORE's test speakers
(a store with waveforms) as they are, in noise of 0 to 10 dB, by telephone, far away, and in other
moods by WORLD with factors beyond those that are trained on. Whole files count, of 20 s at the
most; those in which the voice activity detector finds too little count as refused, as in use.
Intervals are over files or speakers.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from record import line
from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import preset
from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.audio.variants import VariantSettings, analyse, draw_variant, resynthesise
from voice2face.data.store import Store
from voice2face.errors import RecordingError
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.records import Recording
from voice2face.runtime.shipped_detector import shipped_detector
from voice2face.synthetic.sounds import MEASURING_SOUNDS, measuring_sound

RATE_HZ = 16000
LONGEST_S = 20.0
SYNTHETIC_EACH = 20
RECORDINGS_A_SPEAKER = 2
NOISY = AugmentSettings(noise=1, noise_snr_db=(0, 10))
CONDITIONS = {
    "noise": NOISY,
    "babble": AugmentSettings(babble=1, babble_snr_db=(3, 10)),
    "telephone": AugmentSettings(telephone=1),
    "far away": AugmentSettings(
        reverberation=1, rt60_s=(0.6, 1.0), direct_to_reverberant_db=(-6, 0)
    ),
}
BEYOND = VariantSettings(
    each=2, f0_factors=(1.8, 3.0), highest_f0_hz=480.0, effort_db=(3.0, 9.0), shout=0.5, whisper=0.2
)


@dataclasses.dataclass(frozen=True)
class Sound:
    """A sound and what is known of it: its set, the file or speaker, whether a person speaks."""

    set: str
    source: str
    is_speech: bool
    waveform: NDArray[np.int16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    options = parser.parse_args()
    detectors = {}
    for one in options.detector:
        name, _, folder = one.partition("=")
        path, decision = shipped_detector(preset("wen2019"), Path(folder))
        assert path is not None and decision is not None
        detectors[name] = (onnxruntime.InferenceSession(path), decision.threshold)
    judged: dict[str, list[tuple[Sound, dict[str, bool]]]] = {}
    for sound in sounds_of(options.sounds, options.data, options.store):
        judged.setdefault(sound.set, []).append((sound, passes(detectors, sound)))
    for name in ("all speech as recorded", "all other sounds"):
        judged[name] = [
            one
            for group, several in judged.items()
            for one in several
            if one[0].is_speech == (name == "all speech as recorded") and ", " not in group
        ]
    sets = {name: figures(several, list(detectors)) for name, several in judged.items()}
    for name, told in sets.items():
        print(name, told, file=sys.stderr)
    print(line("speech_detector", ("numpy", "onnxruntime"), sets=sets))


def passes(detectors: dict, sound: Sound) -> dict[str, bool]:
    """Whether each detector takes a sound for speech."""
    try:
        bands = extract(Recording(sound.source, sound.waveform, RATE_HZ), preset("modern")).log_mel
    except RecordingError:
        return dict.fromkeys(detectors, False)
    whole = repeat_to_length(bands, 100).T[None].astype(np.float32)
    return {
        name: float(session.run(None, {"log_mel": whole})[0][0]) > threshold
        for name, (session, threshold) in detectors.items()
    }


def sounds_of(folder: Path, data: Path, store: Path) -> Iterator[Sound]:
    """Every sound that is asked about."""
    for path in files(folder):
        parts = path.relative_to(folder).parts  # speech/PACKAGE/FILE, other/KIND/PACKAGE/FILE
        is_speech = parts[0] == "speech"
        yield Sound(f"{'speech' if is_speech else parts[1]}: {parts[-2]}", path.name, is_speech,
                    read(path))  # fmt: skip
    for kind in MEASURING_SOUNDS:
        for index in range(SYNTHETIC_EACH):
            waveform = measuring_sound(kind, 4.0, 0, index)
            yield Sound(f"synthetic: {kind}", f"{kind} {index}", False, waveform)
    for path in files(data / "pairs/grid"):
        yield Sound("speech: GRID", path.stem, True, read(path))
    ravdess = data / "voices/ravdess-lively"
    for path in files(ravdess):
        waveform, random = read(path), np.random.default_rng([1, *path.stem.encode()])
        yield Sound("speech: RAVDESS", path.stem, True, waveform)
        noisy = augment(waveform, NOISY, [], random, RATE_HZ)
        yield Sound("speech: RAVDESS, noise", path.stem, True, noisy)
    yield from of_store(Store.open(store))


def of_store(store: Store) -> Iterator[Sound]:
    """Test speakers, as they are and in each condition."""
    rows = [row for row, split in enumerate(store.voices["split"]) if split == "test"]
    seen: dict[str, int] = {}
    for row in rows:
        name, data_set = store.voices["identity"][row], store.voices["data_set"][row]
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > RECORDINGS_A_SPEAKER:
            continue
        random = np.random.default_rng([2, row])
        waveform = store.waveform(row)[: int(LONGEST_S * RATE_HZ)]
        others = [store.waveform(one) for one in random.choice(rows, 5) if one != row]
        yield Sound(f"speech: {data_set}", name, True, waveform)
        for condition, how in CONDITIONS.items():
            worse = augment(waveform, how, others, random, RATE_HZ)
            yield Sound(f"speech: {data_set}, {condition}", name, True, worse)
        analysis = analyse(waveform[: 5 * RATE_HZ])
        for _ in range(BEYOND.each):
            lively = resynthesise(
                analysis, draw_variant(BEYOND, analysis.typical_f0_hz, random), random
            )
            yield Sound(f"speech: {data_set}, moods", name, True, lively)


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in MEDIA_SUFFIXES]


def read(path: Path) -> NDArray[np.int16]:
    try:
        return decode(path, path.name, RATE_HZ, first_s=LONGEST_S).waveform
    except RecordingError:
        return np.zeros(RATE_HZ, np.int16)


def figures(judged: list[tuple[Sound, dict[str, bool]]], names: list[str]) -> dict[str, object]:
    """Error rate of each detector on a set, with its interval over files or speakers."""
    is_speech = judged[0][0].is_speech
    _, who = np.unique([f"{one.set} {one.source}" for one, _ in judged], return_inverse=True)
    counts = np.bincount(who)
    told: dict[str, object] = {"wrong is": "refused" if is_speech else "accepted", "n": len(judged)}
    for name in names:
        wrong = np.array([passed[name] != is_speech for _, passed in judged])
        value, low, high = mean_interval(
            identity_weights(len(counts), seed=0),
            np.bincount(who, wrong)[:, None],
            counts[:, None],
            bounds=(0, 1),
        )
        told[name] = round(float(value[0]), 4)
        # One file or speaker alone has none.
        told[f"{name}, interval"] = (
            None if np.isnan(low[0]) else [round(float(low[0]), 4), round(float(high[0]), 4)]
        )
    return told


if __name__ == "__main__":
    main()
