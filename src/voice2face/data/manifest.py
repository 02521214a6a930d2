"""Manifest rows: what an importer tells about each file of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["GENDERS", "ManifestRow", "Source", "parse_gender"]

GENDERS = ("female", "male")


@dataclass(frozen=True)
class ManifestRow:
    """One recording or one face image.

    Attributes:
        path: The file.
        identity: The person, unique within the data set; voice and face of one person share it
            where the data set pairs them.
        gender: "female", "male", or None where the data set does not tell.
        age: Age band as the data set writes it, or None.
        split: The publisher's own split, or None.
    """

    path: Path
    identity: str
    gender: str | None = None
    age: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Source:
    """A data set: where it comes from and on what terms.

    Attributes:
        name: Short name, as on the command line.
        title: Full name and authors.
        licence: Licence of the data.
    """

    name: str
    title: str
    licence: str


def parse_gender(value: str) -> str | None:
    """Read a gender as data sets write it.

    Args:
        value: Such as "F", "female" or " Male "; anything else counts as not told.

    Returns:
        "female", "male" or None.
    """
    return {"f": "female", "female": "female", "m": "male", "male": "male"}.get(
        value.strip().lower()
    )
