"""What is written never replaces an input, a device, a pipe or a link."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from voice2face.cli import main
from voice2face.errors import OutputError, printable
from voice2face.files import write_atomically


def test_a_link_stays_and_leads_to_the_result(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_pipes_and_folders_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, what in (("pipe", "a device or a pipe"), ("folder", "a folder")):
        with pytest.raises(OutputError, match=what):
            write_atomically(tmp_path / name, b"new")
    assert (tmp_path / "pipe").is_fifo()
    assert os.listdir(tmp_path / "folder") == []  # noqa: PTH208 - hidden files too


def test_a_recording_is_not_overwritten(example, tmp_path, capsys):
    recording = tmp_path / "me.flac"
    shutil.copy(example, recording)
    assert main(["features", str(recording), "-o", str(recording)]) == 1
    assert "is the recording itself" in capsys.readouterr().err
    assert recording.read_bytes() == example.read_bytes()


def test_names_with_control_characters_are_told_by_escapes(example, tmp_path, capsys):
    recording = tmp_path / "a\x1b]0;x\x07\n.flac"
    shutil.copy(example, recording)
    assert main(["features", str(recording), "-o", str(tmp_path / "o.npy")]) == 0
    assert main(["features", str(tmp_path / "b\x1b[2J.wav"), "-o", str(tmp_path / "p.npy")]) == 1
    said = "".join(capsys.readouterr())
    assert "\x1b" not in said and "\x07" not in said
    assert said.count("\n") == 2
    assert np.load(tmp_path / "o.npy").shape[1] == 64


def test_printable_keeps_what_terminals_show():
    assert printable("Jürgen 日本.wav") == "Jürgen 日本.wav"
    assert printable("a\tb\x9b") == "a\\tb\\x9b"
    assert printable("b\udcff") == "b\\udcff"
