"""FairFace: photographs of faces with age and gender; one person each, no names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.tables import read_table
from voice2face.errors import DataError
from voice2face.labels import AGE_BANDS, parse_gender

SOURCE = Source(
    name="fairface",
    title="FairFace, Kärkkäinen and Joo, 2021 (adults only, near-frontal)",
    licence="CC BY 4.0",
    attribution="FairFace, Kärkkäinen and Joo, WACV 2021, CC BY 4.0",
)

# Minors' faces are never used, even where the published folder holds them.
_MINORS = {"0-2", "3-9", "10-19"}


def rows(root: Path) -> Iterator[ManifestRow]:
    """List the adults of `fairface_label_{train,val}.csv`; `val` becomes the test split.

    The published table also has a column on race. It is not read: the product never guesses it.

    Yields:
        A row an image, in the order of the tables.

    Raises:
        DataError: A table is missing or lacks a column, or an age is not one of FairFace's bands.
    """
    for name, split in (("train", "train"), ("val", "test")):
        table = root / f"fairface_label_{name}.csv"
        for line, row in read_table(table, ("file", "age"), ("gender",)).items():
            age = row["age"]
            if age not in AGE_BANDS:
                raise DataError(
                    f"{table}, line {line}: age is {age!r}; one of {', '.join(AGE_BANDS)} is needed"
                )
            if age not in _MINORS:
                file = PurePosixPath(row["file"])
                yield ManifestRow(
                    root / file,
                    identity=f"fairface-{'-'.join(file.with_suffix('').parts)}",
                    gender=parse_gender(row["gender"]),
                    age=age,
                    split=split,
                )
