"""Trial lists on disk: a folder that other systems can answer from.

`people.parquet`, `recordings.parquet` and `faces.parquet` (a key and a row of the store each),
`groups.parquet` (a row a recording of a group: positions in the three tables), and `trials.json`
(split, settings, hash of the store, hashes of the tables), which is written last.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.evaluation.keys import row_keys
from voice2face.evaluation.trials import GroupList, TrialSet
from voice2face.files import atomic_path, sha256, write_atomically

_FORMAT = 1
_TABLES = ("people", "recordings", "faces", "groups")
_MEMBERS = ("person", "recording", "face")
_NUMBERS = ("list", "group", *_MEMBERS)


def write_trials(trials: TrialSet, folder: Path) -> str:
    """Write trial lists, whole or not at all.

    Returns:
        SHA-256 over all that was written, by which the lists are known.

    Raises:
        OutputError: It cannot be written.
    """
    tables = {
        "people": {"identity": trials.people, **trials.attributes},
        "recordings": {
            "key": trials.recording_keys,
            "row": trials.recording_rows,
            "person": trials.recording_person,
        },
        "faces": {
            "key": trials.face_keys,
            "row": trials.face_rows,
            "person": trials.face_person,
        },
        "groups": _flat(trials.lists),
    }
    hashes = {}
    for name in _TABLES:
        with atomic_path(folder / f"{name}.parquet") as path:
            pq.write_table(pa.table(tables[name]), path, compression="zstd")
        hashes[name] = sha256(folder / f"{name}.parquet")
    header = {"format": _FORMAT, **trials.header, "sha256": hashes}
    target = folder / "trials.json"
    write_atomically(target, (json.dumps(header, indent=2) + "\n").encode())
    return sha256(target)


def _flat(lists: tuple[GroupList, ...]) -> dict[str, pa.Array | NDArray]:
    """One row a recording of a group. Groups are numbered within their list."""
    columns: dict[str, list] = {name: [] for name in _NUMBERS}
    for number, one in enumerate(lists):
        columns["list"].append(np.full(one.person.size, number, dtype=np.int32))
        columns["group"].append(np.repeat(np.arange(len(one.person), dtype=np.int32), one.size))
        for name in _MEMBERS:
            columns[name].append(getattr(one, name).ravel())
    joined = {
        name: np.concatenate(parts) if parts else np.zeros(0, np.int32)
        for name, parts in columns.items()
    }

    def entries(values: list) -> pa.Array:
        # Plain values: Parquet writes a dictionary array in an order that differs between calls.
        indices = pa.array(joined["list"])
        return pa.DictionaryArray.from_arrays(indices, pa.array(values)).dictionary_decode()

    return {
        "protocol": entries([one.protocol for one in lists] or [""]),
        "stratum": entries([one.stratum for one in lists] or [""]),
        "size": entries([one.size for one in lists] or [0]),
        **joined,
    }


def read_trials(folder: Path, store: Store) -> TrialSet:
    """Read trial lists that `write_trials` wrote.

    Raises:
        DataError: They are missing, damaged, of another format, or drawn on another store.
    """
    target = folder / "trials.json"
    try:
        header = json.loads(target.read_text(encoding="utf-8"))
        hashes = header.pop("sha256")
        found = {name: sha256(folder / f"{name}.parquet") for name in _TABLES}
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: not found; is {folder} a folder of trials?") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{target}: cannot be read as the header of trials ({error})") from None
    if (found_format := header.pop("format", None)) != _FORMAT:
        raise DataError(
            f"{target}: has format {found_format!r}; this version of voice2face reads {_FORMAT}"
        )
    damaged = [name for name in _TABLES if found[name] != hashes.get(name)]
    if damaged:
        raise DataError(
            f"{folder}: {', '.join(damaged)}.parquet was changed since it was written; "
            "draw the trials again"
        )
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in _TABLES}
    drawn_on = str(header.get("store_content_sha256"))
    content = str(store.card.get("content_sha256"))
    if drawn_on != content and drawn_on.startswith("v2:") and content.startswith("v2:"):
        raise DataError(
            f"{target}: the trials were drawn on the store {drawn_on[:12]}, and {store.folder} is "
            f"{content[:12]}; give that store, or draw trials on this one"
        )
    if drawn_on != content:
        # A hash made by an older version says nothing of this store; what the lists name does.
        for side, columns in (("recordings", store.voices), ("faces", store.faces)):
            _refuse_other_rows(target, store.folder, tables["people"], tables[side], columns)

    def numbers(table: str, column: str) -> NDArray:
        return tables[table][column].to_numpy()

    people = tables["people"].to_pydict()
    return TrialSet(
        header=header,
        people=people.pop("identity"),
        attributes=people,
        recording_rows=numbers("recordings", "row"),
        recording_keys=tables["recordings"]["key"].to_pylist(),
        recording_person=numbers("recordings", "person"),
        face_rows=numbers("faces", "row"),
        face_keys=tables["faces"]["key"].to_pylist(),
        face_person=numbers("faces", "person"),
        lists=_lists(tables["groups"]),
    )


def _refuse_other_rows(
    target: Path, folder: Path, people: pa.Table, asked: pa.Table, columns: dict[str, list]
) -> None:
    """Refuse lists that name a recording or face that is not where they say in the store."""
    keys, names = row_keys(columns), people["identity"].to_pylist()
    for key, row, person in zip(
        asked["key"].to_pylist(), asked["row"].to_pylist(), asked["person"].to_pylist(), strict=True
    ):
        there = row < len(keys) and (keys[row], columns["identity"][row]) == (key, names[person])
        if not there:
            raise DataError(
                f"{target}: the trials were drawn on another store: they ask about {key}, of "
                f"{names[person]}, in row {row}, which {folder} does not hold there; give that "
                "store, or draw trials on this one"
            )


def _lists(table: pa.Table) -> tuple[GroupList, ...]:
    """Undo `_flat`."""
    members = {name: table[name].to_numpy() for name in _MEMBERS}
    _, starts = np.unique(table["list"].to_numpy(), return_index=True)
    lists = []
    for start, end in itertools.pairwise([*starts, len(table)]):
        entries = {
            name: table[name][int(start)].as_py() for name in ("protocol", "stratum", "size")
        }
        parts = {
            name: column[start:end].reshape(-1, entries["size"]) for name, column in members.items()
        }
        lists.append(GroupList(**entries, **parts))
    return tuple(lists)
