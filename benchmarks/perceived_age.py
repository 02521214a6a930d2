"""Whether the voice encoder's embedding tells how old a speaker sounds to listeners.

    python benchmarks/perceived_age.py STORE ../shared/data/voices/librispeech-100/perceived.csv
        --run RUN ... [-o FILE]

A ridge regression from the embedding to the mean of three raters' impressions, fitted to nine
tenths of the speakers and asked about the rest, ten times; rank correlation of all answers with the
raters' mean, over all speakers and among women and men alone, with intervals of 95 % over speakers.
The raters' correlations with each other stand beside it. The encoder never saw these impressions.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from record import line
from voice2face.data.store import Store
from voice2face.files import write_atomically
from voice2face.training.speaker.gender_fit import embedded
from voice2face.training.speaker.trained_encoder import trained_encoder

_FOLDS, _RESAMPLES = 10, 1000
# Of standardised embeddings; from 10 to 1000 it changes the figures by 0.01.
_RIDGE = 100.0
_MOST_FRAMES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("impressions", type=Path)
    parser.add_argument("--run", action="append", default=[], type=Path)
    parser.add_argument("-o", "--out", type=Path, help="file for the line, in place of stdout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = Store.open(options.store)
    with options.impressions.open(newline="") as file:
        told = {row["speaker"]: row for row in csv.DictReader(file)}
    rows = {}
    for row, (name, of) in enumerate(
        zip(store.voices["identity"], store.voices["data_set"], strict=True)
    ):
        speaker = name.rpartition("/")[2]
        if of == "librispeech" and speaker in told:
            rows.setdefault(speaker, row)
    age = np.array([float(told[speaker]["perceived_age"]) for speaker in rows])
    woman = np.array([store.voices["gender"][row] == "female" for row in rows.values()])
    figures: dict[str, object] = {"n": len(rows), "raters": _raters([told[one] for one in rows])}
    log_mels = [store.log_mel(row)[:_MOST_FRAMES] for row in rows.values()]
    for run in options.run:
        found = embedded(trained_encoder(run).network, log_mels, _MOST_FRAMES)
        answers = _answers(found, age)
        groups = {"all": np.ones(len(age), bool), "women": woman, "men": ~woman}
        figures[run.name] = {
            group: _correlation(answers[of], age[of]) for group, of in groups.items()
        }
    told_line = line("perceived_age", ("torch", "numpy", "scipy"), **figures)
    if options.out:
        write_atomically(options.out, (told_line + "\n").encode())
    else:
        sys.stdout.write(told_line + "\n")


def _raters(told: list[dict[str, str]]) -> dict[str, float]:
    """Rank correlation of each two raters, over those whom both rated."""
    found = {}
    for a, b in itertools.combinations(("rater_1", "rater_2", "rater_3"), 2):
        both = [(float(row[a]), float(row[b])) for row in told if row[a] and row[b]]
        found[f"{a}, {b}"] = round(float(spearmanr(*zip(*both, strict=True))[0]), 3)
    return found


def _answers(embeddings: NDArray[np.floating], age: NDArray) -> NDArray[np.float64]:
    """What is answered of each speaker by a fit to others."""
    inputs = (embeddings - embeddings.mean(axis=0)) / embeddings.std(axis=0)
    fold = np.random.default_rng(0).integers(0, _FOLDS, len(age))
    answers = np.zeros(len(age))
    for one in range(_FOLDS):
        known = fold != one
        mean, of = age[known].mean(), inputs[known]
        weights = np.linalg.solve(
            of.T @ of + _RIDGE * np.eye(of.shape[1]), of.T @ (age[known] - mean)
        )
        answers[~known] = inputs[~known] @ weights + mean
    return answers


def _correlation(answers: NDArray, age: NDArray) -> dict[str, object]:
    random = np.random.default_rng(0)
    drawn = [random.integers(len(age), size=len(age)) for _ in range(_RESAMPLES)]
    resampled = [spearmanr(answers[one], age[one])[0] for one in drawn]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return {
        "rank_correlation": round(float(spearmanr(answers, age)[0]), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "n": len(age),
    }


if __name__ == "__main__":
    main()
