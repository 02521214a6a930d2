"""How reliably gender is read from a voice encoder's embedding, on speakers and channels unheard.

    python benchmarks/voice_gender.py STORE --run teacher=RUN --run ... [--out-set duke]
        [--grid ../shared/data/pairs/grid] [--bundle starter]

Each run is one of `voice2face train speaker`. The logistic regression on its embedding is fitted as
the stage fits it: axis on the run's training speakers, scale and bias on its held-out ones. The
encoder of a bundle gets the same. Then every recording of the store's test speakers is asked for,
whole and in stretches, as recorded and made worse; intervals are over speakers.

    python benchmarks/voice_gender.py --leave-out duke STORE FOLDER

makes a store without one data set in training, all of whose speakers are then test speakers: a
channel that was not heard. The arrays are links to those of the store.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import nn

from record import line
from starter_grid_lists import WOMEN
from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import FrontEnd
from voice2face.data.importers.grid import SAME_TALKER
from voice2face.data.store import Store
from voice2face.errors import RecordingError
from voice2face.files import write_atomically
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.records import Recording
from voice2face.runtime.bundle import VOICE_ENCODER_FILE, find_bundle
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.presets import modern_speaker
from voice2face.training.speaker.augmented_crops import other_speakers
from voice2face.training.speaker.gender_fit import GenderCrops, fit_gender, gender_crops
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.identifier import WOMAN
from voice2face.training.speaker.trained_encoder import trained_encoder

_FRONT_END = FrontEnd()
_RECORDINGS_A_SPEAKER = 2
_BINS = 10
# Length in seconds (None: whole), and how it is made worse.
_CONDITIONS: dict[str, tuple[float | None, AugmentSettings]] = {
    "clean, whole": (None, AugmentSettings()),
    "clean, 1 s": (1.0, AugmentSettings()),
    "clean, 2 s": (2.0, AugmentSettings()),
    "clean, 4 s": (4.0, AugmentSettings()),
    "clean, 8 s": (8.0, AugmentSettings()),
    "telephone, 4 s": (4.0, AugmentSettings(telephone=1.0)),
    "noise 0-15 dB, 4 s": (4.0, AugmentSettings(noise=1.0)),
    "babble 3-15 dB, 4 s": (4.0, AugmentSettings(babble=1.0)),
    "room, 4 s": (4.0, AugmentSettings(reverberation=1.0)),
    "room, noise, telephone, 2 s": (
        2.0,
        AugmentSettings(reverberation=1.0, noise=1.0, telephone=1.0),
    ),
}


@dataclass(frozen=True)
class TrialScores:
    """Recordings of one condition.

    Attributes:
        speakers: Who speaks in each.
        woman: Whether that is a woman.
        log_mels: (frames, mels) each; what the runtime gives the encoder.
        refused: Recordings with too little speech.
    """

    speakers: list[str]
    woman: NDArray[np.bool_]
    log_mels: list[NDArray[np.float32]]
    refused: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", help="with --leave-out")
    parser.add_argument("--leave-out", metavar="SET")
    parser.add_argument("--run", action="append", default=[], metavar="NAME=RUN")
    parser.add_argument("--bundle", action="append", default=[], metavar="MODEL")
    parser.add_argument("--only", metavar="SET", help="ask test speakers of this data set alone")
    parser.add_argument("--grid", type=Path, help="folder of the GRID clips")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.leave_out:
        _leave_out(options.store, options.leave_out, options.folder)
        return
    store = Store.open(options.store)
    asked = ask(store, options.only)
    if options.grid:
        asked["GRID video"] = ask_grid(options.grid)
    systems: dict[str, tuple[nn.Module, int]] = {}
    for spec in options.run:
        name, _, run = spec.partition("=")
        stage = json.loads((Path(run) / "config.json").read_text())["speaker"]
        systems[name] = (trained_encoder(Path(run)).network, stage.get("held_out_percent", 0))
    for name in options.bundle:
        systems[name] = (_OfBundle(find_bundle(name)), 10)
    figures = {}
    for name, (encoder, percent) in systems.items():
        evidence = fit_gender(encoder, *_crops(options.store, percent), _FRONT_END.min_frames)
        figures[name] = {
            condition: _judged(of_one, encoder, evidence) for condition, of_one in asked.items()
        }
        print(name, json.dumps(figures[name]), file=sys.stderr)
    packages = ("torch", "numpy", "onnxruntime")
    print(line("voice_gender", packages, test_set=options.only or "all", systems=figures))


@functools.cache
def _crops(store: Path, percent: int) -> tuple[GenderCrops, GenderCrops]:
    """Crops of training and of held-out speakers."""
    view, augmentation = hold_out(Store.open(store), percent), modern_speaker().augment
    train, held_out = (
        gender_crops(view, split, augmentation, _FRONT_END, seed=0) for split in ("train", "val")
    )
    return train, held_out


class _OfBundle(nn.Module):
    """The encoder of a bundle, as torch calls it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._anchor = nn.Parameter(torch.zeros(1))  # tells the device
        self._session = onnxruntime.InferenceSession(
            folder / VOICE_ENCODER_FILE, providers=["CPUExecutionProvider"]
        )

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        (found,) = self._session.run(None, {"log_mel": log_mel.numpy()})
        return torch.from_numpy(np.asarray(found))


def _leave_out(source: Path, data_set: str, folder: Path) -> None:
    """Make a store in which all of one data set is for testing."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pq.read_table(source / "voices.parquet")
    columns = table.to_pydict()
    split = [
        "test" if of == data_set else split
        for of, split in zip(columns["data_set"], columns["split"], strict=True)
    ]
    place = table.column_names.index("split")
    pq.write_table(table.set_column(place, "split", pa.array(split)), folder / "voices.parquet")
    for name in ("faces.parquet", "log_mels.npy", "faces.npy", "waveforms.npy"):
        if not (folder / name).exists():
            (folder / name).symlink_to((source / name).resolve())
    card = json.loads((source / "store.json").read_text())
    card["content_sha256"] += f"-without-{data_set}"
    write_atomically(folder / "store.json", (json.dumps(card) + "\n").encode())


def ask(store: Store, only: str | None = None) -> dict[str, TrialScores]:
    """Recordings of a store's test speakers, or of those of one data set, in every condition."""
    voices = store.voices
    rows: dict[str, list[int]] = {}
    for row, (split, gender, of) in enumerate(
        zip(voices["split"], voices["gender"], voices["data_set"], strict=True)
    ):
        if split == "test" and gender in WOMAN and only in (None, of):
            rows.setdefault(voices["identity"][row], []).append(row)
    chosen = [row for name in sorted(rows) for row in rows[name][:_RECORDINGS_A_SPEAKER]]
    return {
        condition: _worsened(store, chosen, seconds, settings)
        for condition, (seconds, settings) in _CONDITIONS.items()
    }


def _worsened(
    store: Store, rows: Sequence[int], seconds: float | None, settings: AugmentSettings
) -> TrialScores:
    speakers, woman, log_mels = [], [], []
    for row in rows:
        random = np.random.default_rng([0, row])
        others = other_speakers(store, rows, row, settings.babble_speakers[1], random)
        waveform = store.waveform(row)
        if seconds is not None:
            length = round(seconds * _FRONT_END.sample_rate_hz)
            start = max(0, (len(waveform) - length) // 2)
            waveform = waveform[start : start + length]
        if settings.is_on:
            waveform = augment(waveform, settings, others, random)
        try:
            features = extract(Recording(str(row), waveform, 16000), _FRONT_END)
        except RecordingError:
            continue
        speakers.append(store.voices["identity"][row])
        woman.append(store.voices["gender"][row] == "female")
        log_mels.append(features.log_mel)
    return TrialScores(speakers, np.array(woman), log_mels, len(rows) - len(speakers))


def ask_grid(folder: Path) -> TrialScores:
    """The sound of GRID's clips."""
    speakers, woman, log_mels = [], [], []
    for path in sorted(folder.glob("*.mpg")):
        features = extract(decode(path, path.name), _FRONT_END)
        speakers.append(SAME_TALKER.get(path.stem, path.stem))
        woman.append(path.stem in WOMEN)
        log_mels.append(features.log_mel)
    return TrialScores(speakers, np.array(woman), log_mels, 0)


@torch.no_grad()
def _judged(asked: TrialScores, encoder: nn.Module, evidence: GenderEvidence) -> dict[str, object]:
    probabilities = []
    for log_mel in asked.log_mels:
        whole = repeat_to_length(log_mel, _FRONT_END.min_frames)
        found = encoder(torch.from_numpy(whole.T[None])).numpy()[0]
        probabilities.append(evidence.probability_of_woman(found / np.linalg.norm(found)))
    probability = np.array(probabilities)
    right = (probability > 0.5) == asked.woman
    told: dict[str, object] = {"refused": asked.refused}
    told |= shares(right, asked.woman, np.array(asked.speakers))
    told["calibration_error"] = round(_calibration_error(probability, asked.woman), 4)
    told["log_loss"] = round(
        float(
            -np.mean(np.log(np.clip(np.where(asked.woman, probability, 1 - probability), 1e-9, 1)))
        ),
        4,
    )
    return told


def shares(
    right: NDArray[np.bool_], woman: NDArray[np.bool_], speakers: NDArray[np.str_]
) -> dict[str, object]:
    """How many are right, of all, of women's and of men's, with intervals over speakers."""
    groups = {"all": np.ones(len(right), bool), "women": woman, "men": ~woman}
    return {name: _share(right[of], speakers[of]) for name, of in groups.items() if of.any()}


def _share(right: NDArray[np.bool_], speakers: NDArray[np.str_]) -> dict[str, object]:
    """A share with its interval over speakers."""
    _, places = np.unique(speakers, return_inverse=True)
    counts = np.bincount(places)
    value, low, high = mean_interval(
        identity_weights(len(counts), seed=0),
        np.bincount(places, right)[:, None],
        counts[:, None],
        bounds=(0, 1),
    )
    return {
        "right": round(float(value[0]), 4),
        "interval": [round(float(low[0]), 4), round(float(high[0]), 4)],
        "n": len(right),
        "speakers": len(counts),
    }


def _calibration_error(probability: NDArray[np.floating], woman: NDArray[np.bool_]) -> float:
    """Expected calibration error, over bins of equal width.

    Source:
        Naeini, Cooper and Hauskrecht 2015, equation 3.
    """
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    gaps = [
        np.sum(bins == one) * abs(np.mean(probability[bins == one]) - np.mean(woman[bins == one]))
        for one in np.unique(bins)
    ]
    return float(np.sum(gaps) / len(probability))


if __name__ == "__main__":
    main()
