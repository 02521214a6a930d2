"""Picovoice's spoken commands: more than 50 volunteers with their own microphones, unlabelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.data.importers.tree import walk
from voice2face.data.manifest import ManifestRow, Source

SOURCE = Source(
    name="picovoice",
    title="Picovoice speech-to-intent benchmark (spoken commands)",
    licence="Apache-2.0",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List every recording, `**/*.opus` and the like.

    Nobody tells who speaks: each recording has an identity of its own, its file's name, and all are
    of the training split, since one person's recordings could not be kept to one side.
    """
    for path in walk(root, MEDIA_SUFFIXES):
        yield ManifestRow(path, identity=path.stem, split="train")
