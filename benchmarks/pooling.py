"""What attentive pooling, and the additive angular margin, do for the speaker stage.

    python benchmarks/pooling.py ../shared/data

The speaker stage is trained at the starter's width on Duke, LibriSpeech and DSPSpeech, with each
pooling and the same seeds, and once more with the loss "aam". Then all speakers who were not
trained on are verified, on clean, noisy and disfluent recordings. Intervals are over speakers: a
resample that draws a speaker k times has k times that speaker's target trials, and a pair of
speakers' impostor trials as often as the product says. Differences are taken within a resample.
They tell of other speakers, not of other training runs: for those see the seeds.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from record import line
from voice2face.audio.settings import preset as front_end_preset
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import Store, StoreSettings
from voice2face.metrics.intervals import identity_weights, percentiles
from voice2face.metrics.verification import eer
from voice2face.training.engine import Engine
from voice2face.training.presets import TrainSettings, preset
from voice2face.training.speaker.stage import train_speaker
from voice2face.training.speaker.verification import SpeakerTrials, speaker_trials

_RESAMPLES = 300
# Half of the preset's, each, for a quarter of its time.
_BATCH_SIZE = 32
_CROP_FRAMES = (150, 400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("runs/pooling"), help="gone on from")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    store = _store(options.data, options.out)
    trials = speaker_trials(store, front_end_preset("wen2019"))
    assert trials is not None
    # Without waveforms the stage's own trials, at its end, cost little.
    plain = dataclasses.replace(store, waveforms=None)
    runs, replicates = {}, {}
    variants = [
        (pooling, "softmax", seed)
        for seed in range(options.seeds)
        for pooling in ("average", "attentive")
    ]
    for pooling, loss, seed in [*variants, ("average", "aam", 0)]:
        key = f"{pooling}, {loss}, seed {seed}"
        settings = _settings(pooling, loss, seed, options.steps)
        runs[key], replicates[key] = _run(plain, settings, trials, options.out / key)
        print(key, runs[key], file=sys.stderr)
    differences = {}
    for seed in range(options.seeds):
        differences[f"attentive - average, softmax, seed {seed}"] = (
            f"attentive, softmax, seed {seed}",
            f"average, softmax, seed {seed}",
        )
    differences["aam - softmax, average, seed 0"] = (
        "average, aam, seed 0",
        "average, softmax, seed 0",
    )
    print(
        line(
            "pooling",
            ("torch", "numpy"),
            preset="starter",
            steps=options.steps,
            batch_size=_BATCH_SIZE,
            crop_frames=_CROP_FRAMES,
            augmentation="none",
            speakers_trained_on=_n_people(store, "train"),
            speakers_verified=len(set(trials.identities)),
            trials=len(trials.is_target),
            eer=runs,
            eer_difference={
                name: {
                    condition: _figure(
                        runs[one][condition]["value"] - runs[other][condition]["value"],
                        replicates[one][condition] - replicates[other][condition],
                    )
                    for condition in trials.inputs
                }
                for name, (one, other) in differences.items()
            },
        )
    )


def _store(data: Path, folder: Path) -> Store:
    """All voices with their waveforms; everybody who is not trained on counts as validation."""
    labels = data / "faces/fairface/fairface_label_val.csv"
    with labels.open(newline="") as file:
        faces = [
            f"{labels.parent / row['file']},{row['file']},female"
            for row in islice(csv.DictReader(file), 2)
        ]
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "faces.csv"
    table.write_text("\n".join(["path,identity,gender", *faces]) + "\n")
    sets = {
        "duke": "duke-alphanumeric",
        "librispeech": "librispeech-100",
        "dspspeech": "dspspeech-20",
    }
    store = prepare(
        [import_rows(f"{name}:{data / 'voices' / path}", VOICES) for name, path in sets.items()],
        [import_rows(f"table:{table}", FACES)],
        StoreSettings(waveforms=True),
        folder / "store",
        PairingSettings("gender", split="hash:80/10/10"),
    )
    split = ["train" if one == "train" else "val" for one in store.voices["split"]]
    return dataclasses.replace(store, voices={**store.voices, "split": split})


def _settings(pooling: str, loss: str, seed: int, steps: int) -> TrainSettings:
    starter = preset("starter")
    encoder = dataclasses.replace(starter.speaker.encoder, pooling=pooling)
    speaker = dataclasses.replace(
        starter.speaker,
        encoder=encoder,
        loss=loss,
        steps=steps,
        steps_per_epoch=steps,
        batch_size=_BATCH_SIZE,
        crop_frames=_CROP_FRAMES,
    )
    return dataclasses.replace(starter, speaker=speaker, seed=seed)


def _run(
    store: Store, settings: TrainSettings, trials: SpeakerTrials, folder: Path
) -> tuple[dict[str, dict[str, float]], dict[str, NDArray[np.float64]]]:
    """EER by condition, and its resamples."""
    encoder = train_speaker(store, settings, folder, Engine(accelerator="cpu")).network
    figures, replicates = {}, {}
    for condition, scores in trials.scores(encoder).items():
        replicates[condition] = _resampled(scores, trials)
        figures[condition] = _figure(eer(scores, trials.is_target), replicates[condition])
    return figures, replicates


def _resampled(scores: NDArray[np.float64], trials: SpeakerTrials) -> NDArray[np.float64]:
    """EER of every resample of speakers; the same resamples for every encoder."""
    names, number = np.unique(trials.identities, return_inverse=True)
    left, right = number[trials.left], number[trials.right]
    found = []
    for weights in identity_weights(len(names), 0, _RESAMPLES).astype(int):
        times = np.where(trials.is_target, weights[left], weights[left] * weights[right])
        found.append(eer(np.repeat(scores, times), np.repeat(trials.is_target, times)))
    return np.array(found)


def _figure(value: float, replicates: NDArray[np.float64]) -> dict[str, float]:
    low, high = percentiles(replicates)
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _n_people(store: Store, split: str) -> int:
    of = zip(store.voices["identity"], store.voices["split"], strict=True)
    return len({name for name, one in of if one == split})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
