"""Manifest rows: what an importer tells about each file of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ManifestRow:
    """One recording or one face image.

    Only what the data set publishes: nothing is guessed, and nothing on race or religion is kept.

    Attributes:
        path: The file; for faces it may be a video.
        identity: The person, unique within the data set; voice and face of one person share it
            where the data set pairs them.
        gender: "female", "male", or None where the data set does not tell.
        age: Of `labels.AGE_BANDS` where the data set gives years, else as it writes it; or None.
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
