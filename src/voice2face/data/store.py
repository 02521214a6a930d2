"""The prepared store: every spectrogram and face of a training set, ready to be indexed.

A folder with `log_mels.npy` (all voiced frames, one recording after the other), `faces.npy`,
`waveforms.npy` where they were asked for (all samples, one recording after the other), the
manifests `voices.parquet` and `faces.parquet`, `rejected.csv` and the card `store.json`. How it is
made: `data.prepare`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from voice2face.audio.settings import PRESETS
from voice2face.errors import DataError
from voice2face.ranges import Count, OneOf

__all__ = ["Store", "StoreSettings", "hash_split"]


@dataclass(frozen=True)
class StoreSettings:
    """How a store is made from files.

    Attributes:
        front_end: Name of the front-end preset.
        image_size_px: Side of the faces.
        detector: A key of `data.detectors.DETECTORS`, by which faces are found and aligned; None
            takes the photographs as aligned already.
        waveforms: Whether the store holds the recordings' waveforms too, for augmentation.
    """

    front_end: Annotated[str, OneOf(PRESETS)] = "wen2019"
    image_size_px: Count = 64
    detector: str | None = None
    waveforms: bool = False


@dataclass(frozen=True)
class Store:
    """A prepared store, memory-mapped.

    Attributes:
        folder: Where it lies.
        card: Settings, sources and counts.
        voices: Columns of the voice manifest; `start` and `frames` point into `log_mels`,
            `sample_start` and `samples`, where there are waveforms, into `waveforms`.
        faces: Columns of the face manifest; row i is image i.
        log_mels: (all frames, mels) float16, normalised over each recording.
        images: (faces, size, size, 3) uint8 RGB.
        waveforms: (all samples,) int16, one channel at the front end's rate, as decoded: silence
            is still there. None where the store was prepared without them.
    """

    folder: Path
    card: dict
    voices: dict[str, list]
    faces: dict[str, list]
    log_mels: NDArray[np.float16]
    images: NDArray[np.uint8]
    waveforms: NDArray[np.int16] | None = None

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
        return cls.map(folder, json.loads((folder / "store.json").read_text(encoding="utf-8")))

    @classmethod
    def map(cls, folder: Path, card: dict) -> Store:
        """Map a store's files, whether or not its card is written.

        Args:
            folder: The store.
            card: Its card.

        Returns:
            The store.
        """
        voices = pq.read_table(folder / "voices.parquet").to_pydict()
        has_waveforms = "samples" in voices
        return cls(
            folder=folder,
            card=card,
            voices=voices,
            faces=pq.read_table(folder / "faces.parquet").to_pydict(),
            log_mels=np.load(folder / "log_mels.npy", mmap_mode="r"),
            images=np.load(folder / "faces.npy", mmap_mode="r"),
            waveforms=np.load(folder / "waveforms.npy", mmap_mode="r") if has_waveforms else None,
        )

    def waveform(self, row: int) -> NDArray[np.int16]:
        """Give the waveform of a recording.

        Args:
            row: Row of the voice manifest.

        Returns:
            (samples,) int16, a view of `waveforms`.

        Raises:
            DataError: The store holds no waveforms.
        """
        if self.waveforms is None:
            raise DataError(
                f"{self.folder}: holds no waveforms; prepare the store with --waveforms"
            )
        start = self.voices["sample_start"][row]
        return self.waveforms[start : start + self.voices["samples"][row]]


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
