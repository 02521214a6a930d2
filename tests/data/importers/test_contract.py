"""What every entry of the registries keeps to, whatever its data set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.manifest import SPLITS, ManifestRow
from voice2face.errors import DataError
from voice2face.labels import AGE_BANDS, GENDERS

REGISTRIES = {"voices": VOICES, "faces": FACES}


def test_source_says_what_it_is(importer: tuple[str, str]) -> None:
    side, name = importer
    source, _ = REGISTRIES[side][name]
    assert source.name == name
    assert source.title.strip()
    assert source.licence.strip()
    # CC BY asks for it wherever the data or a model trained on them go.
    assert bool(source.attribution) or "CC BY" not in source.licence


def test_rows_are_complete_and_repeatable(
    importer: tuple[str, str], layout: Callable[[str], Path]
) -> None:
    side, name = importer
    root = layout(name)
    _, list_rows = REGISTRIES[side][name]
    rows = list(list_rows(root))
    assert rows
    assert rows == list(list_rows(root))
    assert len({row.path for row in rows}) == len(rows)
    for row in rows:
        assert isinstance(row, ManifestRow)
        assert row.path.is_file() or name == "table"
        assert row.identity
        assert row.gender in (None, *GENDERS)
        assert row.split in (None, *SPLITS)
        assert row.age is None or row.age in AGE_BANDS or name == "table"
        assert row.nationality is None or row.nationality == row.nationality.strip() != ""
    if name != "fairface":  # In the order of its tables.
        assert [row.path for row in rows] == sorted(row.path for row in rows)


def test_junk_is_left_out(importer: tuple[str, str], layout: Callable[[str], Path]) -> None:
    """Hidden files, other suffixes, pipes, and links to folders, loops among them."""
    side, name = importer
    root = layout(name)
    _, list_rows = REGISTRIES[side][name]
    rows = list(list_rows(root))
    for folder in [path for path in root.parent.rglob("*") if path.is_dir()]:
        for suffix in (".wav", ".flac", ".m4a", ".mp4", ".mpg", ".npy", ".jpg"):
            (folder / f"._hidden{suffix}").write_bytes(b"x")
            (folder / f"loop{suffix}").symlink_to(folder.parent)
            os.mkfifo(folder / f"pipe{suffix}")
        (folder / "read me.txt").write_bytes(b"x")
        (folder / ".cache").mkdir()
        for row in rows[:1]:
            if row.path.is_file():
                shutil.copy(row.path, folder / ".cache")
    assert list(list_rows(root)) == rows


def test_command_line_form(importer: tuple[str, str], layout: Callable[[str], Path]) -> None:
    side, name = importer
    root = layout(name)
    registry = REGISTRIES[side]
    source, rows = import_rows(f"{name}:{root}", registry)
    assert source is registry[name][0]
    assert rows == list(registry[name][1](root))
    with pytest.raises(DataError, match=f"{root.name}-gone"):
        import_rows(f"{name}:{root}-gone", registry)


def test_empty_folder_is_refused(importer: tuple[str, str], tmp_path: Path) -> None:
    side, name = importer
    with pytest.raises(DataError, match=str(tmp_path)):
        import_rows(f"{name}:{tmp_path}", REGISTRIES[side])
