"""A planted world written as a store: straight into its arrays, without a file a recording."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.backends import run_tasks
from voice2face.data.manifest import Source
from voice2face.data.people import People
from voice2face.data.planted.faces import SIZE_PX, photograph
from voice2face.data.planted.latents import (
    SHARED,
    Person,
    WorldSettings,
    draw_person,
    person_name,
)
from voice2face.data.planted.voices import SAMPLE_RATE_HZ, record
from voice2face.data.splits import assign_splits
from voice2face.data.store import Store, StoreSettings
from voice2face.data.store_card import SideCounts, kind_of_reason, store_card
from voice2face.errors import ConfigError, DataError, RecordingError
from voice2face.files import atomic_path, sha256, write_atomically
from voice2face.records import Recording

__all__ = ["LATENTS_FILE", "SOURCE", "is_planted", "make_world", "regenerate", "world_settings"]

LATENTS_FILE = "latents.parquet"
SOURCE = Source(
    name="planted",
    title="Planted world: synthetic voices and faces made by voice2face",
    licence="CC0-1.0 (made by this program; of nobody)",
)
_PEOPLE_A_TASK = 8
_FILE = re.compile(r"planted:(\d+)/(\d{6})/(voice|face)-(\d+)")
_TEXT = ("identity", "data_set", "file", "gender", "age", "nationality", "split")


@dataclass(frozen=True)
class _Block:
    """What a task made of some people."""

    people: list[Person]
    log_mels: list[NDArray[np.float16]]
    speech_s: list[float]
    waveforms: list[NDArray[np.int16]]
    voices: list[tuple[int, int]]  # person's place in `people`, index of the recording
    rejected: list[tuple[str, str]]
    images: NDArray[np.uint8]


def make_world(
    folder: Path,
    n_identities: int,
    seed: int,
    settings: WorldSettings | None = None,
    recordings_each: int = 10,
    faces_each: int = 10,
    jobs: int = 1,
    split: str = "80/10/10",
    keep_waveforms: bool = False,
    backend: str = "local",
    scheduler: str | None = None,
) -> Store:
    """Make a planted world and write it as a store, with the truth in `latents.parquet`.

    The same arguments give the same bytes, whatever the number of jobs, on one kind of machine
    and version of NumPy. A person of a seed is the same in a world of any size.

    Args:
        folder: Where to write. Where it holds this very world already, nothing is done.
        n_identities: People, 1 to 1,000,000.
        seed: Of the world, at least 0.
        settings: Of the world; None takes the defaults.
        recordings_each: Recordings a person, at least 1.
        faces_each: Images a person, at least 1.
        jobs: Processes at a time.
        split: Percentages of identities in training, validation and test, by a hash of the name.
        keep_waveforms: Whether to write `waveforms.npy` too: all samples as int16, with the
            columns `sample_start` and `samples` of the voice manifest.
        backend: Where the processes run; see `data.backends.run_tasks`.
        scheduler: Address of a cluster; see `data.backends.run_tasks`.

    Returns:
        The store.

    Raises:
        ConfigError: An argument is out of range, or the folder holds a finished store of others.
        DataError: A worker died, or no recording has speech.
        OutputError: The folder cannot be written.
    """
    settings = settings or WorldSettings()
    for name, value in (
        ("identities", n_identities),
        ("recordings each", recordings_each),
        ("faces each", faces_each),
    ):
        if not 1 <= value <= 1_000_000:
            raise ConfigError(f"planted world: {name} is {value}; 1 to 1,000,000 is needed")
    draw_person(seed, n_identities - 1, settings)  # refuses what is out of range
    names = [person_name(number) for number in range(n_identities)]
    splits = assign_splits(names, f"hash:{split}", {})
    asked = {
        **dataclasses.asdict(StoreSettings()),
        "pair_by": "identity",
        "split": f"hash:{split}",
        "waveforms": keep_waveforms,
        "world": {
            "seed": seed,
            "identities": n_identities,
            "recordings_each": recordings_each,
            "faces_each": faces_each,
            **dataclasses.asdict(settings),
        },
    }
    made_from = hashlib.sha256(_json(asked)).hexdigest()
    if (folder / "store.json").exists():
        store = Store.open(folder)
        if store.card.get("made_from") != made_from:
            raise ConfigError(
                f"{folder}: holds a finished store of other data or settings; "
                "give another folder, or remove this one"
            )
        return store
    of_each = (settings, recordings_each, faces_each, keep_waveforms)
    tasks = (
        (seed, first, min(n_identities, first + _PEOPLE_A_TASK), *of_each)
        for first in range(0, n_identities, _PEOPLE_A_TASK)
    )
    with tqdm(desc="people", total=n_identities, unit="person", mininterval=1.0) as bar:

        def blocks() -> Iterator[_Block]:
            for block in _in_order(run_tasks(_make_block, tasks, jobs, backend, scheduler)):
                yield block
                bar.update(len(block.people))

        counts, hashes = _write(folder, blocks(), splits, keep_waveforms)
    people = People({(SOURCE.name, name): name for name in names}, {}, splits)
    card = {
        "settings": asked,
        "sources": [{**dataclasses.asdict(SOURCE), "kind": kind} for kind in ("voices", "faces")],
        **store_card(counts, people, hashes),
        "made_from": made_from,
    }
    write_atomically(folder / "store.json", _json(card))
    return Store.open(folder)


def regenerate(file: str, settings: WorldSettings) -> NDArray:
    """Make a recording or an image of a planted world again, from its name in a manifest.

    Args:
        file: As in the column `file`, such as "planted:7/000123/voice-2".
        settings: Of the world; see `world_settings`.

    Returns:
        (samples,) int16 at 16 kHz, or (64, 64, 3) uint8 RGB.

    Raises:
        DataError: It is no such name.
    """
    match = _FILE.fullmatch(file)
    if match is None:
        raise DataError(f"{file}: is not of a planted world, such as planted:7/000123/voice-2")
    seed, number, kind, index = match.groups()
    person = draw_person(int(seed), int(number), settings)
    if kind == "voice":
        return record(person, int(index), settings)
    return photograph([person], [int(index)], settings)[0]


def is_planted(store: Store) -> bool:
    """Tell whether a store holds a planted world."""
    return isinstance(store.card.get("settings", {}).get("world"), dict)


def world_settings(store: Store) -> WorldSettings:
    """Read the settings of the planted world that a store holds.

    Args:
        store: A store that `make_world` made.

    Returns:
        The settings.

    Raises:
        DataError: The store is not of a planted world.
    """
    if not is_planted(store):
        raise DataError(f"{store.folder}: is not a planted world; make one with voice2face planted")
    world = store.card["settings"]["world"]
    fields = {field.name for field in dataclasses.fields(WorldSettings)}
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in world.items()
        if name in fields
    }
    return WorldSettings(**told)


@threadpool_limits.wrap(limits=1)
def _make_block(
    seed: int,
    first: int,
    last: int,
    settings: WorldSettings,
    recordings_each: int,
    faces_each: int,
    keep_waveforms: bool,
) -> tuple[int, _Block]:
    """Draw, record and photograph the people from `first` up to `last`.

    On one thread: the last bits of a matrix product depend on how many share it.
    """
    people = [draw_person(seed, number, settings) for number in range(first, last)]
    front_end = preset(StoreSettings().front_end)
    log_mels, speech_s, waveforms, voices, rejected = [], [], [], [], []
    for place, person in enumerate(people):
        for index in range(recordings_each):
            waveform = record(person, index, settings)
            file = _file(person, "voice", index)
            try:
                features = extract(Recording(file, waveform, SAMPLE_RATE_HZ), front_end)
            except RecordingError as error:
                rejected.append((file, str(error).removeprefix(f"{file}: ")))
                continue
            log_mels.append(features.log_mel.astype(np.float16))
            speech_s.append(features.speech_s)
            voices.append((place, index))
            if keep_waveforms:
                waveforms.append(waveform)
    sitters = [person for person in people for _ in range(faces_each)]
    images = photograph(sitters, [*range(faces_each)] * len(people), settings)
    return first, _Block(people, log_mels, speech_s, waveforms, voices, rejected, images)


def _in_order(results: Iterator[tuple[int, _Block]]) -> Iterator[_Block]:
    """Hold back what comes before its turn."""
    waiting: dict[int, _Block] = {}
    turn = 0
    for first, block in results:
        waiting[first] = block
        while turn in waiting:
            ready = waiting.pop(turn)
            turn += len(ready.people)
            yield ready


def _write(
    folder: Path, blocks: Iterator[_Block], splits: dict[str, str], keep_waveforms: bool
) -> tuple[dict, dict[str, str]]:
    """Write all files but the card; give the counts of both sides and the hashes."""
    voices, faces, truth = [], [], []
    rejected: list[tuple[str, str]] = []
    n_mels = preset(StoreSettings().front_end).n_mels
    start = sample_start = 0
    waveforms = None
    with contextlib.ExitStack() as stack:
        log_mels = stack.enter_context(_growing(folder / "log_mels.npy", np.float16, (n_mels,)))
        size = (SIZE_PX, SIZE_PX, 3)
        images = stack.enter_context(_growing(folder / "faces.npy", np.uint8, size))
        if keep_waveforms:
            waveforms = stack.enter_context(_growing(folder / "waveforms.npy", np.int16, ()))
        for block in blocks:
            told = [_told(person, splits) for person in block.people]
            truth += [_truth(person, splits) for person in block.people]
            rejected += block.rejected
            for row, (place, index) in enumerate(block.voices):
                frames = len(block.log_mels[row])
                file = _file(block.people[place], "voice", index)
                columns = told[place](file) | {"start": start, "frames": frames}
                columns["speech_s"] = block.speech_s[row]
                if keep_waveforms:
                    samples = len(block.waveforms[row])
                    columns |= {"sample_start": sample_start, "samples": samples}
                    sample_start += samples
                voices.append(columns)
                start += frames
            each = len(block.images) // len(block.people)
            for place, person in enumerate(block.people):
                faces += [
                    told[place](_file(person, "face", i)) | {"time_s": None} for i in range(each)
                ]
            log_mels(block.log_mels)
            images([block.images])
            if waveforms is not None:
                waveforms(block.waveforms)
    if not voices:
        raise DataError(f"{folder}: no recording has speech; the first reason: {rejected[0][1]}")
    _write_table(folder / "voices.parquet", voices)
    _write_table(folder / "faces.parquet", faces)
    _write_table(folder / LATENTS_FILE, truth)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [("side", "file", "reason"), *(("voices", *row) for row in rejected)]
    )
    write_atomically(folder / "rejected.csv", text.getvalue().encode())
    files = ["log_mels.npy", *(["waveforms.npy"] if keep_waveforms else []), "voices.parquet"]
    files += ["faces.npy", "faces.parquet", "rejected.csv", LATENTS_FILE]
    counts = {"voices": _counts(voices, rejected), "faces": _counts(faces, [])}
    return counts, {name: sha256(folder / name) for name in files}


def _counts(rows: Sequence[dict], rejected: list[tuple[str, str]]) -> SideCounts:
    counts = SideCounts(seen=len(rows) + len(rejected), kept=len(rows), rejected=len(rejected))
    counts.reasons.update(kind_of_reason(reason) for _, reason in rejected)
    counts.n_items = len(rows)
    counts.n_rows = sum(row.get("frames", 1) for row in rows)
    counts.seconds = sum(row.get("speech_s", 0.0) for row in rows)
    counts.splits = {row["identity"]: row["split"] for row in rows}
    return counts


def _file(person: Person, kind: str, index: int) -> str:
    return f"planted:{person.seed}/{person.number:06d}/{kind}-{index}"


def _told(person: Person, splits: dict[str, str]) -> Callable[[str], dict]:
    """The manifest's columns of a person's files."""
    name = person_name(person.number)
    own = (person.gender, None, None, splits[name])
    return lambda file: dict(zip(_TEXT, (name, SOURCE.name, file, *own), strict=True))


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


def _write_table(target: Path, rows: list[dict]) -> None:
    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    special = {"time_s": pa.float64()}
    schema = pa.schema(
        [
            (name, special.get(name) or types.get(type(value), pa.string()))
            for name, value in rows[0].items()
        ]
    )
    with atomic_path(target) as path:
        pq.write_table(pa.Table.from_pylist(rows, schema), path)


@contextlib.contextmanager
def _growing(
    target: Path, dtype: type, row_shape: tuple[int, ...]
) -> Iterator[Callable[[Sequence[NDArray]], None]]:
    """Open a .npy file whose rows come a few arrays at a time; give what writes them."""
    n_rows = 0

    def header() -> bytes:
        described = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
            "fortran_order": False,
            "shape": (n_rows, *row_shape),
        }
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, described)
        return buffer.getvalue()

    def append(arrays: Sequence[NDArray]) -> None:
        nonlocal n_rows
        for array in arrays:
            file.write(np.ascontiguousarray(array, dtype).data)
            n_rows += len(array)

    with atomic_path(target) as path, path.open("wb") as file:
        file.write(header())
        yield append
        file.seek(0)
        file.write(header())  # as long as before: NumPy leaves room for the count of rows


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
