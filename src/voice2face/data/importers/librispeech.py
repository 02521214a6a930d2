"""LibriSpeech: read English speech from audiobooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.manifest import ManifestRow, Source, parse_gender
from voice2face.errors import DataError

__all__ = ["SOURCE", "rows"]

SOURCE = Source(
    name="librispeech",
    title="LibriSpeech, Panayotov, Chen, Povey and Khudanpur, 2015 (openslr.org/12)",
    licence="CC BY 4.0",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `**/<speaker>-<chapter>-<utterance>.flac`, gender from `SPEAKERS.TXT`.

    Args:
        root: Folder that holds `SPEAKERS.TXT`, with the recordings in it or below.

    Yields:
        A row a recording, in order of path.

    Raises:
        DataError: `SPEAKERS.TXT` is missing.
    """
    table = root / "SPEAKERS.TXT"
    if not table.is_file():
        raise DataError(f"{table}: not found; is this the folder of LibriSpeech?")
    genders = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        if not line.startswith(";"):
            speaker, sex, *_ = line.split("|")
            genders[speaker.strip()] = parse_gender(sex)
    for path in sorted(root.rglob("*.flac")):
        speaker = path.stem.split("-")[0]
        yield ManifestRow(path, identity=speaker, gender=genders.get(speaker))
