"""How often a second voice is heard where there is one, and where there is none.

    python benchmarks/two_voices.py STORE --run RUN --bundle modern-64 [--ravdess FOLDER] [-o FILE]

For each encoder, the threshold is the greatest at which at most 2 % are taken for two voices of
each kind of recording of held-out speakers: as recorded, and joined with variants like those of
training and beyond. Conversations are turns of 2 to 8 s of two held-out speakers, until both have
said all that there is of them. RAVDESS measures and calibrates nothing: of one actor, all
emotions joined; of two, turns of both. Speakers of training are asked too, and told apart.
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
from voice2face.audio.variants import VariantSettings
from voice2face.data.store import Store
from voice2face.files import write_atomically
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import find_bundle
from voice2face.runtime.voices import LEAST_FRAMES, divide, windows_of
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.trained_encoder import trained_encoder
from voice2face.training.speaker.variants import BEYOND, with_variants

_FRONT_END = preset("modern")
_TURN_FRAMES = (200, 800)
_CONVERSATIONS = 150
_MOST_WRONG = 0.02
_UNLABELLED = "picovoice"

Bands = NDArray[np.float32]
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
    store = hold_out(Store.open(options.store), 10, (_UNLABELLED,))
    kinds, others = asked(store, options.ravdess)
    embeds: dict[str, Callable[[Bands], Bands]] = {
        run.name: _embed_of(run) for run in options.run
    } | {f"bundle {name}": Bundle(find_bundle(name)).embed for name in options.bundle}
    figures = {name: _measured(embed, kinds, others) for name, embed in embeds.items()}
    told = line("two_voices", ("torch", "numpy"), systems=figures)
    if options.out:
        write_atomically(options.out, (told + "\n").encode())
    else:
        sys.stdout.write(told + "\n")


def asked(store: Store, ravdess: Path | None) -> tuple[dict[str, Asked], dict[str, Asked]]:
    """Recordings of one held-out speaker, by kind; and all others."""
    random = np.random.default_rng(0)
    heard: dict[tuple[str, str], dict[str, list[Bands]]] = defaultdict(lambda: defaultdict(list))
    gender: dict[str, str] = {}
    voices = store.voices
    for row, (name, data_set, split) in enumerate(
        zip(voices["identity"], voices["data_set"], voices["split"], strict=True)
    ):
        if data_set != _UNLABELLED:
            side = "trained on" if split == "train" else "held out"
            heard[side, data_set][name].append(_bands(store.waveform(row)))
            gender[name] = voices["gender"][row]
    joined = {
        key: {name: np.concatenate(parts) for name, parts in of.items()}
        for key, of in heard.items()
    }
    held = {
        name: one
        for (side, _), of in joined.items()
        if side == "held out"
        for name, one in of.items()
    }
    kinds = {"as recorded": _alone(held)}
    for kind, settings in (("like training", VariantSettings(each=3)), ("beyond", BEYOND)):
        kinds[f"with variants {kind}"] = _alone(_with_variants(store, settings, held))
    others = {f"one, {', '.join(key)}": _alone(of) for key, of in joined.items()}
    read = joined["held out", "librispeech"]
    for alike, what in ((True, "one gender"), (False, "a woman and a man")):
        pairs = [(a, b) for a in read for b in read if a < b and (gender[a] == gender[b]) == alike]
        others[f"two, held out, librispeech, {what}"] = _talks(read, pairs, random)
    duke = {**joined["held out", "duke"], **joined["trained on", "duke"]}
    others["two, mostly trained on, duke"] = _talks(
        duke, [(a, b) for a in duke for b in duke if a < b], random
    )
    if ravdess:
        acted = _ravdess(ravdess)
        others["one, RAVDESS, all emotions"] = _alone(acted)
        others["two, RAVDESS, all emotions"] = _talks(
            acted, [(a, b) for a in acted for b in acted if a < b], random
        )
    return kinds, others


def _embed_of(run: Path) -> Callable[[Bands], Bands]:
    encoder = trained_encoder(run).network
    return lambda windows: embedded(encoder, list(windows), 0)


def _bands(waveform: NDArray[np.int16]) -> Bands:
    voiced = voiced_waveform(waveform, _FRONT_END)
    return log_mel(voiced, _FRONT_END)[: len(voiced) // _FRONT_END.hop_length]


def _alone(of: dict[str, Bands]) -> Asked:
    return [(one, (name,)) for name, one in of.items() if len(one) >= LEAST_FRAMES]


def _with_variants(
    store: Store, settings: VariantSettings, held: dict[str, Bands]
) -> dict[str, Bands]:
    parts = {name: [one] for name, one in held.items()}
    for split in ("val", "test"):
        varied = with_variants(store, settings, split)
        for row, (name, number) in enumerate(
            zip(varied.voices["identity"], varied.numbers, strict=True)
        ):
            if varied.voices["split"][row] == split and number:
                parts[name].append(_bands(varied.waveform(row)))
    return {name: np.concatenate(of) for name, of in parts.items()}


def _talks(
    of: dict[str, Bands], pairs: Sequence[tuple[str, str]], random: np.random.Generator
) -> Asked:
    """Conversations of some of the pairs."""
    chosen = random.permutation(len(pairs))[:_CONVERSATIONS]
    return [(_talk(*(of[name] for name in pairs[i]), random), pairs[i]) for i in chosen]


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


def _measured(
    embed: Callable[[Bands], Bands], kinds: dict[str, Asked], others: dict[str, Asked]
) -> dict[str, object]:

    def cosine(bands: Bands) -> float:
        windows = windows_of(normalise_bands(bands, 50.0), embed)
        return divide(windows, len(bands), 2).cosine

    cosines = {
        kind: np.array([cosine(one) for one, _ in of]) for kind, of in {**kinds, **others}.items()
    }
    # Below the next one that would be wrong, in the kind that allows the least.
    threshold = min(
        float(np.sort(cosines[kind])[int(_MOST_WRONG * len(cosines[kind]))]) for kind in kinds
    )
    threshold = float(np.floor(100 * threshold) / 100)
    return {
        "threshold": threshold,
        "told_two": {
            kind: _share(cosines[kind] < threshold, [who for _, who in of])
            for kind, of in {**kinds, **others}.items()
            if of
        },
    }


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
