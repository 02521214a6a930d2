"""DSPSpeech-20: isolated words, Chinese and English, no gender labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voice2face.data.manifest import ManifestRow, Source

__all__ = ["SOURCE", "rows"]

SOURCE = Source(name="dspspeech", title="DSPSpeech-20", licence="MIT")


def rows(root: Path) -> Iterator[ManifestRow]:
    """List `spkNN/WORD-TAKE.flac`.

    Args:
        root: Folder of the data set.

    Yields:
        A row a recording, in order of path.
    """
    for path in sorted(root.glob("spk*/*.*")):
        yield ManifestRow(path, identity=path.parent.name)
