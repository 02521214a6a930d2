"""GRID: talkers facing the camera, video with sound; voices and faces from the same files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from voice2face.audio.suffixes import VIDEO_SUFFIXES
from voice2face.data.importers.tree import walk
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import DataError

SOURCE = Source(
    name="grid",
    title="GRID audiovisual sentence corpus, Cooke, Barker, Cunningham and Shao, 2006",
    licence="CC BY 4.0",
    attribution="GRID corpus, Cooke, Barker, Cunningham and Shao, JASA 2006, CC BY 4.0",
)

# Of the loose clips that are passed around without their talker's folder, those that show one man
# by look: clip to the clip whose name serves as his.
SAME_TALKER = {"pwij3p": "id2_vcd_swwp2s"}
# Those of women, as one sees and hears it: the corpus's own list of talkers does not tell which
# clip is whose.
WOMEN = frozenset(["brbk7n", "lbbc2a", "lrwp9a", "lwbsza"])

_TALKER = re.compile(r"s\d{1,2}")


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `sNN/**/<clip>.mpg` as published, and clips that lie loose in the folder.

    Yields:
        A row a clip, in order of path. The identity is the talker's folder; of a loose clip, the
        clip's own name, since nothing tells its talker (but see `SAME_TALKER`). A clip's name is
        that of its sentence: clips of several talkers belong in the talkers' folders.

    Raises:
        DataError: A clip lies in a folder that is not a talker's.
    """
    for path in walk(root, VIDEO_SUFFIXES):
        folders = path.relative_to(root).parts[:-1]
        talker = next((name for name in folders if _TALKER.fullmatch(name)), None)
        if talker is None and _TALKER.fullmatch(root.name):
            talker = root.name
        if talker is None and folders:
            raise DataError(f"{path}: is not in a talker's folder (GRID names them s1 to s34)")
        yield ManifestRow(path, identity=talker or SAME_TALKER.get(path.stem, path.stem))
