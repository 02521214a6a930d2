"""The prepared store: every spectrogram and face of a training set, ready to be indexed.

A folder with `log_mels.npy` (all voiced frames, one recording after the other), `faces.npy`,
`waveforms.npy` where they were asked for (all samples, one recording after the other), the
manifests `voices.parquet` and `faces.parquet`, `rejected.csv` and the card `store.json`. How it is
made: `data.prepare`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from voice2face.audio.settings import PRESETS, FrontEnd, preset
from voice2face.errors import ConfigError, DataError
from voice2face.files import read_json, sha256
from voice2face.ranges import Amount, Count, OneOf, Whole, record


@dataclass(frozen=True)
class StoreSettings:
    """How a store is made from files.

    Attributes:
        front_end: Name of the front-end preset.
        detector: A key of `pretrained.detectors.DETECTORS`, which finds faces to be aligned; None
            takes the photographs as aligned already.
        waveforms: Whether the store holds the recordings' waveforms too, for augmentation.
    """

    front_end: Annotated[str, OneOf(PRESETS)] = "wen2019"
    image_size_px: Count = 64
    detector: str | None = None
    waveforms: bool = False


@dataclass(frozen=True)
class _CardSettings:
    """What is read of a card's settings; there are more."""

    front_end: Annotated[str, OneOf(PRESETS)]
    image_size_px: Count


@dataclass(frozen=True)
class _Card:
    """What is read of a card, for its schema; there is more."""

    settings: _CardSettings
    sources: tuple[dict[str, str], ...]
    n_recordings: Whole
    n_speakers: Whole
    n_faces: Whole
    speech_hours: Amount
    sha256: dict[str, str]
    content_sha256: str

    def conflicts(self) -> list[str]:
        """Tell what does not go together."""
        needed = {"name", "title", "licence", "kind"}
        missing = sorted({name for one in self.sources for name in needed - one.keys()})
        return [f"sources have no {', '.join(missing)}"] if missing else []


@dataclass(frozen=True)
class Store:
    """A prepared store, memory-mapped.

    Attributes:
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
        """Open a store that `prepare` made; all is checked but what its arrays hold.

        Raises:
            DataError: It is missing, unfinished or damaged; the message names the file.
        """
        path = folder / "store.json"
        if not path.is_file():
            raise DataError(f"{folder}: is not a finished store (it has no store.json)")
        card = read_json(path, DataError)
        try:
            record(_Card, card, others=True)
        except ConfigError as error:
            raise DataError(f"{path}: is not a store's store.json ({error})") from None
        store = cls.map(folder, card)
        for name, problem in store._problems():
            raise DataError(f"{folder / name}: is damaged or was changed: {problem}")
        return store

    @classmethod
    def map(cls, folder: Path, card: dict) -> Store:
        """Map a store's files, whether or not its card is written.

        Raises:
            DataError: A file is missing, cut or of another kind; the message names it.
        """
        voices = _manifest(folder / "voices.parquet", ("start", "frames"))
        has_waveforms = "samples" in voices
        return cls(
            folder=folder,
            card=card,
            voices=voices,
            faces=_manifest(folder / "faces.parquet", ()),
            log_mels=_array(folder / "log_mels.npy", np.float16, 2),
            images=_array(folder / "faces.npy", np.uint8, 4),
            waveforms=_array(folder / "waveforms.npy", np.int16, 1) if has_waveforms else None,
        )

    def _problems(self) -> Iterator[tuple[str, str]]:
        """File and problem, of what the files say of each other."""
        n_mels = preset(self.card["settings"]["front_end"]).n_mels
        size = self.card["settings"]["image_size_px"]
        for name, shape, wanted in (
            ("log_mels.npy", self.log_mels.shape[1:], (n_mels,)),
            ("faces.npy", self.images.shape[1:], (size, size, 3)),
        ):
            if shape != wanted:
                yield name, f"its rows have shape {shape}, store.json says {wanted}"
        for name, found, key in (
            ("voices.parquet", len(self.voices["identity"]), "n_recordings"),
            ("faces.parquet", len(self.faces["identity"]), "n_faces"),
            ("faces.npy", len(self.images), "n_faces"),
        ):
            if found != self.card[key]:
                yield name, f"it has {found} rows, store.json says {self.card[key]}"
        for start, length, array, name in (
            ("start", "frames", self.log_mels, "log_mels.npy"),
            ("sample_start", "samples", self.waveforms, "waveforms.npy"),
        ):
            if array is None:
                continue
            starts, lengths = (np.asarray(self.voices[column]) for column in (start, length))
            outside = (starts < 0) | (lengths < 1) | (starts > len(array) - lengths)
            if outside.any():
                row = int(np.flatnonzero(outside)[0])
                yield "voices.parquet", f"row {row} points outside {name}"

    def verify(self) -> None:
        """Check every file whole; this reads the store once.

        Raises:
            DataError: One is not as it was prepared; the message names it.
        """
        for name, digest in self.card["sha256"].items():
            if Path(name).name != name or not (self.folder / name).is_file():
                raise DataError(f"{self.folder / name}: is missing")
            if sha256(self.folder / name) != digest:
                raise DataError(
                    f"{self.folder / name}: is damaged or was changed (its SHA-256 is not the one "
                    "in store.json); prepare the store again"
                )

    def require_front_end(self, front_end: FrontEnd, model: str) -> None:
        """Refuse a model that hears spectrograms of another front end.

        Raises:
            DataError: The store's differs.
        """
        name = self.card.get("settings", {}).get("front_end")
        if name is not None and not preset(name).hears_as(front_end):
            raise DataError(
                f"{self.folder}: its spectrograms are of the front end {name!r}, and {model} was "
                "trained with other settings; prepare the store with the front end of the bundle"
            )

    def log_mel(self, row: int) -> NDArray[np.float32]:
        """Copy the normalised spectrogram of a recording, (frames, mels), by its row."""
        start = self.voices["start"][row]
        return self.log_mels[start : start + self.voices["frames"][row]].astype(np.float32)

    def waveform(self, row: int) -> NDArray[np.int16]:
        """Give the waveform of a recording.

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


def rows_by_identity(columns: dict[str, list], split: str) -> dict[str, list[int]]:
    """Tell the rows of each identity of a split, from `Store.voices` or `Store.faces`."""
    rows: dict[str, list[int]] = {}
    for row, (identity, own) in enumerate(zip(columns["identity"], columns["split"], strict=True)):
        if own == split:
            rows.setdefault(identity, []).append(row)
    return rows


def _manifest(path: Path, numbers: tuple[str, ...]) -> dict[str, list]:
    """Read a manifest, with whole numbers in the columns that point into arrays."""
    if not path.is_file():
        raise DataError(f"{path}: is missing")
    try:
        table = pq.read_table(path)
        columns = table.to_pydict()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a manifest ({_line(error)})") from None
    if "samples" in columns:
        numbers = (*numbers, "sample_start", "samples")
    needed = ("identity", "split", *numbers)
    if missing := [name for name in needed if name not in columns or None in columns[name]]:
        raise DataError(
            f"{path}: is not a store manifest (column {missing[0]} is missing or has empty cells)"
        )
    if wrong := [name for name in numbers if not str(table.schema.field(name).type) == "int64"]:
        raise DataError(f"{path}: is not a store manifest (column {wrong[0]} is not int64)")
    return columns


def _array(path: Path, dtype: type[np.generic], n_axes: int) -> NDArray[Any]:
    """Map an array of a type."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # of Python's tokenizer too, which reads the header
        raise DataError(f"{path}: is missing or damaged ({_line(error)})") from None
    if array.dtype != dtype or array.ndim != n_axes:
        raise DataError(
            f"{path}: holds {array.dtype} with {array.ndim} axes; "
            f"{np.dtype(dtype)} with {n_axes} is needed"
        )
    return array


def _line(error: Exception) -> str:
    told = getattr(error, "strerror", None) or str(error)
    return next(iter(told.splitlines()), type(error).__name__)


def hash_split(identity: str, test_percent: int = 10) -> str:
    """Put an identity into a split by a hash of its name, the same on every machine.

    Returns:
        "train" or "test".
    """
    bucket = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "big") % 100
    return "test" if bucket < test_percent else "train"
