"""The shards of a store joined into its files, in order."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.people import Labels, People
from voice2face.data.shards import Shard, ShardIndex, Side, read_index
from voice2face.data.store_card import SideCounts, store_card
from voice2face.data.store_files import (
    ARRAYS,
    NEAR_MISSES,
    WAVEFORMS,
    content_hash,
    manifest_schema,
    npy_header,
    write_csv,
    write_table,
)
from voice2face.errors import DataError
from voice2face.files import atomic_path, sha256

_COPY_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class SideWork:
    """One side on its way into the store."""

    side: Side
    listed: list[tuple[Source, ManifestRow]]
    identities: dict[tuple[str, str], str]
    labels: dict[tuple[str, str], Labels]
    splits: dict[str, str]
    shards: list[Shard]
    row_shape: tuple[int, ...]
    dtype: np.dtype
    waveforms: bool

    def columns(self, position: int) -> list[str | None]:
        """What the manifest says of a file: the columns that both sides have."""
        source, row = self.listed[position]
        identity = self.identities[source.name, row.identity]
        gender, nationality = self.labels[source.name, row.identity]
        own = (gender, row.age, nationality)
        return [identity, source.name, str(row.path), *own, self.splits[identity]]

    def indexes(self, folder: Path) -> Iterator[tuple[Path, ShardIndex]]:
        """The shards that were made, in order."""
        row_bytes = self.dtype.itemsize * int(np.prod(self.row_shape))
        for shard in self.shards:
            path = folder / shard.file_name
            yield path, read_index(path, row_bytes)


def join_shards(sides: list[SideWork], people: People, folder: Path, matched: bool) -> dict:
    """Write all files of the store but its card.

    Args:
        matched: Whether people were matched by name, so that near misses are listed.

    Returns:
        The card's counts and hashes.

    Raises:
        DataError: Of one side, no file could be used.
        OutputError: A file cannot be written.
    """
    shards_folder = folder / "shards"
    counts: dict[Side, SideCounts] = {}
    hashes: dict[str, str] = {}
    rejected: list[tuple[str, str, str]] = []
    for work in sides:
        counts[work.side] = SideCounts.from_shards(
            (index for _, index in work.indexes(shards_folder)), work.columns, len(work.listed)
        )
        for _, index in work.indexes(shards_folder):
            for position, reason in index.rejected:
                rejected.append((work.side, str(work.listed[position][1].path), reason))
        if not counts[work.side].n_rows:
            what = "recording" if work.side == "voices" else "face image"
            first = next((row for row in rejected if row[0] == work.side), None)
            reason = f"{first[1]}: {first[2]}" if first else "none was listed"
            raise DataError(f"{folder}: no {what} could be used; the first reason: {reason}")
    for work in sides:
        name = ARRAYS[work.side]
        hashes[name] = _write_array(work, shards_folder, folder / name, counts[work.side].n_rows)
        if work.waveforms:
            hashes[WAVEFORMS] = _write_waveforms(work, shards_folder, folder / WAVEFORMS)
        elif work.side == "voices":
            (folder / WAVEFORMS).unlink(missing_ok=True)
        name = f"{work.side}.parquet"
        _write_manifest(work, shards_folder, folder / name)
        hashes[name] = sha256(folder / name)
    write_csv(folder / "rejected.csv", ("side", "file", "reason"), rejected)
    hashes["rejected.csv"] = sha256(folder / "rejected.csv")
    if matched:
        header = ("voice", "face", "likeness")
        write_csv(folder / NEAR_MISSES, header, people.near_misses)
        hashes[NEAR_MISSES] = sha256(folder / NEAR_MISSES)
    else:
        (folder / NEAR_MISSES).unlink(missing_ok=True)
    return store_card(counts, people, hashes, content_hash(folder, hashes))


def _write_array(work: SideWork, shards_folder: Path, target: Path, n_rows: int) -> str:
    """Join the data of all shards in one .npy; give its SHA-256."""
    data = ((path, index.offset) for path, index in work.indexes(shards_folder))
    return _join_files(data, len(work.shards), target, work.dtype, (n_rows, *work.row_shape))


def _write_waveforms(work: SideWork, shards_folder: Path, target: Path) -> str:
    """Join the waveforms of all shards in one .npy; give its SHA-256."""
    n_samples = sum(sum(index.samples or ()) for _, index in work.indexes(shards_folder))
    data = ((path.with_suffix(".waves"), 0) for path, _ in work.indexes(shards_folder))
    return _join_files(data, len(work.shards), target, np.dtype("<i2"), (n_samples,))


def _join_files(
    data: Iterable[tuple[Path, int]],
    n_files: int,
    target: Path,
    dtype: np.dtype,
    shape: tuple[int, ...],
) -> str:
    """Copy files, each from its offset on, into one .npy, a block at a time; give its SHA-256."""
    digest = hashlib.sha256()
    header = npy_header(dtype, shape)
    with (
        atomic_path(target) as path,
        path.open("wb") as file,
        tqdm(desc=target.name, total=n_files, unit="shard", mininterval=1.0) as bar,
    ):
        digest.update(header)
        file.write(header)
        for shard_path, offset in data:
            with shard_path.open("rb") as shard:
                shard.seek(offset)
                while block := shard.read(_COPY_BYTES):
                    digest.update(block)
                    file.write(block)
            bar.update()
    return digest.hexdigest()


def _write_manifest(work: SideWork, shards_folder: Path, target: Path) -> None:
    """Write a side's manifest, some thousand rows at a time."""

    def rows() -> Iterator[tuple]:
        start = sample_start = 0
        for _, index in work.indexes(shards_folder):
            samples = index.samples or itertools.repeat(0)
            for (position, n_rows, seconds), n_samples in zip(index.rows, samples, strict=False):
                place = (start, n_rows) if work.side == "voices" else ()
                heard = (sample_start, n_samples) if work.waveforms else ()
                yield (*work.columns(position), *place, seconds, *heard)
                start += n_rows
                sample_start += n_samples

    write_table(target, manifest_schema(work.side, work.waveforms), rows())
