"""DSPSpeech-20: isolated words, Chinese and English, no gender labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.data.importers.tree import by_person
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError

SOURCE = Source(name="dspspeech", title="DSPSpeech-20", licence="MIT")

_SPEAKER = re.compile(r"spk\d+")


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `spkNN/WORD-TAKE.flac`.

    Raises:
        DataError: A recording lies in a folder that is not a speaker's.
    """
    for speaker, path in by_person(root, MEDIA_SUFFIXES):
        if not _SPEAKER.fullmatch(speaker):
            raise DataError(f"{path}: is not in a speaker's folder (DSPSpeech names them spkNN)")
        yield ManifestRow(path, identity=speaker)
