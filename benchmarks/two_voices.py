"""How often a second voice is heard where there is one, and where there is none.

    python benchmarks/two_voices.py STORE --run RUN --bundle MODEL [--ravdess FOLDER] [-o FILE]

Each encoder has the threshold that its speaker stage found on the validation split. One voice: what
a speaker of the test split says, as recorded, and joined with variants like those of training and
beyond; and what each of training says. Conversations are turns of 2 to 8 s of two speakers of the
test split, until both have said all that there is of them. RAVDESS: of one actor, all emotions
joined; of two, turns of both.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from record import line
from voice2face.audio.decode import decode
from voice2face.audio.log_mel import log_mel, normalise_bands
from voice2face.audio.settings import preset
from voice2face.audio.vad import voiced_waveform
from voice2face.data.store import Store
from voice2face.errors import ConfigError
from voice2face.files import write_atomically
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import find_bundle
from voice2face.runtime.voices import LEAST_FRAMES, TWO_VOICES_FILE, two_voices_threshold
from voice2face.training.presets import preset as training_preset
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.trained_encoder import trained_encoder
from voice2face.training.speaker.two_voices_fit import cosines_of_two, lone_speakers

_FRONT_END = preset("modern")
_STAGE = training_preset("modern-voice").speaker
_TURN_FRAMES = (200, 800)
_CONVERSATIONS = 150

Bands = NDArray[np.float32]
Embed = Callable[[Bands], Bands]
# Bands of a recording or conversation, and who speaks.
Asked = list[tuple[Bands, tuple[str, ...]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--run", action="append", default=[], type=Path)
    parser.add_argument("--bundle", action="append", default=[], metavar="MODEL")
    parser.add_argument("--ravdess", type=Path, help="folder of lively clips, to measure only")
    parser.add_argument("-o", "--out", type=Path, help="file for the line, in place of stdout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = hold_out(Store.open(options.store), _STAGE.held_out_percent, _STAGE.unlabelled)
    recordings = asked(store, options.ravdess)
    systems = {run.name: _of_run(run) for run in options.run}
    systems |= {f"bundle {name}": _of_bundle(name) for name in options.bundle}
    figures = {
        name: _measured(embed, threshold, recordings)
        for name, (embed, threshold) in systems.items()
    }
    told = line("two_voices", ("torch", "numpy"), systems=figures)
    if options.out:
        write_atomically(options.out, (told + "\n").encode())
    else:
        sys.stdout.write(told + "\n")


def asked(store: Store, ravdess: Path | None) -> dict[str, Asked]:
    """Recordings of one speaker and conversations of two, by kind."""
    random = np.random.default_rng(0)
    found = {
        kind: [(bands, (name,)) for name, bands in of.items()]
        for kind, of in lone_speakers(store, "test", _STAGE, _FRONT_END).items()
    }
    held, learnt = (_by_data_set(store, split) for split in ("test", "train"))
    found |= {f"one, trained on, {name}": _alone(of) for name, of in learnt.items()}
    gender = dict(zip(store.voices["identity"], store.voices["gender"], strict=True))
    for data_set, of in held.items():
        for alike, what in ((True, "one gender"), (False, "a woman and a man")):
            pairs = [(a, b) for a in of for b in of if a < b and (gender[a] == gender[b]) == alike]
            found[f"two, held out, {data_set}, {what}"] = _talks(of, pairs, random)
    if ravdess:
        acted = _ravdess(ravdess)
        found["one, RAVDESS, all emotions"] = _alone(acted)
        found["two, RAVDESS, all emotions"] = _talks(
            acted, [(a, b) for a in acted for b in acted if a < b], random
        )
    return found


def _by_data_set(store: Store, split: str) -> dict[str, dict[str, Bands]]:
    """What each speaker of a split says, by data set; bands are not normalised."""
    parts: dict[str, dict[str, list[Bands]]] = defaultdict(lambda: defaultdict(list))
    columns = (store.voices[name] for name in ("identity", "data_set", "split"))
    for row, (name, data_set, of) in enumerate(zip(*columns, strict=True)):
        if of == split and data_set not in _STAGE.unlabelled:
            parts[data_set][name].append(_bands(store.waveform(row)))
    return {
        data_set: {name: np.concatenate(found) for name, found in of.items()}
        for data_set, of in parts.items()
    }


def _of_run(run: Path) -> tuple[Embed, float]:
    encoder, threshold = trained_encoder(run).network, two_voices_threshold(run / TWO_VOICES_FILE)
    if threshold is None:
        raise ConfigError(f"{run}: has no threshold in {TWO_VOICES_FILE}")
    return lambda windows: embedded(encoder, list(windows), 0), threshold


def _of_bundle(name: str) -> tuple[Embed, float]:
    bundle = Bundle(find_bundle(name))
    if bundle.description.two_voices is None:
        raise ConfigError(f"{name}: does not tell two voices")
    return bundle.embed, bundle.description.two_voices


def _bands(waveform: NDArray[np.int16]) -> Bands:
    voiced = voiced_waveform(waveform, _FRONT_END)
    return log_mel(voiced, _FRONT_END)[: len(voiced) // _FRONT_END.hop_length]


def _alone(of: dict[str, Bands]) -> Asked:
    return [(_normal(one), (name,)) for name, one in of.items() if len(one) >= LEAST_FRAMES]


def _normal(bands: Bands) -> Bands:
    return normalise_bands(bands, _FRONT_END.band_range_db)


def _talks(
    of: dict[str, Bands], pairs: Sequence[tuple[str, str]], random: np.random.Generator
) -> Asked:
    """Conversations of some of the pairs."""
    chosen = random.permutation(len(pairs))[:_CONVERSATIONS]
    talks = []
    for first, second in (pairs[i] for i in chosen):
        talks.append((_normal(_talk(of[first], of[second], random)), (first, second)))
    return talks


def _talk(first: Bands, second: Bands, random: np.random.Generator) -> Bands:
    """Take turns of both, until both are at their end."""
    left, turns, who = [first, second], [], int(random.integers(2))
    while any(map(len, left)):
        n_frames = int(random.integers(*_TURN_FRAMES))
        turns.append(left[who][:n_frames])
        left[who] = left[who][n_frames:]
        who = 1 - who
    return np.concatenate(turns)


def _ravdess(folder: Path) -> dict[str, Bands]:
    parts = defaultdict(list)
    with (folder / "clips.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            parts[row["speaker"]].append(_bands(decode(folder / row["file"], row["file"]).waveform))
    return {name: np.concatenate(of) for name, of in parts.items()}


def _measured(embed: Embed, threshold: float, recordings: dict[str, Asked]) -> dict[str, object]:
    told = {
        kind: _share(
            cosines_of_two(embed, [one for one, _ in of]) < threshold, [who for _, who in of]
        )
        for kind, of in recordings.items()
        if of
    }
    return {"threshold": threshold, "told_two": told}


def _share(told: NDArray[np.bool_], who: list[tuple[str, ...]]) -> dict[str, object]:
    """A share, with its interval over first speakers."""
    _, places = np.unique([names[0] for names in who], return_inverse=True)
    counts = np.bincount(places)
    value, low, high = mean_interval(
        identity_weights(len(counts), seed=0),
        np.bincount(places, told)[:, None],
        counts[:, None],
        bounds=(0, 1),
    )
    return {
        "share": round(float(value[0]), 4),
        "interval": [round(float(low[0]), 4), round(float(high[0]), 4)],
        "n": len(told),
        "speakers": len(counts),
    }


if __name__ == "__main__":
    main()
