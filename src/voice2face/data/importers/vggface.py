"""VGGFace: photographs of 2,622 celebrities, in folders by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tree import IMAGE_SUFFIXES, by_person, walk
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError

_LONGEST_LINE = 4096

SOURCE = Source(
    name="vggface",
    title="VGG Face, Parkhi, Vedaldi and Zisserman, 2015",
    licence="non-commercial research only; the photographs belong to their owners",
    names="vggface1",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `<Name>/*.jpg`; cleaned copies spell the names with any capitals and underscores.

    Yields:
        A row an image, in order of path; the identity is the folder's name as it is, and
        `data.names` matches it with the voices'.

    Raises:
        DataError: An image lies in no person's folder; or the folder holds the published lists of
            addresses instead of photographs.
    """
    empty = True
    for person, path in by_person(root, IMAGE_SUFFIXES):
        empty = False
        yield ManifestRow(path, identity=person)
    lists = [path for path in walk(root, [".txt"]) if _holds_addresses(path)] if empty else []
    if lists:
        raise DataError(
            f"{root}: holds lists of URLs for {len(lists)} people, such as {lists[0].name}, "
            "and no photographs. Download the images into one folder per person, or get a "
            "cropped copy of VGGFace: docs/data.md says where"
        )


def _holds_addresses(path: Path) -> bool:
    """Whether a file is one of VGGFace's lists: number, address, box, pose, score, curation."""
    with path.open("rb") as file:
        fields = file.readline(_LONGEST_LINE).split()
    return len(fields) > 2 and fields[0].isdigit() and b"://" in fields[1]
