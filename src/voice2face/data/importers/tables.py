"""Reading the tables that data sets ship beside their files."""

from __future__ import annotations

import csv
from pathlib import Path

from voice2face.errors import DataError

__all__ = ["read_table"]


def read_table(
    path: Path, columns: tuple[str, ...], dialect: type[csv.Dialect]
) -> list[dict[str, str]]:
    """Read a table with a header row, and check that the columns we use are there.

    Args:
        path: The file, UTF-8.
        columns: Columns that must exist.
        dialect: `csv.excel` for commas, `csv.excel_tab` for tabs.

    Returns:
        One dict a row.

    Raises:
        DataError: The file is missing, or a column is.
    """
    if not path.is_file():
        raise DataError(f"{path}: not found; is this the folder of the data set?")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, dialect=dialect)
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        if missing:
            raise DataError(
                f"{path}: has no column {', '.join(missing)}; "
                f"its columns are {', '.join(reader.fieldnames or ['none'])}"
            )
        return list(reader)
