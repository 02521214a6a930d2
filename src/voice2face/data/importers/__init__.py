"""Data sets: one file each. A new one is a file with `SOURCE` and `rows`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from voice2face.data.importers import dspspeech, duke, fairface, librispeech
from voice2face.data.manifest import ManifestRow, Source
from voice2face.errors import ConfigError, DataError, unknown_name

__all__ = ["FACES", "VOICES", "Importer", "import_rows"]

Importer = tuple[Source, Callable[[Path], Iterator[ManifestRow]]]

VOICES: dict[str, Importer] = {
    module.SOURCE.name: (module.SOURCE, module.rows) for module in (dspspeech, duke, librispeech)
}
FACES: dict[str, Importer] = {fairface.SOURCE.name: (fairface.SOURCE, fairface.rows)}


def import_rows(spec: str, importers: dict[str, Importer]) -> tuple[Source, list[ManifestRow]]:
    """List a data set named on the command line.

    Args:
        spec: SET:PATH, such as "duke:data/voices/duke-alphanumeric".
        importers: `VOICES` or `FACES`.

    Returns:
        Where the data come from, and a row a file.

    Raises:
        ConfigError: The argument is not of that form, or the set is unknown.
        DataError: The folder is missing or holds nothing of that set.
    """
    name, colon, folder = spec.partition(":")
    if not colon or not folder:
        raise ConfigError(
            f"{spec!r}: give SET:PATH, with SET one of {', '.join(sorted(importers))}"
        )
    if name not in importers:
        raise unknown_name("data set", name, importers)
    source, list_rows = importers[name]
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder (given as {spec!r})")
    rows = list(list_rows(root))
    if not rows:
        raise DataError(f"{root}: holds no file of the data set {name!r}")
    return source, rows
