"""Walking folders that were not made for us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice2face.data.importers.tree import by_person, walk
from voice2face.errors import DataError

# Names that sort differently as whole paths than part by part ("a-b/" before "a/" by text).
PARTS = st.sampled_from(["a", "a-b", "a.b", "b", "B", "é", "10", "9"])


@given(st.sets(st.lists(PARTS, min_size=1, max_size=4).map(tuple), max_size=12))
@settings(max_examples=50, deadline=None)
def test_order_is_that_of_sorted_paths(
    tmp_path_factory: pytest.TempPathFactory, names: set[tuple[str, ...]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    files = [root.joinpath(*parts[:-1], parts[-1] + ".wav") for parts in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert list(walk(root, (".wav",))) == sorted(files)


def test_links(tmp_path: Path) -> None:
    """Links to files count; links to folders do not; a broken link is somebody's to report."""
    (tmp_path / "set" / "anna").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.wav").touch()
    anna = tmp_path / "set" / "anna"
    (anna / "a.wav").touch()
    (anna / "linked.wav").symlink_to(tmp_path / "elsewhere" / "b.wav")
    (anna / "broken.wav").symlink_to(tmp_path / "gone.wav")
    (anna / "itself.wav").symlink_to(anna / "itself.wav")
    (anna / "up").symlink_to(tmp_path / "set")
    (anna / "folder.wav").symlink_to(tmp_path / "elsewhere")
    names = [(person, path.name) for person, path in by_person(tmp_path / "set", (".wav",))]
    assert names == [
        ("anna", "a.wav"),
        ("anna", "broken.wav"),
        ("anna", "itself.wav"),
        ("anna", "linked.wav"),
    ]


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9.wav", os.O_CREAT))
    with pytest.raises(DataError, match=r"caf\\udce9\.wav': its name is not valid UTF-8"):
        list(walk(tmp_path, (".wav",)))
    assert list(walk(tmp_path, (".jpg",))) == []


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: cannot be listed \(No such file"):
        list(walk(tmp_path / "gone", (".wav",)))
