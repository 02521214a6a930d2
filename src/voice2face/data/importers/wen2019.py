"""The preprocessed data of Wen, Singh and Raj: VoxCeleb1 as log-mel, VGGFace as frontal crops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.importers.tree import IMAGE_SUFFIXES, by_person, find_above, subfolder
from voice2face.data.importers.vox_meta import VOX1_TABLE, VOX_ID, Celebrity, read_vox1
from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.names import normalise_name
from voice2face.errors import DataError

SOURCE = Source(
    name="wen2019",
    title="Preprocessed VoxCeleb1 and VGG Face, Wen, Singh and Raj, 2019",
    licence="voices CC BY 4.0 (VoxCeleb1), faces non-commercial research only (VGG Face)",
    attribution="VoxCeleb1, Nagrani, Chung and Zisserman, Interspeech 2017, CC BY 4.0",
    names="vggface1",
)


def voice_rows(root: Path) -> Iterator[ManifestRow]:
    """List `fbank/<person>/**.npy`: log-mel, frames x 64, float32, not normalised.

    Args:
        root: Folder that holds `fbank`, or `fbank` itself; `vox1_meta.csv` may lie there or up to
            two folders above, and must where the person's folder is a VoxCeleb id.

    Yields:
        A row a segment, in order of path; the identity is the VGGFace1 name.

    Raises:
        DataError: The folder is missing, a table that is there cannot be used, or a person is
            not in it.
    """
    folder = subfolder(root, "fbank")
    table, by_id, by_name = _people(root)
    for person, path in by_person(folder, (".npy",)):
        if table is None and VOX_ID.fullmatch(person):
            raise DataError(
                f"{folder}: names people by id ({person}), and {VOX1_TABLE}, which tells who they "
                f"are, is neither in {root} nor in the two folders above; put it there"
            )
        who = by_id.get(person) or by_name.get(normalise_name(person))
        if table is not None and who is None:
            raise DataError(
                f"{table}: has no row for {person!r}, whose folder is {folder / person}"
            )
        yield who.row(path) if who else ManifestRow(path, identity=person)


def face_rows(root: Path) -> Iterator[ManifestRow]:
    """List `VGG_ALL_FRONTAL/<Person_Name>/*.jpg`.

    Args:
        root: Folder that holds `VGG_ALL_FRONTAL`, or that folder itself.

    Yields:
        A row an image, in order of path. VGG Face has more people than VoxCeleb1: of those who
        are not in `vox1_meta.csv`, only the name is told.

    Raises:
        DataError: The folder is missing, or a table that is there cannot be used.
    """
    folder = subfolder(root, "VGG_ALL_FRONTAL")
    _, _, by_name = _people(root)
    for person, path in by_person(folder, IMAGE_SUFFIXES):
        who = by_name.get(normalise_name(person))
        yield who.row(path) if who else ManifestRow(path, identity=person)


def _people(root: Path) -> tuple[Path | None, dict[str, Celebrity], dict[str, Celebrity]]:
    """People by VoxCeleb id and by normalised name; none where there is no table."""
    table = find_above(root, VOX1_TABLE)
    by_id = {} if table is None else read_vox1(table)
    return table, by_id, {normalise_name(who.identity): who for who in by_id.values()}
