"""A list of one's own: a CSV or Parquet file with a row a recording or photograph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.tables import read_table
from voice2face.errors import DataError
from voice2face.labels import parse_age, parse_gender

SOURCE = Source(
    name="table", title="a list of one's own", licence="not told: that of the list's owner"
)

# "dev" is not among them: it means train in some data sets and val in others.
_SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}
_GENDERS_NOT_TOLD = frozenset(["", "?", "-", "na", "n/a", "none", "null", "unknown", "other"])


def rows(root: Path) -> Iterator[ManifestRow]:
    """List the files that a table names.

    Args:
        root: The table, not a folder. Columns `path` (relative to the table's folder, or
            absolute) and `identity`; `gender`, `age`, `nationality` and `split` as far as it has
            them; other columns are not read.

    Raises:
        DataError: A column is missing, a file is named twice, or a gender or split cannot be
            understood; the message names the line.
        MissingDependencyError: See `data.tables.read_table`.
    """
    found: dict[Path, tuple[int, ManifestRow]] = {}
    for line, row in read_table(root, ("path", "identity")).items():
        path = root.parent / row["path"]
        if path in found:
            raise DataError(f"{root}: lines {found[path][0]} and {line} both name {row['path']}")
        found[path] = (line, _row(f"{root}, line {line}", path, row))
    for path in sorted(found):
        yield found[path][1]


def _row(place: str, path: Path, row: dict[str, str]) -> ManifestRow:
    split, gender = row.get("split", ""), row.get("gender", "")
    if split and split.lower() not in _SPLITS:
        raise DataError(f"{place}: split is {split!r}; train, val or test is needed, or nothing")
    if parse_gender(gender) is None and gender.lower() not in _GENDERS_NOT_TOLD:
        raise DataError(f"{place}: gender is {gender!r}; female or male is needed, or nothing")
    return ManifestRow(
        path,
        identity=row["identity"],
        gender=parse_gender(gender),
        age=parse_age(row.get("age", "")),
        split=_SPLITS.get(split.lower()),
        nationality=row.get("nationality") or None,
    )
