"""VoxCeleb1: 1,251 celebrities in interviews, with names that VGGFace shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.vox_meta import (
    VOX1_TABLE,
    find_people_table,
    read_vox1,
    utterances,
)
from voice2face.data.manifest import ManifestRow, Source

SOURCE = Source(
    name="voxceleb1",
    title="VoxCeleb1, Nagrani, Chung and Zisserman, 2017",
    licence="CC BY 4.0; the copyright of the videos remains with their owners",
    attribution="VoxCeleb1, Nagrani, Chung and Zisserman, Interspeech 2017, CC BY 4.0",
    names="vggface1",
)


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `wav/idXXXXX/<video>/<utterance>.wav` of the dev and test trees.

    Args:
        root: Folder of the data set, or any folder in it that holds folders `idXXXXX`;
            `vox1_meta.csv` lies there or up to two folders above.

    Yields:
        A row an utterance, in order of path; the identity is the VGGFace1 name.

    Raises:
        DataError: The table is missing or cannot be used, or lacks a person.
    """
    table = find_people_table(root, VOX1_TABLE)
    yield from utterances(root, read_vox1(table), table)
