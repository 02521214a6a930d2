"""How well unheard speakers are told apart, by the seconds heard, and from one mood to another.

    python benchmarks/speaker_verification.py STORE --run RUN ... [-o FILE]

Speakers outside of what the runs trained on: the store's test split, and what the stage holds back.
All recordings of one are joined and cut into stretches; where there is one recording, stretches
share its channel, so that error rates are lower than across recordings. "lively" asks whether a
recording and a variant `BEYOND` those of any training are of one speaker.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from record import line
from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.store import Store
from voice2face.errors import RecordingError
from voice2face.files import write_atomically
from voice2face.metrics.verification import eer, sample_trials
from voice2face.records import Recording
from voice2face.training.speaker.gender_fit import embedded
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.trained_encoder import trained_encoder
from voice2face.training.speaker.variants import BEYOND, with_variants

_FRONT_END = preset("modern")
_RATE_HZ = 16000
_SECONDS = (1, 2, 5, 10)
_STRETCHES = 6  # of a speaker, at the most
_TRIALS = 20_000
_RESAMPLES = 200
_WORSE = {
    "clean": AugmentSettings(),
    "noise 0-10 dB": AugmentSettings(noise=1.0, noise_snr_db=(0.0, 10.0)),
    "telephone": AugmentSettings(telephone=1.0),
}

Heard = tuple[list[str], list[NDArray[np.float32]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--run", action="append", default=[], type=Path)
    parser.add_argument("--held-out-percent", type=int, default=10)
    parser.add_argument("-o", "--out", type=Path, help="file for the line, in place of stdout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = hold_out(Store.open(options.store), options.held_out_percent, ("picovoice",))
    heard = {
        f"{condition}, {seconds} s": _stretches(store, seconds, settings)
        for condition, settings in _WORSE.items()
        for seconds in _SECONDS
    }
    encoders = {run.name: trained_encoder(run).network for run in options.run}
    figures = {
        name: {condition: _measured(encoder, *of) for condition, of in heard.items()}
        | {"lively": _lively(store, encoder)}
        for name, encoder in encoders.items()
    }
    told = line("speaker_verification", ("torch", "numpy"), systems=figures)
    if options.out:
        write_atomically(options.out, (told + "\n").encode())
    else:
        sys.stdout.write(told + "\n")


def _rows(store: Store, splits: tuple[str, ...] = ("val", "test")) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, split in enumerate(store.voices["split"]):
        if split in splits:
            rows.setdefault(store.voices["identity"][row], []).append(row)
    return rows


def _stretches(store: Store, seconds: int, settings: AugmentSettings) -> Heard:
    """Whole stretches of that length, of speakers who have two or more."""
    names, log_mels = [], []
    length = seconds * _RATE_HZ
    for name, rows in sorted(_rows(store).items()):
        joined = np.concatenate([store.waveform(row) for row in rows])
        count = min(_STRETCHES, len(joined) // length)
        heard = []
        for start in np.linspace(0, len(joined) - length, count).astype(int) if count > 1 else ():
            random = np.random.default_rng([0, rows[0], int(start)])
            wave = augment(joined[start : start + length], settings, [], random)
            try:
                heard.append(extract(Recording(name, wave, _RATE_HZ), _FRONT_END).log_mel)
            except RecordingError:
                continue
        if len(heard) > 1:
            names += len(heard) * [name]
            log_mels += heard
    return names, log_mels


def _measured(
    encoder: nn.Module, names: list[str], log_mels: list[NDArray[np.float32]]
) -> dict[str, object]:
    found = embedded(encoder, log_mels, _FRONT_END.min_frames)
    left, right, is_target = sample_trials(names, _TRIALS, 0)
    scores = np.einsum("te,te->t", found[left], found[right])
    speakers = np.array(names)
    return _with_interval(scores, is_target, speakers[left], speakers[right]) | {
        "speakers": len(set(names)),
        "stretches": len(names),
    }


def _lively(store: Store, encoder: nn.Module) -> dict[str, object]:
    """Each variant against each recording."""
    plain: Heard = ([], [])
    lively: Heard = ([], [])
    for split in ("val", "test"):
        varied = with_variants(store, BEYOND, split)
        for name, rows in sorted(_rows(varied, (split,)).items()):
            for row in rows:
                names, log_mels = lively if varied.numbers[row] else plain
                try:
                    wave = varied.waveform(row)[: 5 * _RATE_HZ]
                    log_mels.append(extract(Recording(name, wave, _RATE_HZ), _FRONT_END).log_mel)
                    names.append(name)
                except RecordingError:
                    continue
    found = [embedded(encoder, log_mels, _FRONT_END.min_frames) for _, log_mels in (plain, lively)]
    names = [np.array(of) for of, _ in (plain, lively)]
    scores = found[0] @ found[1].T
    is_target = names[0][:, None] == names[1][None]
    sides = np.broadcast_arrays(names[0][:, None], names[1][None])
    return _with_interval(
        scores.ravel(), is_target.ravel(), *(side.ravel() for side in sides), resamples=50
    ) | {"speakers": len(set(names[1])), "stretches": len(names[1])}


def _with_interval(
    scores: NDArray, is_target: NDArray, left: NDArray, right: NDArray, resamples: int = _RESAMPLES
) -> dict[str, object]:
    """The equal error rate, with an interval of 95 % over speakers that are drawn anew."""
    names, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    of_left, of_right = np.split(places, 2)
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(resamples):
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        # A trial counts as often as both of its speakers were drawn.
        counts = np.where(of_left == of_right, times[of_left], times[of_left] * times[of_right])
        drawn.append(eer(np.repeat(scores, counts), np.repeat(is_target, counts)))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "eer": round(float(eer(scores, is_target)), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


if __name__ == "__main__":
    main()
