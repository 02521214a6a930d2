"""What is written never replaces an input, a device, a pipe or a link."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from voice2face.cli import main
from voice2face.errors import OutputError, printable
from voice2face.files import atomic_path, write_atomically


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


@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_the_process_s_mask_is_applied_and_left_alone(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a", b"")
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask
    finally:
        assert os.umask(before) == mask


def test_the_longest_names_are_written(tmp_path):
    for name in ("a" * 255, "é" * 127, "日" * 85):
        write_atomically(tmp_path / name, name.encode())
        assert (tmp_path / name).read_bytes() == name.encode()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / ("a" * 256), b"")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_asked_to_end_it_leaves_nothing_half_written(example, tmp_path, number):
    (tmp_path / "in").mkdir()
    for n in range(30):
        (tmp_path / "in" / f"{n}.flac").symlink_to(example)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "voice2face", "generate", str(tmp_path / "in"), "-o", str(out),
         "--samples", "64"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        # A shell's background job ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # fmt: skip
    while not list(out.glob(".*.tmp")):
        assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert "Traceback" not in said
    assert not list(out.glob(".*.tmp"))


@pytest.mark.parametrize(
    "arguments",
    [["generate", ""], ["generate", "x.wav", "--model", ""], ["features", "x.wav", "-o", ""]],
)
def test_an_empty_argument_is_refused(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        assert main(arguments) == 1
    except SystemExit as end:
        assert end.code == 2
    assert "got an empty name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


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


def test_what_a_killed_process_left_is_written_over(tmp_path):
    code = (
        "import os, pathlib, sys\n"
        "from voice2face.files import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as path:\n"
        "    path.write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    target = tmp_path / "result"
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".result.")
    write_atomically(target, b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert target.read_bytes() == b"whole"


def test_two_that_write_one_file_do_not_mix(tmp_path):
    target = tmp_path / "result"
    with atomic_path(target) as first, atomic_path(target) as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert target.read_text() == "first"  # which was done last


def test_a_result_goes_to_standard_output_whole_and_alone(example, tmp_path):
    run = [sys.executable, "-m", "voice2face"]
    for name in ("-", "/dev/stdout"):
        for arguments in (["generate", str(example)], ["features", str(example)]):
            done = subprocess.run(
                [*run, *arguments, "-o", name], capture_output=True, check=True, cwd=tmp_path
            )
            subprocess.run([*run, *arguments, "-o", "file.png"], check=True, cwd=tmp_path)
            assert done.stdout == (tmp_path / "file.png").read_bytes()
            assert str(example) in done.stderr.decode()
    two = subprocess.run(
        [*run, "generate", str(example), ".", "-o", "-"],
        capture_output=True, text=True, check=False, cwd=example.parent,
    )  # fmt: skip
    assert two.returncode == 1
    assert "is one file" in two.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
@pytest.mark.parametrize("arguments", [["generate"], ["generate", "--json"], ["info"]])
def test_full_and_closed_streams_show_no_traceback(example, tmp_path, arguments):
    drawn = [str(example), "-o", "o.png"] if arguments[0] == "generate" else []
    run = f"{sys.executable} -m voice2face {' '.join([*arguments, *drawn])}"

    def shell(streams: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "o.png").unlink(missing_ok=True)
        return subprocess.run(
            ["bash", "-c", f"{run} {streams}"], capture_output=True, text=True, check=False,
            cwd=tmp_path,
        )  # fmt: skip

    full = shell("> /dev/full")
    assert (full.returncode, "Traceback" in full.stderr) == (1, False)
    assert "standard output: No space left" in full.stderr
    for closed in (">&-", "2>&-", "<&-"):
        done = shell(closed)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
        assert (tmp_path / "o.png").exists() == bool(drawn)


def test_a_closed_standard_error_is_silent(example, tmp_path):
    def shell(arguments: str) -> subprocess.CompletedProcess[bytes]:
        run = f"{sys.executable} -m voice2face generate {arguments} 2>&-"
        return subprocess.run(["bash", "-c", run], capture_output=True, check=False, cwd=tmp_path)

    assert shell(f"{example.parent} -o many").returncode == 0
    assert len(list((tmp_path / "many").iterdir())) == 2
    done = shell(f"{example} -o -")
    assert done.returncode == 0
    assert done.stdout.endswith(b"IEND\xaeB`\x82")  # the picture, and nothing said behind it
    assert shell("nothing.wav").stdout == b""


def test_what_a_folder_holds_besides_is_told(example, tmp_path, capsys):
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "below" / "voice.flac").symlink_to(example)
    for name in ("notes.txt", "list.csv", ".hidden.txt"):
        (tmp_path / "in" / name).touch()
    assert main(["generate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "2 files are not audio or video, by suffix (such as list.csv)" in said.err
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["voice.png"]
