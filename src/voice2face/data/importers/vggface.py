"""VGGFace: photographs of 2,622 celebrities, in folders by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tree import IMAGE_SUFFIXES, by_person
from voice2face.data.manifest import ManifestRow, Source

__all__ = ["SOURCE", "rows"]

SOURCE = Source(
    name="vggface",
    title="VGG Face, Parkhi, Vedaldi and Zisserman, 2015",
    licence="non-commercial research only; the photographs belong to their owners",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `<Name>/*.jpg`; cleaned copies spell the names with any capitals and underscores.

    Args:
        root: Folder that holds a folder a person.

    Yields:
        A row an image, in order of path; the identity is the folder's name as it is, and
        `data.names` matches it with the voices'.

    Raises:
        DataError: An image lies in no person's folder.
    """
    for person, path in by_person(root, IMAGE_SUFFIXES):
        yield ManifestRow(path, identity=person)
