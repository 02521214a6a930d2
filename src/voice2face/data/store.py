"""The prepared store: every spectrogram and face of a training set, ready to be indexed.

A folder with `log_mels.npy` (all voiced frames, one recording after the other), `faces.npy`, the
manifests `voices.parquet` and `faces.parquet`, `rejected.csv` and the card `store.json`.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError, RecordingError
from voice2face.files import atomic_path, write_atomically
from voice2face.images.photographs import read_face

__all__ = ["Store", "StoreSettings", "hash_split", "prepare"]

DataSet = tuple[Source, list[ManifestRow]]


@dataclass(frozen=True)
class StoreSettings:
    """How a store is made from files.

    Attributes:
        front_end: Name of the front-end preset.
        image_size_px: Side of the faces.
        face_crop: Share of a photograph's shorter side to keep; see `images.photographs`.
    """

    front_end: str = "wen2019"
    image_size_px: int = 64
    face_crop: float = 0.9


@dataclass(frozen=True)
class Store:
    """A prepared store, memory-mapped.

    Attributes:
        folder: Where it lies.
        card: Settings, sources and counts.
        voices: Columns of the voice manifest; `start` and `frames` point into `log_mels`.
        faces: Columns of the face manifest; row i is image i.
        log_mels: (all frames, mels) float16, normalised over each recording.
        images: (faces, size, size, 3) uint8 RGB.
    """

    folder: Path
    card: dict
    voices: dict[str, list]
    faces: dict[str, list]
    log_mels: NDArray[np.float16]
    images: NDArray[np.uint8]

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open a store that `prepare` made.

        Args:
            folder: The store.

        Returns:
            The store.

        Raises:
            DataError: It is missing or unfinished.
        """
        if not (folder / "store.json").is_file():
            raise DataError(f"{folder}: holds no finished store (no store.json)")
        return cls(
            folder=folder,
            card=json.loads((folder / "store.json").read_text(encoding="utf-8")),
            voices=pq.read_table(folder / "voices.parquet").to_pydict(),
            faces=pq.read_table(folder / "faces.parquet").to_pydict(),
            log_mels=np.load(folder / "log_mels.npy", mmap_mode="r"),
            images=np.load(folder / "faces.npy", mmap_mode="r"),
        )


def hash_split(identity: str, test_percent: int = 10) -> str:
    """Put an identity into a split by a hash of its name, the same on every machine.

    Args:
        identity: The person.
        test_percent: Share of the test split.

    Returns:
        "train" or "test".
    """
    bucket = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "big") % 100
    return "test" if bucket < test_percent else "train"


def prepare(
    voices: list[DataSet], faces: list[DataSet], settings: StoreSettings, folder: Path
) -> Store:
    """Turn data sets into a store. Files that cannot be used are listed, with the reason.

    Args:
        voices: Data sets of recordings.
        faces: Data sets of face images.
        settings: The store's settings.
        folder: Where to write.

    Returns:
        The store.

    Raises:
        DataError: No recording, or no image, could be used.
        OutputError: The folder cannot be written.
    """
    rejected: list[tuple[str, str]] = []
    voice_rows, log_mels = _prepare_voices(voices, settings, rejected)
    face_rows, images = _prepare_faces(faces, settings, rejected)
    for rows, what in ((voice_rows, "recording"), (face_rows, "face image")):
        if not rows:
            reason = rejected[0][1] if rejected else "none was listed"
            raise DataError(f"{folder}: no {what} could be used; the first reason: {reason}")
    for name, array in (("log_mels.npy", log_mels), ("faces.npy", images)):
        with atomic_path(folder / name) as path, path.open("wb") as file:
            np.save(file, array)
    for name, rows in (("voices.parquet", voice_rows), ("faces.parquet", face_rows)):
        with atomic_path(folder / name) as path:
            pq.write_table(pa.Table.from_pylist(rows), path)
    text = io.StringIO()
    csv.writer(text).writerows([("file", "reason"), *rejected])
    write_atomically(folder / "rejected.csv", text.getvalue().encode())
    card = {
        "settings": dataclasses.asdict(settings),
        "sources": [
            {**dataclasses.asdict(source), "kind": kind}
            for kind, data_sets in (("voices", voices), ("faces", faces))
            for source, _ in data_sets
        ],
        "n_recordings": len(voice_rows),
        "n_speakers": len({row["identity"] for row in voice_rows}),
        "speech_hours": round(sum(row["speech_s"] for row in voice_rows) / 3600, 3),
        "n_faces": len(face_rows),
        "n_rejected": len(rejected),
    }
    write_atomically(folder / "store.json", (json.dumps(card, indent=2) + "\n").encode())
    return Store.open(folder)


def _rows(data_sets: list[DataSet], label: str) -> Iterable[tuple[Source, ManifestRow]]:
    """All rows of some data sets, under a progress bar."""
    total = sum(len(rows) for _, rows in data_sets)
    pairs = ((source, row) for source, rows in data_sets for row in rows)
    return tqdm(pairs, desc=label, total=total, unit="file", mininterval=1.0)


def _common_columns(source: Source, row: ManifestRow) -> dict:
    """Columns that voices and faces share. Identities are told apart by data set."""
    identity = f"{source.name}/{row.identity}"
    return {
        "identity": identity,
        "file": str(row.path),
        "gender": row.gender,
        "age": row.age,
        "split": row.split or hash_split(identity),
    }


def _prepare_voices(
    data_sets: list[DataSet], settings: StoreSettings, rejected: list[tuple[str, str]]
) -> tuple[list[dict], NDArray[np.float16]]:
    front_end = preset(settings.front_end)
    table: list[dict] = []
    blocks: list[NDArray[np.float16]] = []
    start = 0
    for source, row in _rows(data_sets, "voices"):
        try:
            recording = decode(row.path, str(row.path), front_end.sample_rate_hz)
            features = extract(recording, front_end)
        except RecordingError as error:
            rejected.append((str(row.path), str(error)))
            continue
        n_frames = len(features.log_mel)
        table.append(
            {
                **_common_columns(source, row),
                "start": start,
                "frames": n_frames,
                "speech_s": features.speech_s,
            }
        )
        blocks.append(features.log_mel.astype(np.float16))
        start += n_frames
    return table, np.concatenate(blocks) if blocks else np.zeros((0, front_end.n_mels), np.float16)


def _prepare_faces(
    data_sets: list[DataSet], settings: StoreSettings, rejected: list[tuple[str, str]]
) -> tuple[list[dict], NDArray[np.uint8]]:
    table: list[dict] = []
    images: list[NDArray[np.uint8]] = []
    for source, row in _rows(data_sets, "faces"):
        try:
            images.append(read_face(row.path, settings.image_size_px, settings.face_crop))
        except DataError as error:
            rejected.append((str(row.path), str(error)))
            continue
        table.append(_common_columns(source, row))
    size = settings.image_size_px
    return table, np.stack(images) if images else np.zeros((0, size, size, 3), np.uint8)
