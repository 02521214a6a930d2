"""Runs as `train` leaves them, small, with known contents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from voice2face.audio.settings import preset
from voice2face.images.sheet import grid, save_png
from voice2face.runtime.reading import read_features

N_LINES = 60
CONFIG = {
    "preset": "starter",
    "seed": 0,
    "store": {"path": "../store", "n_train_faces": 640},
    "speaker": {"steps": 30},
    "gan": {"images": 32 * N_LINES, "batch_size": 32, "pair_by": "gender", "image_size_px": 64},
}


def gan_lines(n_lines: int = N_LINES) -> list[dict[str, float]]:
    random = np.random.default_rng(n_lines)
    names = [
        *(f"discriminator/{s}_{m}" for s in ("real", "fake") for m in ("loss", "accuracy")),
        "classifier/loss",
        "classifier/accuracy",
        "generator/adversarial_loss",
        "generator/class_loss",
    ]
    return [
        {"step": 32 * n, "time": 1000.0 + 2 * n, **{k: round(random.random(), 6) for k in names}}
        for n in range(1, n_lines + 1)
    ]


def write_lines(path: Path, lines: list[dict[str, float]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def sheet(number: int, size: int = 64) -> np.ndarray:
    """Sixteen faces, each of one colour that tells sheet and place."""
    faces = np.zeros((16, size, size, 3), dtype=np.uint8)
    faces[..., 0], faces[..., 1] = 10 * number, 10 * np.arange(16)[:, None, None]
    return faces


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a run and gives its folder."""

    def make(name: str = "run", lines=None, config=CONFIG, n_sheets: int = 2) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        write_lines(folder / "gan.jsonl", gan_lines() if lines is None else lines)
        write_lines(
            folder / "speaker.jsonl",
            [{"step": n, "time": 1.0 * n, "speaker/loss": 1 / n} for n in range(1, 31)],
        )
        (folder / "sheets").mkdir()
        for number in range(1, n_sheets + 1):
            picture = grid(sheet(number), columns=8)
            save_png(picture, folder / "sheets" / f"{320 * number:09d}.png")
        return folder

    return make


@pytest.fixture
def with_bundle(bundle: Path) -> Callable[[Path], Path]:
    """A function that puts a real bundle into a run."""

    def put(run: Path) -> Path:
        shutil.copytree(bundle, run / "bundle")
        return run

    return put


@pytest.fixture(scope="session")
def log_mels(repository: Path) -> list[np.ndarray]:
    """Spectrograms of two real recordings, cut into two each."""
    cut = []
    for name in ("librispeech-4340.flac", "librispeech-3699.flac"):
        whole = read_features(repository / "examples" / name, preset("wen2019")).log_mel
        cut += [whole[:300], whole[300:620]]
    return cut


@pytest.fixture
def make_store(tmp_path: Path, log_mels: list[np.ndarray]) -> Callable[..., Path]:
    """A function that writes a store of two speakers, two recordings each, and their faces."""

    def make(face_identities: tuple[str, ...], split: str = "test", name: str = "store") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        frames = [len(one) for one in log_mels]
        voices = {
            "identity": ["ann", "ann", "bob", "bob"],
            "file": [f"/gone/{n}.flac" for n in range(4)],
            "gender": ["female", "female", "male", "male"],
            "split": [split] * 4,
            "start": [int(n) for n in np.cumsum([0, *frames[:-1]])],
            "frames": frames,
        }
        faces = {
            "identity": list(face_identities),
            "file": [f"/gone/{who}.jpg" for who in face_identities],
            "gender": ["female"] * len(face_identities),
            "split": [split] * len(face_identities),
        }
        images = np.zeros((len(face_identities), 64, 64, 3), dtype=np.uint8)
        images += (20 * np.arange(1, len(images) + 1, dtype=np.uint8))[:, None, None, None]
        np.save(folder / "log_mels.npy", np.concatenate(log_mels).astype(np.float16))
        np.save(folder / "faces.npy", images)
        pq.write_table(pa.table(voices), folder / "voices.parquet")
        pq.write_table(pa.table(faces), folder / "faces.parquet")
        card = {
            "settings": {
                "front_end": "wen2019",
                "image_size_px": images.shape[1],
                "pair_by": "identity",
            },
            "sources": [],
            "n_recordings": len(voices["identity"]),
            "n_speakers": len(set(voices["identity"])),
            "n_faces": len(images),
            "speech_hours": 0.1,
            "sha256": {},
            "content_sha256": f"of {name}",
        }
        (folder / "store.json").write_text(json.dumps(card))
        return folder

    return make
