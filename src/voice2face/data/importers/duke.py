"""Duke alphanumeric: speakers with many accents reading names, numbers and addresses."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tables import read_table
from voice2face.data.manifest import ManifestRow, Source, parse_gender

__all__ = ["SOURCE", "rows"]

SOURCE = Source(
    name="duke",
    title="Speech Recognition Bias Reduction Project (Duke alphanumeric), Sakshee Patil, 2024",
    licence="MIT",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `audio_data/{Names,Numbers,Addresses}/<speaker>.flac` with `metadata.csv`.

    Args:
        root: Folder of the data set.

    Yields:
        A row a recording, in order of path.

    Raises:
        DataError: `metadata.csv` is missing or lacks a column.
    """
    table = read_table(root / "metadata.csv", ("Response_ID", "Gender"), csv.excel)
    genders = {row["Response_ID"]: parse_gender(row["Gender"]) for row in table}
    for path in sorted((root / "audio_data").glob("*/*.*")):
        yield ManifestRow(path, identity=path.stem, gender=genders.get(path.stem))
