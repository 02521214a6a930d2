"""AudioMNIST: 60 speakers, each digit 50 times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tree import subfolder, walk
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError
from voice2face.labels import parse_age, parse_gender

SOURCE = Source(
    name="audiomnist",
    title="AudioMNIST, Becker, Ackermann, Lapuschkin, Müller and Samek, 2018",
    licence="MIT",
)

_FILE = re.compile(r"\d_(\d\d)_\d+")


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `data/NN/<digit>_NN_<take>.wav` with `data/audioMNIST_meta.txt`.

    The table tells where a speaker comes from, which is not a nationality, and is not read.

    Args:
        root: Folder that holds `data`, or `data` itself.

    Yields:
        A row a recording, in order of path; the identity is the speaker's number.

    Raises:
        DataError: The table is missing, is not JSON, or lacks a speaker or a speaker's gender or
            age; or a file is not named so.
    """
    folder = subfolder(root, "data")
    table = folder / "audioMNIST_meta.txt"
    speakers = _read(table)
    for path in walk(folder, (".wav",)):
        speaker = path.parent.name
        name = _FILE.fullmatch(path.stem)
        if name is None or name[1] != speaker:
            raise DataError(f"{path}: is not of the form data/NN/<digit>_NN_<take>.wav")
        if speaker not in speakers:
            raise DataError(f"{table}: has no speaker {speaker!r}, whose folder is {path.parent}")
        gender, age = speakers[speaker]
        yield ManifestRow(path, identity=speaker, gender=gender, age=age)


def _read(table: Path) -> dict[str, tuple[str | None, str | None]]:
    """Gender and age band by speaker."""
    if not table.is_file():
        raise DataError(f"{table}: not found; is this the folder of AudioMNIST?")
    try:
        content = json.loads(table.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{table}: is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{table}: is not a JSON object of speakers")
    speakers = {}
    for speaker, fields in content.items():
        missing = [
            name for name in ("gender", "age") if not isinstance(fields, dict) or name not in fields
        ]
        if missing:
            raise DataError(f"{table}: speaker {speaker!r} has no field {', '.join(missing)}")
        # Ages are numbers for some speakers and text for others; 1234 stands for not told.
        speakers[speaker] = (parse_gender(str(fields["gender"])), parse_age(str(fields["age"])))
    return speakers
