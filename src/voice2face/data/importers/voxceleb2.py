"""VoxCeleb2: 6,112 celebrities in interviews, known by ids of VGGFace2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.vox_meta import find_people_table, read_vox2, utterances
from voice2face.data.manifest import ManifestRow, Source

SOURCE = Source(
    name="voxceleb2",
    title="VoxCeleb2, Chung, Nagrani and Zisserman, 2018",
    licence="CC BY 4.0; the copyright of the videos remains with their owners",
    attribution="VoxCeleb2, Chung, Nagrani and Zisserman, Interspeech 2018, CC BY 4.0",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `aac/idXXXXX/<video>/<utterance>.m4a` of the dev and test trees.

    Args:
        root: Folder of the data set, or any folder in it that holds folders `idXXXXX`;
            `vox2_meta.csv` lies there or up to two folders above.

    Yields:
        A row an utterance, in order of path; the identity is the VGGFace2 id, such as n000012,
        which is the folder's name in VGGFace2 (import that with the data set "folder").

    Raises:
        DataError: The table is missing or cannot be used, or lacks a person.
    """
    table = find_people_table(root, "vox2_meta.csv")
    yield from utterances(root, read_vox2(table), table)
