"""Whether stretches of one speaker, with the same noise, give faces nearer than others' do.

    python benchmarks/consistency.py STORE [MODEL ...]

STORE was prepared with --waveforms. Few held-out speakers have several recordings, so each is asked
about in separate stretches of four seconds, spread over all that there is of them; mostly the
microphone and the day are the same then, which is easier than several recordings. Faces are
compared with those of other speakers of the same gender, noise by noise, in the space of every
recogniser that is installed. Intervals are over speakers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from record import line
from voice2face import VoiceToFace
from voice2face.audio.front_end import extract
from voice2face.audio.settings import FrontEnd
from voice2face.data.store import Store
from voice2face.errors import RecordingError
from voice2face.judges import FACE_RECOGNISERS, load_available, suited
from voice2face.metrics import retrieval as metrics
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.records import Recording
from voice2face.runtime.description import DEFAULT_MODEL
from voice2face.training.speaker.identifier import WOMAN

_FRONT_END = FrontEnd()
_STRETCH_S = 4
_MOST_STRETCHES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("models", nargs="*", default=[DEFAULT_MODEL])
    parser.add_argument("--noises", type=int, default=16, help="faces a stretch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    heard = list(stretches(Store.open(options.store)))
    names = sorted({name for name, _, _ in heard})
    person = np.array([names.index(name) for name, _, _ in heard])
    is_woman = np.array([woman for _, woman, _ in heard], dtype=np.int64)
    judges, missing = load_available(suited(FACE_RECOGNISERS, planted=False))
    print("\n".join(missing), file=sys.stderr)
    figures = {}
    for name in options.models:
        model = VoiceToFace.load(name)
        faces = np.stack([model.imagine(log_mel, options.noises) for _, _, log_mel in heard])
        figures[name] = {
            judge.name: told(
                [judge.embed(faces[:, noise]) for noise in range(options.noises)], person, is_woman
            )
            for judge in judges
        }
    print(line("consistency", ("numpy", "onnxruntime", "torch"), speakers=len(names),
               stretches=len(heard), noises=options.noises, models=figures))  # fmt: skip


def stretches(store: Store) -> Iterator[tuple[str, bool, NDArray[np.float32]]]:
    """Speaker, whether a woman, and spectrogram of the stretches of test speakers."""
    length = _STRETCH_S * _FRONT_END.sample_rate_hz
    of: dict[str, list[tuple[int, int]]] = {}
    for row, (split, gender) in enumerate(
        zip(store.voices["split"], store.voices["gender"], strict=True)
    ):
        if split == "test" and gender in WOMAN:
            starts = range(0, len(store.waveform(row)) - length + 1, length)
            name = store.voices["identity"][row]
            of.setdefault(name, []).extend((row, start) for start in starts)
    for name, places in sorted(of.items()):
        count = min(len(places), _MOST_STRETCHES)
        for place in np.linspace(0, len(places) - 1, count).astype(int):
            row, start = places[place]
            waveform = store.waveform(row)[start : start + length]
            try:
                features = extract(Recording(name, waveform, _FRONT_END.sample_rate_hz), _FRONT_END)
            except RecordingError:
                continue
            yield name, bool(WOMAN[store.voices["gender"][row]]), features.log_mel


def told(
    embeddings: list[NDArray[np.float32]], person: NDArray[np.int64], is_woman: NDArray[np.int64]
) -> dict[str, object]:
    """Consistency, and how often a face is nearer to one of its speaker's than to another's.

    Args:
        embeddings: (stretches, embedding) of the faces of each noise.
        person: (stretches,) number of the speaker.
        is_woman: (stretches,) 1 for a woman's voice.
    """
    distances = [metrics.consistency(of, person, is_woman) for of in embeddings]
    within, between = (np.mean(side, axis=0) for side in zip(*distances, strict=True))
    shares = np.mean([nearer(of, person, is_woman) for of in embeddings], axis=0)
    known = np.isfinite(within) & np.isfinite(between)
    weights = identity_weights(int(known.sum()), seed=0)
    sides = np.column_stack([within, between, shares])[known]
    ratio = mean_interval(weights, sides[:, :1], sides[:, 1:2])
    share = mean_interval(weights, sides[:, 2:], np.ones((len(sides), 1)), bounds=(0, 1))
    value, low, high = (1 - float(one[0]) for one in (ratio[0], ratio[2], ratio[1]))
    return {
        "within": round(float(sides[:, 0].mean()), 4),
        "between": round(float(sides[:, 1].mean()), 4),
        "score": round(value, 4),
        "score_interval": [round(low, 4), round(high, 4)],
        "nearer_to_own": round(float(share[0][0]), 4),
        "nearer_to_own_interval": [round(float(end[0]), 4) for end in share[1:]],
        "speakers": len(sides),
    }


def nearer(
    embeddings: NDArray[np.float32], person: NDArray[np.int64], is_woman: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Share, by speaker, of triples (own, own, other of the gender) whose own pair is nearer."""
    vectors = metrics.unit(embeddings).astype(np.float64)
    cosine = vectors @ vectors.T
    wins, asked = np.zeros(person.max() + 1), np.zeros(person.max() + 1)
    for index, who in enumerate(person):
        own = np.flatnonzero((person == who) & (np.arange(len(person)) != index))
        other = np.flatnonzero((person != who) & (is_woman == is_woman[index]))
        above = cosine[index, own][:, None] - cosine[index, other][None]
        wins[who] += (above > 0).sum() + 0.5 * (above == 0).sum()
        asked[who] += above.size
    with np.errstate(invalid="ignore"):
        return wins / asked


if __name__ == "__main__":
    main()
