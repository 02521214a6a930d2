"""How reliably gender is heard of unheard voices, and how true its probability is.

    python benchmarks/voice_gender.py STORE --run RUN --bundle modern-64
        [--grid ../shared/data/pairs/grid] [--ravdess ../shared/data/voices/ravdess-lively]
        [-o FILE]

Each run is one of `voice2face train speaker`; its evidence of gender, or the bundle's, is asked as
it is. Every recording of the store's test speakers is asked for, whole and in stretches, as
recorded, made worse, and in variants like those trained on and beyond; intervals are over speakers.

    python benchmarks/voice_gender.py --leave-out duke STORE FOLDER

makes a store without one data set in training, all of whose speakers are then test speakers: a
channel that was not heard. The arrays are links to those of the store.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
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
from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.audio.variants import VariantSettings
from voice2face.data.importers.grid import SAME_TALKER, WOMEN
from voice2face.data.store import Store
from voice2face.errors import RecordingError
from voice2face.files import write_atomically
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.records import Recording
from voice2face.runtime.bundle import VOICE_ENCODER_FILE, Bundle
from voice2face.runtime.description import find_bundle
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.presets import preset as training_preset
from voice2face.training.speaker.augmented_crops import other_speakers
from voice2face.training.speaker.gender_fit import EVIDENCE_FILE, embedded
from voice2face.training.speaker.identifier import WOMAN
from voice2face.training.speaker.trained_encoder import trained_encoder
from voice2face.training.speaker.variants import BEYOND, with_variants

_FRONT_END = preset("modern")
_RECORDINGS_A_SPEAKER = 2
_BINS = 10
_LIVELY = training_preset("modern-voice").speaker.variants
_SURE = 0.9
# Length in seconds (None: whole), how it is made worse, and of which variants it is.
_CONDITIONS: dict[str, tuple[float | None, AugmentSettings, VariantSettings | None]] = {
    "clean, whole": (None, AugmentSettings(), None),
    "clean, 1 s": (1.0, AugmentSettings(), None),
    "clean, 2 s": (2.0, AugmentSettings(), None),
    "clean, 4 s": (4.0, AugmentSettings(), None),
    "clean, 8 s": (8.0, AugmentSettings(), None),
    "telephone, 4 s": (4.0, AugmentSettings(telephone=1.0), None),
    "codec, 4 s": (4.0, AugmentSettings(codec=1.0), None),
    "gate, 4 s": (4.0, AugmentSettings(gate=1.0), None),
    "8 bits, 4 s": (4.0, AugmentSettings(quantise=1.0, bits=(8, 8)), None),
    "clipping, 4 s": (4.0, AugmentSettings(clipping=1.0), None),
    "noise 0-15 dB, 4 s": (4.0, AugmentSettings(noise=1.0), None),
    "babble 3-15 dB, 4 s": (4.0, AugmentSettings(babble=1.0), None),
    "room, 4 s": (4.0, AugmentSettings(reverberation=1.0), None),
    "far, 4 s": (
        4.0,
        AugmentSettings(reverberation=1.0, direct_to_reverberant_db=(-6.0, -3.0), noise=1.0),
        None,
    ),
    "room, noise, telephone, 2 s": (
        2.0,
        AugmentSettings(reverberation=1.0, noise=1.0, telephone=1.0),
        None,
    ),
    "disfluent, 4 s": (4.0, AugmentSettings(disfluency=1.0), None),
    "lively": (None, AugmentSettings(), _LIVELY),
    "lively, telephone": (None, AugmentSettings(telephone=1.0), _LIVELY),
    "beyond": (None, AugmentSettings(), BEYOND),
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
    parser.add_argument("--run", action="append", default=[], type=Path)
    parser.add_argument("--bundle", action="append", default=[], metavar="MODEL")
    parser.add_argument("--only", metavar="SET", help="ask test speakers of this data set alone")
    parser.add_argument("--grid", type=Path, help="folder of the GRID clips")
    parser.add_argument("--ravdess", type=Path, help="folder of lively clips, to measure only")
    parser.add_argument("-o", "--out", type=Path, help="file for the line, in place of stdout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.leave_out:
        _leave_out(options.store, options.leave_out, options.folder)
        return
    asked = ask(Store.open(options.store), options.only)
    if options.grid:
        asked["GRID video"] = ask_grid(options.grid)
    if options.ravdess:
        asked |= ask_ravdess(options.ravdess)
    systems: dict[str, tuple[nn.Module, GenderEvidence]] = {}
    for run in options.run:
        evidence = GenderEvidence.read(run / EVIDENCE_FILE)
        systems[run.name] = (trained_encoder(run).network, evidence)
    for name in options.bundle:
        folder = find_bundle(name)
        systems[f"bundle {name}"] = (_OfBundle(folder), Bundle(folder).description.gender)
    figures = {
        name: {condition: _judged(of_one, *system) for condition, of_one in asked.items()}
        for name, system in systems.items()
    }
    told = line("voice_gender", ("torch", "numpy"), test_set=options.only or "all", systems=figures)
    if options.out:
        write_atomically(options.out, (told + "\n").encode())
    else:
        sys.stdout.write(told + "\n")


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
    asked = {}
    for condition, (seconds, settings, kind) in _CONDITIONS.items():
        varied, of = store, chosen
        if kind is not None:
            varied = with_variants(store, kind, "test")
            of = [
                row
                for row, (original, number) in enumerate(
                    zip(varied.originals, varied.numbers, strict=True)
                )
                if number and original in chosen
            ]
        asked[condition] = _worsened(varied, of, seconds, settings)
    return asked


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


def ask_ravdess(folder: Path) -> dict[str, TrialScores]:
    """Acted emotions, all together and one by one."""
    with (folder / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    log_mels: dict[str, NDArray[np.float32]] = {}
    for row in rows:
        recording = decode(folder / row["file"], row["file"], _FRONT_END.sample_rate_hz)
        with contextlib.suppress(RecordingError):
            log_mels[row["file"]] = extract(recording, _FRONT_END).log_mel
    kinds = {"RAVDESS": rows}
    for row in rows:
        kinds.setdefault(f"RAVDESS, {row['emotion']}", []).append(row)
    asked = {}
    for kind, of_kind in kinds.items():
        heard = [row for row in of_kind if row["file"] in log_mels]
        asked[kind] = TrialScores(
            [row["speaker"] for row in heard],
            np.array([row["gender"] == "female" for row in heard]),
            [log_mels[row["file"]] for row in heard],
            len(of_kind) - len(heard),
        )
    return asked


def _judged(asked: TrialScores, encoder: nn.Module, evidence: GenderEvidence) -> dict[str, object]:
    found = embedded(encoder, asked.log_mels, _FRONT_END.min_frames)
    probability = np.array([evidence.probability_of_woman(one) for one in found])
    right = (probability > 0.5) == asked.woman
    sure = np.maximum(probability, 1 - probability) >= _SURE
    told: dict[str, object] = {"refused": asked.refused}
    told |= shares(right, asked.woman, np.array(asked.speakers))
    told["sure"] = round(float(sure.mean()), 4)
    told["sure_and_wrong"] = round(float((sure & ~right).mean()), 4)
    told["calibration_error"] = round(_calibration_error(probability, asked.woman), 4)
    of_truth = np.clip(np.where(asked.woman, probability, 1 - probability), 1e-9, 1)
    told["log_loss"] = round(float(-np.log(of_truth).mean()), 4)
    told["reliability"] = _reliability(probability, asked.woman)
    return told


def _reliability(
    probability: NDArray[np.floating], woman: NDArray[np.bool_]
) -> list[tuple[float, float, int]]:
    """Mean probability of a woman, share of women, and number, of each tenth that is not empty."""
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    return [
        (
            round(float(probability[bins == one].mean()), 4),
            round(float(woman[bins == one].mean()), 4),
            int((bins == one).sum()),
        )
        for one in np.unique(bins)
    ]


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
    gaps = [count * abs(told - true) for told, true, count in _reliability(probability, woman)]
    return float(np.sum(gaps) / len(probability))


if __name__ == "__main__":
    main()
