"""Data sets in, a prepared store out; stopped at any moment, the same call goes on.

Files are worked on in shards (`data.shards`), by local processes or on a cluster (`data.backends`);
then the shards are joined in order. `store.json` comes last: a store that has it is finished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from voice2face.audio.settings import preset
from voice2face.data.backends import Workers, run_tasks
from voice2face.data.join_shards import SideWork, join_shards
from voice2face.data.names import KNOWN_VARIANTS
from voice2face.data.pairing import pair, pairing_fields
from voice2face.data.people import DataSet, People, name_people
from voice2face.data.shards import Side, make_shard, plan_shards
from voice2face.data.store import Store, StoreSettings
from voice2face.data.store_files import (
    ARRAYS,
    NEAR_MISSES,
    WAVEFORMS,
    finished_store,
    json_bytes,
)
from voice2face.errors import DataError, OutputError
from voice2face.files import locked, write_atomically


@dataclasses.dataclass(frozen=True)
class PairingSettings:
    """Who is who, and which voices and faces belong together.

    Attributes:
        pair_by: Pairing key; see `data.pairing.pair`. With "identity" in it, people of both sides
            are matched by name, over all data sets; otherwise they are told apart by data set.
        split: See `data.people.name_people`.
        variants: See `data.people.name_people`.
    """

    pair_by: str
    split: str | None = None
    variants: Mapping[str, str] = field(default_factory=lambda: KNOWN_VARIANTS)


def prepare(
    voices: list[DataSet],
    faces: list[DataSet],
    settings: StoreSettings,
    folder: Path,
    pairing: PairingSettings,
    workers: Workers = Workers(),  # noqa: B008 - frozen
) -> Store:
    """Turn data sets into a store. Files that cannot be used are listed, with the reason.

    Stopped at any moment and called again with the same arguments, it goes on: at most the shards
    that were being made are made again, and the store is the same, byte for byte. With other
    arguments, an unfinished store is gone on with too, and the shards that they change are made
    anew.

    Raises:
        ConfigError: An argument cannot be used, or the folder holds a finished store of others.
        DataError: People cannot be told apart, no recording or no image could be used, or both
            sides have no label of the pairing key in common.
        MissingDependencyError: The detector or the backend is not installed.
        OutputError: The folder cannot be written.
    """
    pair_by, split, variants = pairing.pair_by, pairing.split, pairing.variants
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
        # What a run leaves that is killed at its very end; the folder may well be read-only.
        with contextlib.suppress(OutputError), locked(folder):
            _remove_shards(folder)
        return store
    with locked(folder):
        try:
            _clean(folder, sides)
            for work in sides:
                _make_shards(work, folder / "shards", settings, workers)
            card = join_shards(sides, people, folder, by_name)
            pair(Store.map(folder, {}), pair_by, None)  # refuses what has no label in common
            card = {"settings": asked, "sources": _sources(voices, faces), **card}
            card["made_from"] = made_from
            write_atomically(folder / "store.json", json_bytes(card))
        except OutputError as error:
            raise OutputError(
                f"{error}; fix that, and run the same command again to resume"
            ) from None
        _remove_shards(folder)
        return Store.open(folder)


def _refuse_nothing_in_common(sides: list[SideWork], people: People, pair_by: str) -> None:
    """Refuse, before a file is decoded, data whose two sides have no label in common."""
    fields = pairing_fields(pair_by)
    columns = ("identity", "", "", "gender", "age", "nationality", "split")
    places = [columns.index(name) for name in fields]
    labels = []
    for work in sides:
        rows = (work.columns(position) for position in range(len(work.listed)))
        keys = (tuple(row[place] for place in places) for row in rows)
        labels.append({key for key in keys if None not in key})
    if labels[0] & labels[1]:
        return
    lines = []
    for work, of_side in zip(sides, labels, strict=True):
        examples = ", ".join(sorted("/".join(map(str, key)) for key in of_side)[:3])
        lines.append(
            f"{work.side} have {len(of_side)}" + (f", such as {examples}" if examples else "")
        )
    near = "; ".join(f"{voice!r} and {face!r}" for voice, face, _ in people.near_misses[:3])
    raise DataError(
        f"no {pair_by} is common to voices and faces: {'; '.join(lines)}"
        + (f". Nearly alike are {near}: give --variants if they are the same" if near else "")
    )


def _side(
    side: Side, data_sets: list[DataSet], people: People, settings: StoreSettings
) -> SideWork:
    listed = [(source, row) for source, rows in data_sets for row in rows]
    size = settings.image_size_px
    is_voice = side == "voices"
    return SideWork(
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


def _made_from(sides: list[SideWork], asked: dict) -> str:
    """Hash of all that a store depends on."""
    digest = hashlib.sha256(json_bytes(asked))
    for work in sides:
        for shard in work.shards:
            digest.update(shard.file_name.encode())
        for position in range(len(work.listed)):
            digest.update(json.dumps(work.columns(position)).encode())
    return digest.hexdigest()


def _clean(folder: Path, sides: list[SideWork]) -> None:
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
    for name in ("store.json", "rejected.csv", NEAR_MISSES, WAVEFORMS, *ARRAYS.values()):
        yield from folder.glob(f".{name}.*.tmp")
    for side in ARRAYS:
        yield from folder.glob(f".{side}.parquet.*.tmp")
        for suffix in ("shard", "waves"):
            yield from (folder / "shards").glob(f"{side}-*.{suffix}")
            yield from (folder / "shards").glob(f".{side}-*.{suffix}.*.tmp")


def _make_shards(work: SideWork, folder: Path, settings: StoreSettings, workers: Workers) -> None:
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
            for n_files in run_tasks(make_shard, tasks, workers):
                bar.update(n_files)


def _sources(voices: list[DataSet], faces: list[DataSet]) -> list[dict]:
    return [
        {**dataclasses.asdict(source), "kind": kind}
        for kind, data_sets in (("voices", voices), ("faces", faces))
        for source, _ in data_sets
    ]
