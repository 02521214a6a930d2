"""The files of a store, written: manifests, lists, headers of arrays and the card."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import DTypeLike

from voice2face.data.shards import Side
from voice2face.data.store import Store
from voice2face.errors import ConfigError
from voice2face.files import atomic_path, write_atomically

ARRAYS: dict[Side, str] = {"voices": "log_mels.npy", "faces": "faces.npy"}
WAVEFORMS = "waveforms.npy"
NEAR_MISSES = "near_misses.csv"
_TEXT_COLUMNS = ("identity", "data_set", "file", "gender", "age", "nationality", "split")
_OWN_COLUMNS: dict[Side, dict[str, pa.DataType]] = {
    "voices": {"start": pa.int64(), "frames": pa.int64(), "speech_s": pa.float64()},
    "faces": {"time_s": pa.float64()},
}
_WAVEFORM_COLUMNS = {"sample_start": pa.int64(), "samples": pa.int64()}
_ROWS_A_GROUP = 16_384


def content_hash(folder: Path, hashes: Mapping[str, str]) -> str:
    """Hash what a store holds: its arrays, and its manifests but for where the files lay.

    Args:
        hashes: SHA-256 by file of the store; those of the arrays are taken.

    Returns:
        "v2:" and hexadecimal SHA-256: equal for equal data, wherever they lie and however their
        folders were written. (Stores made before have a hash without "v2:", that differed.)
    """
    digest = hashlib.sha256()
    for name in (*ARRAYS.values(), WAVEFORMS):
        digest.update(f"{name} {hashes.get(name)}\n".encode())
    for side in ARRAYS:
        table = pq.read_table(folder / f"{side}.parquet")
        for batch in table.drop_columns(["file"]).to_batches(max_chunksize=_ROWS_A_GROUP):
            digest.update(json_bytes({side: batch.to_pylist()}))
    return f"v2:{digest.hexdigest()}"


def finished_store(folder: Path, made_from: str) -> Store | None:
    """Open the store that a folder holds, if it is finished.

    Returns:
        The store, or None where there is none yet.

    Raises:
        ConfigError: It is a finished store of others.
    """
    if not (folder / "store.json").exists():
        return None
    store = Store.open(folder)
    if store.card.get("made_from") != made_from:
        raise ConfigError(
            f"{folder}: holds a finished store of other files or settings; "
            "give another folder, or remove this one"
        )
    return store


def manifest_schema(side: Side, waveforms: bool) -> pa.Schema:
    """Name and type the columns of a side's manifest, in their order."""
    own = {**_OWN_COLUMNS[side], **(_WAVEFORM_COLUMNS if waveforms else {})}
    return pa.schema([*((name, pa.string()) for name in _TEXT_COLUMNS), *own.items()])


def write_table(target: Path, schema: pa.Schema, rows: Iterable[tuple]) -> None:
    """Write a Parquet table, some thousand rows at a time.

    Raises:
        OutputError: It cannot be written.
    """
    with atomic_path(target) as path, pq.ParquetWriter(path, schema) as writer:
        remaining = iter(rows)
        while group := list(itertools.islice(remaining, _ROWS_A_GROUP)):
            columns = [
                pa.array(column, field.type)
                for column, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def write_csv(target: Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    """Write a list for people.

    Raises:
        OutputError: It cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_atomically(target, text.getvalue().encode("utf-8", "backslashreplace"))


def npy_header(dtype: DTypeLike, shape: tuple[int, ...]) -> bytes:
    """Make the header of a .npy file. NumPy leaves room in it for the number of rows to grow.

    Returns:
        The file's first bytes.
    """
    header = io.BytesIO()
    described = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def json_bytes(value: object) -> bytes:
    """Write a card as JSON for people to read too."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
