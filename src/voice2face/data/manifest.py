"""Manifest rows: what an importer tells about each file of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["AGE_BANDS", "GENDERS", "SPLITS", "ManifestRow", "Source", "parse_age", "parse_gender"]

GENDERS = ("female", "male")
SPLITS = ("train", "val", "test")
# Those of FairFace, so that data sets that give years can be paired with it by age.
AGE_BANDS = (
    "0-2",
    "3-9",
    "10-19",
    "20-29",
    "30-39",
    "40-49",
    "50-59",
    "60-69",
    "more than 70",
)


@dataclass(frozen=True)
class ManifestRow:
    """One recording or one face image.

    Only what the data set publishes: nothing is guessed, and nothing on race or religion is kept.

    Attributes:
        path: The file; for faces it may be a video.
        identity: The person, unique within the data set; voice and face of one person share it
            where the data set pairs them.
        gender: "female", "male", or None where the data set does not tell.
        age: Age band, one of `AGE_BANDS` where the data set gives years, else as it writes it;
            or None.
        split: The publisher's own split, one of `SPLITS`, or None.
        nationality: As the data set writes it, or None.
    """

    path: Path
    identity: str
    gender: str | None = None
    age: str | None = None
    split: str | None = None
    nationality: str | None = None


@dataclass(frozen=True)
class Source:
    """A data set: where it comes from and on what terms.

    Attributes:
        name: Short name, as on the command line.
        title: Full name and authors.
        licence: Licence of the data.
        attribution: What the licence asks to be said wherever the data or a model trained on
            them is passed on; empty where it asks for nothing.
        names: Whose names its identities are, shared with other data sets of the same people,
            such as "vggface1"; empty where its names are its own.
    """

    name: str
    title: str
    licence: str
    attribution: str = ""
    names: str = ""


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


def parse_age(value: str) -> str | None:
    """Read an age as data sets write it.

    Args:
        value: Whole years, such as "34"; or a band in the data set's own words.

    Returns:
        The band of `AGE_BANDS` that the years fall in; other words as they are; None for nothing,
        and for years that nobody has (some data sets write 1234 for not told).

    Source:
        The bands are those of FairFace (Kärkkäinen and Joo 2021); "more than 70" is read as 70
        and above.
    """
    text = value.strip()
    if not (text.isascii() and text.isdigit()):
        return text or None
    years = int(text)
    if years > 120:
        return None
    for band in AGE_BANDS[:-1]:
        if years <= int(band.split("-")[1]):
            return band
    return AGE_BANDS[-1]
