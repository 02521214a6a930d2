"""RAVDESS: 24 actors who speak and sing with emotion, sound and video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tree import walk
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError

SOURCE = Source(
    name="ravdess",
    title="RAVDESS, Livingstone and Russo, 2018",
    licence="CC BY-NC-SA 4.0",
    attribution="RAVDESS, Livingstone and Russo, PLoS ONE 13(5): e0196391, 2018, CC BY-NC-SA 4.0",
)

# modality-channel-emotion-intensity-statement-repetition-actor
_FILE = re.compile(r"(0[123])(?:-\d\d){5}-(\d\d)")
_BOTH, _SOUND_ONLY = "01", "03"


def voice_rows(root: Path) -> Iterator[ManifestRow]:
    """List `Actor_NN/MM-CC-EE-II-SS-RR-AA.{wav,mp4}` that have sound (modality 01 or 03).

    Yields:
        A row a recording, in order of path; speech and song.

    Raises:
        DataError: A file is not named so, or lies in another actor's folder.
    """
    return _rows(root, {".wav": (_BOTH, _SOUND_ONLY), ".mp4": (_BOTH, _SOUND_ONLY)})


def face_rows(root: Path) -> Iterator[ManifestRow]:
    """List `Actor_NN/01-CC-EE-II-SS-RR-AA.mp4`.

    Modality 02 holds the same pictures without the sound, and is left out.

    Raises:
        DataError: A file is not named so, or lies in another actor's folder.
    """
    return _rows(root, {".mp4": (_BOTH,)})


def _rows(root: Path, modalities: dict[str, tuple[str, ...]]) -> Iterator[ManifestRow]:
    for path in walk(root, modalities):
        name = _FILE.fullmatch(path.stem)
        if name is None or path.parent.name != f"Actor_{name[2]}":
            raise DataError(f"{path}: is not of the form Actor_NN/MM-CC-EE-II-SS-RR-NN.wav or .mp4")
        modality, actor = name.groups()
        if modality in modalities[path.suffix.lower()]:
            gender = "male" if int(actor) % 2 else "female"
            yield ManifestRow(path, identity=path.parent.name, gender=gender)
