"""What the two VoxCeleb data sets share: their tables of people, and their folder layout."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from voice2face.data.importers.tree import find_above, walk
from voice2face.data.manifest import ManifestRow
from voice2face.data.store import hash_split
from voice2face.data.tables import read_table
from voice2face.errors import DataError
from voice2face.labels import parse_gender

VOX1_TABLE = "vox1_meta.csv"
VOX_ID = re.compile(r"id\d{5}")

# As published, and lossless or not as people convert them.
_SUFFIXES = frozenset([".flac", ".m4a", ".wav"])
# "dev" is VoxCeleb's word for what its users train and validate on: a tenth of its people, by a
# hash of the name, is "val".
_SPLITS = {"dev": "train", "test": "test"}
_VAL_PERCENT = 10


@dataclass(frozen=True)
class Celebrity:
    """One person of VoxCeleb.

    Attributes:
        identity: The name, or the VGGFace2 id.
        gender: "female", "male" or None.
        nationality: As published, or None.
        split: "train", "val" or "test".
    """

    identity: str
    gender: str | None
    nationality: str | None
    split: str

    def row(self, path: Path) -> ManifestRow:
        """What the manifest says of a file of this person."""
        return ManifestRow(path, **dataclasses.asdict(self))


def read_vox1(path: Path) -> dict[str, Celebrity]:
    """Read `vox1_meta.csv`: 1,251 people with the names that VGGFace uses.

    Raises:
        DataError: The table is missing, lacks a column, or has a row that cannot be used.
    """
    return _read(path, "VoxCeleb1 ID", "VGGFace1 ID")


def read_vox2(path: Path) -> dict[str, Celebrity]:
    """Read `vox2_meta.csv`: people without names, only with ids of VGGFace2.

    Args:
        path: The table; the published one has blanks after every field.

    Raises:
        DataError: The table is missing, lacks a column, or has a row that cannot be used.
    """
    return _read(path, "VoxCeleb2 ID", "VGGFace2 ID")


def utterances(
    root: Path, people: Mapping[str, Celebrity], table_path: Path
) -> Iterator[ManifestRow]:
    """List `**/idXXXXX/<video>/<utterance>`, with what the table tells of each person.

    Raises:
        DataError: A recording lies elsewhere in the tree, or a person is not in the table.
    """
    for path in walk(root, _SUFFIXES):
        person = path.parts[-3] if len(path.parts) > 2 else ""
        if not VOX_ID.fullmatch(person):
            raise DataError(
                f"{path}: is not in a folder idXXXXX/<video>/ as VoxCeleb's files are; "
                "move it out, or import it with the data set 'folder'"
            )
        if person not in people:
            raise DataError(
                f"{table_path}: has no row for {person}, whose folder is {path.parent.parent}; "
                "get the whole table"
            )
        yield people[person].row(path)


def find_people_table(root: Path, name: str) -> Path:
    """Find a table in the data set's folder or up to two folders above it.

    Raises:
        DataError: It is in none of them.
    """
    found = find_above(root, name)
    if found is None:
        raise DataError(
            f"{root / name}: not found, nor in the two folders above; it says who is in each "
            "folder idXXXXX, and is published with the recordings"
        )
    return found


def _read(path: Path, id_column: str, identity_column: str) -> dict[str, Celebrity]:
    has_nationality = identity_column == "VGGFace1 ID"
    columns = ("Nationality",) if has_nationality else ()
    people: dict[str, Celebrity] = {}
    line_of: dict[str, int] = {}
    for line, row in read_table(
        path, (id_column, identity_column, "Gender", "Set"), columns
    ).items():
        vox_id, split = row[id_column], row["Set"].lower()
        if not VOX_ID.fullmatch(vox_id):
            raise DataError(
                f"{path}, line {line}: {id_column} {vox_id!r} is not of the form id10001"
            )
        if vox_id in people:
            raise DataError(f"{path}: {vox_id} is in line {line_of[vox_id]} and in line {line}")
        if split not in _SPLITS:
            raise DataError(f"{path}, line {line}: Set is {row['Set']!r}; dev or test is needed")
        line_of[vox_id] = line
        split = _SPLITS[split]
        if split == "train" and hash_split(row[identity_column], _VAL_PERCENT) == "test":
            split = "val"
        people[vox_id] = Celebrity(
            identity=row[identity_column],
            gender=parse_gender(row["Gender"]),
            nationality=(row["Nationality"] or None) if has_nationality else None,
            split=split,
        )
    return people
