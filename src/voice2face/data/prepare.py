"""Data sets in, a prepared store out; stopped at any moment, the same call goes on.

Files are worked on in shards (`data.shards`), by local processes or on a cluster (`data.backends`);
then the shards are joined in order. `store.json` comes last: a store that has it is finished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from tqdm import tqdm

from voice2face.audio.settings import preset
from voice2face.data.backends import run_tasks
from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.names import KNOWN_VARIANTS
from voice2face.data.pairing import pair, pairing_fields
from voice2face.data.people import DataSet, Labels, People, name_people
from voice2face.data.shards import Shard, ShardIndex, Side, make_shard, plan_shards, read_index
from voice2face.data.store import Store, StoreSettings
from voice2face.data.store_card import SideCounts, store_card
from voice2face.data.store_files import (
    ARRAYS,
    WAVEFORMS,
    content_hash,
    finished_store,
    json_bytes,
    manifest_schema,
    npy_header,
    write_csv,
    write_table,
)
from voice2face.errors import DataError, OutputError
from voice2face.files import atomic_path, locked, sha256, write_atomically

__all__ = ["prepare"]

_NEAR_MISSES = "near_misses.csv"
_COPY_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class _SideWork:
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

    def told(self, position: int) -> list[str | None]:
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


def prepare(
    voices: list[DataSet],
    faces: list[DataSet],
    settings: StoreSettings,
    folder: Path,
    pair_by: str,
    split: str | None = None,
    variants: Mapping[str, str] = KNOWN_VARIANTS,
    jobs: int = 1,
    backend: str = "local",
    scheduler: str | None = None,
) -> Store:
    """Turn data sets into a store. Files that cannot be used are listed, with the reason.

    Stopped at any moment and called again with the same arguments, it goes on: at most the shards
    that were being made are made again, and the store is the same, byte for byte. With other
    arguments, an unfinished store is gone on with too, and the shards that they change are made
    anew.

    Args:
        pair_by: Pairing key; see `data.pairing.pair`. With "identity" in it, people of both sides
            are matched by name, over all data sets; otherwise they are told apart by data set.
        split: See `data.people.name_people`.
        variants: See `data.people.name_people`.
        backend: Where they run; see `data.backends.run_tasks`.
        scheduler: Address of a cluster; see `data.backends.run_tasks`.

    Raises:
        ConfigError: An argument cannot be used, or the folder holds a finished store of others.
        DataError: People cannot be told apart, no recording or no image could be used, or both
            sides have no label of the pairing key in common.
        MissingDependencyError: The detector or the backend is not installed.
        OutputError: The folder cannot be written.
    """
    by_name = "identity" in pairing_fields(pair_by)
    people = name_people(voices, faces, by_name, split, variants)
    sides = [_side("voices", voices, people, settings), _side("faces", faces, people, settings)]
    _refuse_nothing_in_common(sides, people, pair_by)
    asked = {**dataclasses.asdict(settings), "pair_by": pair_by, "split": split}
    if not settings.waveforms:
        del asked["waveforms"]  # so that stores made before there was this setting are the same
    if variants:
        asked["variants"] = dict(variants)
    made_from = _made_from(sides, asked)
    if (store := finished_store(folder, made_from)) is not None:
        _remove_shards(folder)
        return store
    with locked(folder):
        try:
            _clean(folder, sides)
            for work in sides:
                _make_shards(work, folder / "shards", settings, jobs, backend, scheduler)
            card = _join(sides, people, folder, pair_by)
            card = {"settings": asked, "sources": _sources(voices, faces), **card}
            card["made_from"] = made_from
            write_atomically(folder / "store.json", json_bytes(card))
        except OutputError as error:
            raise OutputError(
                f"{error}; fix that, and run the same command again to resume"
            ) from None
        _remove_shards(folder)
        return Store.open(folder)


def _refuse_nothing_in_common(sides: list[_SideWork], people: People, pair_by: str) -> None:
    """Refuse, before a file is decoded, data whose two sides have no label in common."""
    fields = pairing_fields(pair_by)
    columns = ("identity", "", "", "gender", "age", "nationality", "split")
    places = [columns.index(name) for name in fields]
    labels = []
    for work in sides:
        rows = (work.told(position) for position in range(len(work.listed)))
        keys = (tuple(row[place] for place in places) for row in rows)
        labels.append({key for key in keys if None not in key})
    if labels[0] & labels[1]:
        return
    told = []
    for work, of_side in zip(sides, labels, strict=True):
        examples = ", ".join(sorted("/".join(map(str, key)) for key in of_side)[:3])
        told.append(
            f"{work.side} have {len(of_side)}" + (f", such as {examples}" if examples else "")
        )
    near = "; ".join(f"{voice!r} and {face!r}" for voice, face, _ in people.near_misses[:3])
    raise DataError(
        f"no {pair_by} is common to voices and faces: {'; '.join(told)}"
        + (f". Nearly alike are {near}: give --variants if they are the same" if near else "")
    )


def _side(
    side: Side, data_sets: list[DataSet], people: People, settings: StoreSettings
) -> _SideWork:
    listed = [(source, row) for source, rows in data_sets for row in rows]
    size = settings.image_size_px
    is_voice = side == "voices"
    return _SideWork(
        side=side,
        listed=listed,
        identities=people.voices if is_voice else people.faces,
        labels=people.labels,
        splits=people.splits,
        shards=plan_shards(side, [str(row.path) for _, row in listed], settings),
        row_shape=(preset(settings.front_end).n_mels,) if is_voice else (size, size, 3),
        dtype=np.dtype(np.float16 if is_voice else np.uint8),
        waveforms=is_voice and settings.waveforms,
    )


def _made_from(sides: list[_SideWork], asked: dict) -> str:
    """Hash of all that a store depends on."""
    digest = hashlib.sha256(json_bytes(asked))
    for work in sides:
        for shard in work.shards:
            digest.update(shard.file_name.encode())
        for position in range(len(work.listed)):
            digest.update(json.dumps(work.told(position)).encode())
    return digest.hexdigest()


def _clean(folder: Path, sides: list[_SideWork]) -> None:
    """Remove what a killed run left half-written, and shards of other files or settings."""
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        wanted = {name for work in sides for shard in work.shards for name in shard.file_names}
        for path in list(_own_files(folder)):
            if path.name not in wanted:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from None


def _remove_shards(folder: Path) -> None:
    """Remove what a finished store no longer needs."""
    with contextlib.suppress(OSError):
        for path in list(_own_files(folder)):
            path.unlink(missing_ok=True)
        (folder / "shards").rmdir()


def _own_files(folder: Path) -> Iterator[Path]:
    """Shards and half-written files; nothing else that may lie in the folder is touched."""
    for name in ("store.json", "rejected.csv", _NEAR_MISSES, WAVEFORMS, *ARRAYS.values()):
        yield from folder.glob(f".{name}.*.tmp")
    for side in ARRAYS:
        yield from folder.glob(f".{side}.parquet.*.tmp")
        for suffix in ("shard", "waves"):
            yield from (folder / "shards").glob(f"{side}-*.{suffix}")
            yield from (folder / "shards").glob(f".{side}-*.{suffix}.*.tmp")


def _make_shards(
    work: _SideWork,
    folder: Path,
    settings: StoreSettings,
    jobs: int,
    backend: str,
    scheduler: str | None,
) -> None:
    """Make the shards that are not there, under a progress bar."""
    there = {path.name for path in folder.iterdir()}
    missing = [shard for shard in work.shards if not shard.file_names <= there]
    if missing and work.side == "faces" and settings.detector is not None:
        from voice2face.pretrained.detectors import load_detector

        load_detector(settings.detector)  # what it lacks is said before any work begins
    n_done = len(work.listed) - sum(len(shard.files) for shard in missing)
    base = Path.cwd()
    tasks = ((shard, base, base / folder) for shard in missing)
    with tqdm(
        desc=work.side, total=len(work.listed), initial=n_done, unit="file", mininterval=1.0
    ) as bar:
        if missing:
            for n_files in run_tasks(make_shard, tasks, jobs, backend, scheduler):
                bar.update(n_files)


def _join(sides: list[_SideWork], people: People, folder: Path, pair_by: str) -> dict:
    """Write all files of the store but its card; give the card's counts and hashes."""
    shards_folder = folder / "shards"
    counts: dict[Side, SideCounts] = {}
    hashes: dict[str, str] = {}
    rejected: list[tuple[str, str, str]] = []
    for work in sides:
        counts[work.side] = SideCounts.of(
            (index for _, index in work.indexes(shards_folder)), work.told, len(work.listed)
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
    if "identity" in pairing_fields(pair_by):
        header = ("voice", "face", "likeness")
        write_csv(folder / _NEAR_MISSES, header, people.near_misses)
        hashes[_NEAR_MISSES] = sha256(folder / _NEAR_MISSES)
    else:
        (folder / _NEAR_MISSES).unlink(missing_ok=True)
    pair(Store.map(folder, {}), pair_by, None)  # refuses what has no label in common
    return store_card(counts, people, hashes, content_hash(folder, hashes))


def _write_array(work: _SideWork, shards_folder: Path, target: Path, n_rows: int) -> str:
    """Join the data of all shards in one .npy; give its SHA-256."""
    data = ((path, index.offset) for path, index in work.indexes(shards_folder))
    return _join_files(data, len(work.shards), target, work.dtype, (n_rows, *work.row_shape))


def _write_waveforms(work: _SideWork, shards_folder: Path, target: Path) -> str:
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
                _copy(shard, file, digest.update)
            bar.update()
    return digest.hexdigest()


def _copy(source: IO[bytes], target: IO[bytes], hear: Callable[[bytes], None]) -> None:
    while block := source.read(_COPY_BYTES):
        hear(block)
        target.write(block)


def _write_manifest(work: _SideWork, shards_folder: Path, target: Path) -> None:
    """Write a side's manifest, some thousand rows at a time."""

    def rows() -> Iterator[tuple]:
        start = sample_start = 0
        for _, index in work.indexes(shards_folder):
            samples = index.samples or itertools.repeat(0)
            for (position, n_rows, seconds), n_samples in zip(index.rows, samples, strict=False):
                place = (start, n_rows) if work.side == "voices" else ()
                heard = (sample_start, n_samples) if work.waveforms else ()
                yield (*work.told(position), *place, seconds, *heard)
                start += n_rows
                sample_start += n_samples

    write_table(target, manifest_schema(work.side, work.waveforms), rows())


def _sources(voices: list[DataSet], faces: list[DataSet]) -> list[dict]:
    return [
        {**dataclasses.asdict(source), "kind": kind}
        for kind, data_sets in (("voices", voices), ("faces", faces))
        for source, _ in data_sets
    ]
