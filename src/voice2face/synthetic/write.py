"""A planted world into the files of a store, some people at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from voice2face.audio.settings import preset
from voice2face.data.manifest import Source
from voice2face.data.shards import Side
from voice2face.data.store import StoreSettings
from voice2face.data.store_card import SideCounts, kind_of_reason
from voice2face.data.store_files import (
    ARRAYS,
    WAVEFORMS,
    manifest_schema,
    npy_header,
    write_csv,
    write_table,
)
from voice2face.errors import DataError
from voice2face.files import atomic_path, sha256
from voice2face.synthetic.faces import SIZE_PX
from voice2face.synthetic.latents import SHARED, Person, person_name

LATENTS_FILE = "latents.parquet"
SOURCE = Source(
    name="planted",
    title="Planted world: synthetic voices and faces made by voice2face",
    licence="CC0-1.0 (made by this program; of nobody)",
)


@dataclass
class Block:
    """Some people, their recordings and their images.

    Attributes:
        log_mels: (frames, mels) of each recording.
        waveforms: (samples,) of each recording, where they are kept.
        voices: Of each recording, its person's place in `people` and its index.
        rejected: Name and reason of each recording that cannot be used.
        images: (people * images of each, 64, 64, 3), person by person.
    """

    people: list[Person]
    log_mels: list[NDArray[np.float16]] = field(default_factory=list)
    speech_s: list[float] = field(default_factory=list)
    waveforms: list[NDArray[np.int16]] = field(default_factory=list)
    voices: list[tuple[int, int]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    images: NDArray[np.uint8] = field(
        default_factory=lambda: np.zeros((0, SIZE_PX, SIZE_PX, 3), np.uint8)
    )


@dataclass(frozen=True)
class _Written:
    """What the card says of the files."""

    counts: dict[Side, SideCounts]
    hashes: dict[str, str]


def file_name(person: Person, kind: str, index: int) -> str:
    """Name a recording ("voice") or an image ("face") of a person."""
    return f"planted:{person.seed}/{person.number:06d}/{kind}-{index}"


def write_world(
    folder: Path, blocks: Iterator[Block], splits: dict[str, str], keep_waveforms: bool
) -> _Written:
    """Write all files of the store but its card.

    Args:
        blocks: All people, in order.

    Raises:
        DataError: No recording has speech.
        OutputError: The folder cannot be written.
    """
    rows = _Rows(splits, keep_waveforms)
    n_mels = preset(StoreSettings().front_end).n_mels
    size = (SIZE_PX, SIZE_PX, 3)
    with contextlib.ExitStack() as stack:

        def growing(name: str, dtype: DTypeLike, row_shape: tuple[int, ...]) -> _Append:
            return stack.enter_context(_growing(folder / name, dtype, row_shape))

        log_mels = growing(ARRAYS["voices"], np.float16, (n_mels,))
        images = growing(ARRAYS["faces"], np.uint8, size)
        waveforms = growing(WAVEFORMS, np.int16, ()) if keep_waveforms else None
        for block in blocks:
            rows.add(block)
            log_mels(block.log_mels)
            images([block.images])
            if waveforms is not None:
                waveforms(block.waveforms)
    if not rows.voices:
        raise DataError(
            f"{folder}: no recording has speech; the first reason: {rows.rejected[0][1]}"
        )
    truth = [
        (name, pa.string() if isinstance(value, str) else pa.float64())
        for name, value in rows.truth[0].items()
    ]
    for name, schema, of_side in (
        ("voices.parquet", manifest_schema("voices", keep_waveforms), rows.voices),
        ("faces.parquet", manifest_schema("faces", False), rows.faces),
        (LATENTS_FILE, pa.schema(truth), rows.truth),
    ):
        write_table(
            folder / name, schema, (tuple(row[one] for one in schema.names) for row in of_side)
        )
    rejected = (("voices", *row) for row in rows.rejected)
    write_csv(folder / "rejected.csv", ("side", "file", "reason"), rejected)
    files = [ARRAYS["voices"], *([WAVEFORMS] if keep_waveforms else []), "voices.parquet"]
    files += [ARRAYS["faces"], "faces.parquet", "rejected.csv", LATENTS_FILE]
    return _Written(rows.counts(), {name: sha256(folder / name) for name in files})


class _Rows:
    """Rows of the manifests, gathered."""

    def __init__(self, splits: dict[str, str], keep_waveforms: bool) -> None:
        self._splits, self._keep_waveforms = splits, keep_waveforms
        self._start = self._sample_start = 0
        self.voices: list[dict] = []
        self.faces: list[dict] = []
        self.truth: list[dict] = []
        self.rejected: list[tuple[str, str]] = []

    def add(self, block: Block) -> None:
        """Add the rows of some people."""
        self.truth += [_truth(person, self._splits) for person in block.people]
        self.rejected += block.rejected
        for number, (place, index) in enumerate(block.voices):
            row = self._manifest_row(block.people[place], "voice", index)
            row |= {"start": self._start, "frames": len(block.log_mels[number])}
            row["speech_s"] = block.speech_s[number]
            self._start += row["frames"]
            if self._keep_waveforms:
                row |= {
                    "sample_start": self._sample_start,
                    "samples": len(block.waveforms[number]),
                }
                self._sample_start += row["samples"]
            self.voices.append(row)
        each = len(block.images) // len(block.people)
        self.faces += [
            self._manifest_row(person, "face", index) | {"time_s": None}
            for person in block.people
            for index in range(each)
        ]

    def counts(self) -> dict[Side, SideCounts]:
        """Count both sides."""
        return {"voices": _counts(self.voices, self.rejected), "faces": _counts(self.faces, [])}

    def _manifest_row(self, person: Person, kind: str, index: int) -> dict:
        name = person_name(person.number)
        return {
            "identity": name,
            "data_set": SOURCE.name,
            "file": file_name(person, kind, index),
            "gender": person.gender,
            "age": None,
            "nationality": None,
            "split": self._splits[name],
        }


def _counts(rows: Sequence[dict], rejected: list[tuple[str, str]]) -> SideCounts:
    counts = SideCounts(seen=len(rows) + len(rejected), kept=len(rows), rejected=len(rejected))
    counts.reasons.update(kind_of_reason(reason) for _, reason in rejected)
    counts.n_items = len(rows)
    counts.n_rows = sum(row.get("frames", 1) for row in rows)
    counts.seconds = sum(row.get("speech_s", 0.0) for row in rows)
    counts.splits = {row["identity"]: row["split"] for row in rows}
    return counts


def _truth(person: Person, splits: dict[str, str]) -> dict:
    """A row of `latents.parquet`."""
    name = person_name(person.number)
    pairs = ["_".join(pair) for pair in SHARED]
    return {
        "identity": name,
        "split": splits[name],
        "gender": person.gender,
        **{f"shared/{pair}": value for pair, value in zip(pairs, person.shared, strict=True)},
        **{f"voice/{factor}": value for factor, value in person.voice.items()},
        **{f"face/{factor}": value for factor, value in person.face.items()},
    }


_Append = Callable[[Sequence[NDArray]], None]


@contextlib.contextmanager
def _growing(target: Path, dtype: DTypeLike, row_shape: tuple[int, ...]) -> Iterator[_Append]:
    """Open a .npy file whose rows come a few arrays at a time; give what writes them."""
    n_rows = 0

    def append(arrays: Sequence[NDArray]) -> None:
        nonlocal n_rows
        for array in arrays:
            file.write(np.ascontiguousarray(array, dtype).data)
            n_rows += len(array)

    with atomic_path(target) as path, path.open("wb") as file:
        file.write(npy_header(dtype, (n_rows, *row_shape)))
        yield append
        file.seek(0)
        file.write(npy_header(dtype, (n_rows, *row_shape)))  # as long as before
