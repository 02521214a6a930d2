"""Duke alphanumeric: speakers with many accents reading names, numbers and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.data.importers.tree import walk
from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.tables import read_table
from voice2face.errors import DataError
from voice2face.labels import parse_age, parse_gender

SOURCE = Source(
    name="duke",
    title="Speech Recognition Bias Reduction Project (Duke alphanumeric), Sakshee Patil, 2024",
    licence="MIT",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `audio_data/{Names,Numbers,Addresses}/<speaker>.flac` with `metadata.csv`.

    Raises:
        DataError: `metadata.csv` is missing, lacks a column or a speaker, or tells two things of
            one speaker.
    """
    table = root / "metadata.csv"
    speakers: dict[str, tuple[int, tuple[str, ...]]] = {}
    columns = ("Gender", "Age", "Nationality")
    # The table has a row a recording: the same person three times.
    for line, row in read_table(table, ("Response_ID",), columns).items():
        values = tuple(row[name] for name in columns)
        first, before = speakers.setdefault(row["Response_ID"], (line, values))
        if values != before:
            raise DataError(
                f"{table}: lines {first} and {line} differ on {row['Response_ID']}: "
                f"{', '.join(before)} and {', '.join(values)}"
            )
    for path in walk(root / "audio_data", MEDIA_SUFFIXES):
        if path.stem not in speakers:
            raise DataError(f"{table}: has no row for the speaker of {path}")
        gender, age, nationality = speakers[path.stem][1]
        yield ManifestRow(
            path,
            identity=path.stem,
            gender=parse_gender(gender),
            age=parse_age(age),
            nationality=nationality or None,
        )
