"""A plain folder of one's own: a folder a person, recordings or photographs in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from voice2face.audio.suffixes import MEDIA_SUFFIXES, VIDEO_SUFFIXES
from voice2face.data.importers.tree import IMAGE_SUFFIXES, by_person
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError

SOURCE = Source(
    name="folder", title="a folder of one's own", licence="not told: that of the folder's owner"
)


def voice_rows(root: Path) -> Iterator[ManifestRow]:
    """List `<person>/**` that are audio or video by suffix.

    Args:
        root: Folder that holds a folder a person, such as `voices`.

    Yields:
        A row a recording, in order of path; the identity is the folder's name.

    Raises:
        DataError: A recording lies in no person's folder, or the folder above is given.
    """
    return _rows(root, MEDIA_SUFFIXES)


def face_rows(root: Path) -> Iterator[ManifestRow]:
    """List `<person>/**` that are images or video by suffix; else as `voice_rows`."""
    return _rows(root, IMAGE_SUFFIXES | VIDEO_SUFFIXES)


def _rows(root: Path, suffixes: Collection[str]) -> Iterator[ManifestRow]:
    if (root / "voices").is_dir() and (root / "faces").is_dir():
        raise DataError(
            f"{root}: holds the folders voices and faces, not one folder per person; "
            f"give folder:{root / 'voices'} or folder:{root / 'faces'}"
        )
    for person, path in by_person(root, suffixes):
        yield ManifestRow(path, identity=person)
