"""Data sets: one file each. A new one is a file with `SOURCE` and `rows`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from voice2face.data.importers import (
    audiomnist,
    dspspeech,
    duke,
    fairface,
    folder,
    grid,
    librispeech,
    picovoice,
    ravdess,
    table,
    vggface,
    voxceleb1,
    voxceleb2,
    wen2019,
)
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import ConfigError, DataError, unknown_name

_Importer = tuple[Source, Callable[[Path], Iterator[ManifestRow]]]


def _by_name(*importers: _Importer) -> dict[str, _Importer]:
    return {source.name: (source, list_rows) for source, list_rows in importers}


VOICES = _by_name(
    (audiomnist.SOURCE, audiomnist.rows),
    (dspspeech.SOURCE, dspspeech.rows),
    (duke.SOURCE, duke.rows),
    (folder.SOURCE, folder.voice_rows),
    (grid.SOURCE, grid.rows),
    (librispeech.SOURCE, librispeech.rows),
    (picovoice.SOURCE, picovoice.rows),
    (ravdess.SOURCE, ravdess.voice_rows),
    (table.SOURCE, table.rows),
    (voxceleb1.SOURCE, voxceleb1.rows),
    (voxceleb2.SOURCE, voxceleb2.rows),
    (wen2019.SOURCE, wen2019.voice_rows),
)
FACES = _by_name(
    (fairface.SOURCE, fairface.rows),
    (folder.SOURCE, folder.face_rows),
    (grid.SOURCE, grid.rows),
    (ravdess.SOURCE, ravdess.face_rows),
    (table.SOURCE, table.rows),
    (vggface.SOURCE, vggface.rows),
    (wen2019.SOURCE, wen2019.face_rows),
)
# Those whose path is a file; of all others it is a folder.
_LISTS = frozenset([table.SOURCE.name])


def import_rows(spec: str, importers: dict[str, _Importer]) -> tuple[Source, list[ManifestRow]]:
    """List a data set named on the command line.

    Args:
        spec: SET:PATH, such as "duke:data/voices/duke-alphanumeric" or "table:my/voices.csv".

    Returns:
        Where the data come from, and a row a file.

    Raises:
        ConfigError: The argument is not of that form, or the set is unknown.
        DataError: The folder or list is missing, cannot be used, or holds nothing of that set.
    """
    name, colon, place = spec.partition(":")
    if not colon or not place:
        raise ConfigError(
            f"{spec!r}: give SET:PATH, with SET one of {', '.join(sorted(importers))}"
        )
    if name not in importers:
        if name in VOICES or name in FACES:
            raise ConfigError(
                f"{spec!r}: the data set {name!r} is for the other option only; "
                f"for this one give one of {', '.join(sorted(importers))}"
            )
        raise unknown_name("data set", name, importers)
    source, list_rows = importers[name]
    root = Path(place)
    if name in _LISTS and not root.is_file():
        raise DataError(
            f"{root}: no such file (given as {spec!r}; a CSV or Parquet list is needed)"
        )
    if name not in _LISTS and not root.is_dir():
        raise DataError(f"{root}: no such folder (given as {spec!r})")
    rows = list(list_rows(root))
    if not rows:
        raise DataError(
            f"{root}: holds no file of the data set {name!r} "
            "(hidden files are left out, and links to folders are not followed)"
        )
    return source, rows
