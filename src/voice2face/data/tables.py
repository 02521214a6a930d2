"""Reading the tables that data sets ship beside their files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from voice2face.errors import DataError, MissingDependencyError

_Records = list[tuple[int, list[str]]]


def read_table(
    path: Path, keys: Sequence[str], columns: Sequence[str] = ()
) -> dict[int, dict[str, str]]:
    """Read a table with a header row, and check that what we use is there.

    Text tables may be separated by commas, tabs or semicolons: whichever splits the header into
    most columns. Blanks around names and values are dropped (some published tables have them).

    Args:
        path: A Parquet file by its suffix; anything else is read as text in UTF-8.
        keys: Columns that must exist and be filled in every row.
        columns: Columns that must exist, and may be empty in some rows.

    Returns:
        A dict a row, by line number (for Parquet by row number, from 1). All columns are there,
        as text.

    Raises:
        DataError: The file is missing or not such a table; a column is missing; or a row has too
            few or too many fields, or lacks a key. The message names the line.
        MissingDependencyError: A Parquet file, and pyarrow is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path}: not found; is this the folder of the data set?")
    header, records = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_text(path)
    missing = [name for name in (*keys, *columns) if name not in header]
    if missing:
        raise DataError(
            f"{path}: has no column {', '.join(missing)}; "
            f"its columns are {', '.join(header) or 'none'}"
        )
    table = {}
    for line, values in records:
        if len(values) != len(header):
            raise DataError(
                f"{path}, line {line}: has {len(values)} fields, and the header has {len(header)}"
            )
        row = dict(zip(header, (value.strip() for value in values), strict=True))
        empty = [name for name in keys if not row[name]]
        if empty:
            raise DataError(f"{path}, line {line}: is empty in column {', '.join(empty)}; fill it")
        table[line] = row
    return table


def _read_text(path: Path) -> tuple[list[str], _Records]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",\t;", key=first.count), strict=True)
            try:
                header = [name.strip() for name in next(reader, [])]
                return header, [(reader.line_num, values) for values in reader if values]
            except csv.Error as error:
                raise DataError(f"{path}, line {reader.line_num}: not a table ({error})") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not text in UTF-8; save it as such") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_parquet(path: Path) -> tuple[list[str], _Records]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise MissingDependencyError(
            f"{path}: Parquet needs the package 'pyarrow'; install it with: "
            "pip install 'voice2face[train]'"
        ) from None
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).strip()})") from None
    columns = [column.to_pylist() for column in table.columns]
    rows = zip(*columns, strict=True)
    return table.column_names, [
        (number, ["" if value is None else str(value) for value in row])
        for number, row in enumerate(rows, start=1)
    ]
