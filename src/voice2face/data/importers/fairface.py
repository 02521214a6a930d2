"""FairFace: photographs of faces with age and gender; one person each, no names."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tables import read_table
from voice2face.data.manifest import ManifestRow, Source, parse_gender

__all__ = ["SOURCE", "rows"]

SOURCE = Source(
    name="fairface",
    title="FairFace, Kärkkäinen and Joo, 2021 (adults only, near-frontal)",
    licence="CC BY 4.0",
)

# Minors' faces are never used, even where the published folder holds them.
_MINORS = {"0-2", "3-9", "10-19"}


def rows(root: Path) -> Iterator[ManifestRow]:
    """List the adults of `fairface_label_{train,val}.csv`; `val` becomes the test split.

    The published table also has a column on race. It is not read: the product never guesses it.

    Args:
        root: Folder of the data set.

    Yields:
        A row an image, in the order of the tables.

    Raises:
        DataError: A table is missing or lacks a column.
    """
    for name, split in (("train", "train"), ("val", "test")):
        table = read_table(
            root / f"fairface_label_{name}.csv", ("file", "age", "gender"), csv.excel
        )
        for row in table:
            if row["age"] not in _MINORS:
                file = row["file"]
                yield ManifestRow(
                    root / file,
                    identity=f"fairface-{file.rsplit('.', 1)[0].replace('/', '-')}",
                    gender=parse_gender(row["gender"]),
                    age=row["age"],
                    split=split,
                )
