"""LibriSpeech: read English speech from audiobooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tree import walk
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError
from voice2face.labels import parse_gender

SOURCE = Source(
    name="librispeech",
    title="LibriSpeech, Panayotov, Chen, Povey and Khudanpur, 2015 (openslr.org/12)",
    licence="CC BY 4.0",
    attribution="LibriSpeech, Panayotov, Chen, Povey and Khudanpur, ICASSP 2015, CC BY 4.0",
)

_FILE = re.compile(r"(\d+)-\d+-\d+")


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `**/<speaker>-<chapter>-<utterance>.flac`, gender from `SPEAKERS.TXT`.

    Args:
        root: Folder that holds `SPEAKERS.TXT`, with the recordings in it or below.

    Raises:
        DataError: `SPEAKERS.TXT` is missing, has a line that cannot be read, or lacks a speaker;
            or a file is not named so.
    """
    table = root / "SPEAKERS.TXT"
    genders = _read(table)
    for path in walk(root, (".flac",)):
        name = _FILE.fullmatch(path.stem)
        if name is None:
            raise DataError(f"{path}: is not of the form <speaker>-<chapter>-<utterance>.flac")
        speaker = name[1]
        if speaker not in genders:
            raise DataError(f"{table}: has no line for the speaker of {path}")
        yield ManifestRow(path, identity=speaker, gender=genders[speaker])


def _read(table: Path) -> dict[str, str | None]:
    """Gender by speaker."""
    if not table.is_file():
        raise DataError(f"{table}: not found; is this the folder of LibriSpeech?")
    genders = {}
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith(";"):
            # Some readers' names hold the separator, so only the first fields are looked at.
            speaker, *fields = line.split("|")
            if not speaker.strip().isdigit() or not fields:
                raise DataError(f"{table}, line {number}: is not of the form ID | SEX | ...")
            genders[speaker.strip()] = parse_gender(fields[0])
    return genders
