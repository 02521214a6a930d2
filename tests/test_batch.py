"""Faces for many recordings: those of `generate`, wherever the work runs and however it stopped."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from voice2face import VoiceToFace
from voice2face.cli import main


@pytest.fixture
def recordings(example, tmp_path) -> Path:
    folder = tmp_path / "recordings"
    (folder / "b").mkdir(parents=True)
    shutil.copy(example, folder / "a.flac")
    shutil.copy(example.with_name("librispeech-3699.flac"), folder / "b" / "c.flac")
    (folder / "broken.wav").write_bytes(b"no recording")
    return folder


def _generate(*arguments: object) -> int:
    return main(["generate", "--backend", "local", "--jobs", "1", *map(str, arguments)])


def _contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_folder_gives_what_generate_gives(recordings, bundle, tmp_path, capsys):
    out, plain = tmp_path / "out", tmp_path / "plain"
    options = ("--samples", 2, "--seed", 3, "--native", "--model", bundle)
    assert _generate(recordings, "-o", out, *options) == 1  # one recording is broken
    said = capsys.readouterr()
    assert "3 recordings" in said.out
    assert "broken.wav: not a recording" in said.err
    main(["generate", str(recordings), "-o", str(plain), *map(str, options)])
    pictures = _contents(out)
    table = pq.read_table(out / "results.parquet").to_pylist()
    del pictures["results.parquet"]
    assert pictures == _contents(plain)
    assert [Path(row["recording"]).name for row in table] == ["a.flac", "c.flac", "broken.wav"]
    assert [row["picture"] for row in table] == ["a.png", "b/c.png", None]
    assert [row["error"] is None for row in table] == [True, True, False]
    faces = VoiceToFace.load(bundle).generate(recordings / "a.flac", samples=2, seed=3)
    np.testing.assert_array_equal(np.float32(table[0]["embedding"]), faces.embedding)
    assert table[0]["speech_s"] == faces.speech_s


@pytest.mark.parametrize("kind", ["path", "bytes", "struct"])
def test_a_parquet_file_of_recordings(recordings, bundle, tmp_path, kind):
    files = [recordings / "a.flac", recordings / "b" / "c.flac", recordings / "broken.wav"]
    values = {
        "path": [str(file.relative_to(tmp_path)) for file in files],
        "bytes": [file.read_bytes() for file in files],
        "struct": [{"bytes": file.read_bytes(), "path": "../../x"} for file in files],
    }[kind]
    column = "path" if kind == "path" else "audio"
    pq.write_table(pa.table({column: values}), tmp_path / "in.parquet", row_group_size=2)
    out = tmp_path / "out"
    options = ("--samples", 1, "--native", "--model", bundle)
    assert _generate(tmp_path / "in.parquet", "-o", out, *options) == 1
    table = pq.read_table(out / "results.parquet").to_pylist()
    assert [row["picture"] for row in table] == ["000000000.png", "000000001.png", None]
    assert "not a recording" in table[2]["error"]
    for row, file in zip(table[:2], files[:2], strict=True):
        expected = VoiceToFace.load(bundle).generate(file, samples=1)
        picture = np.asarray(Image.open(out / row["picture"]))
        np.testing.assert_array_equal(picture, np.asarray(expected.native_image))


def test_what_was_done_is_not_done_again_unless_it_would_differ(recordings, bundle, tmp_path):
    out, options = tmp_path / "out", ("--native", "--model", bundle)
    _generate(recordings, "-o", out, "--samples", 1, *options)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert _generate(recordings, "-o", out, "--samples", 1, *options) == 1
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    _generate(recordings, "-o", out, "--samples", 2, *options)
    assert Image.open(out / "a.png").size == (128, 64)


@pytest.mark.parametrize(("arguments", "said"), [
    (["a.parquet", "b.wav"], "give one Parquet file"), (["-"], "standard input"),
    (["a.wav", "-o", "x.png"], "give a folder"), (["a.wav", "--json"], "results.parquet"),
    (["no.parquet"], "not a readable Parquet file"),
    (["a.wav", "--jobs", "0"], "at least 1"), (["a.wav", "--samples", "0"], "samples: got 0"),
])  # fmt: skip
def test_what_cannot_be_done_is_told_in_one_line(arguments, said, example, tmp_path, monkeypatch,
                                                 capsys):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copy(example, tmp_path / "a.wav")
    assert _generate(*arguments) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert said in told[-1]


@pytest.mark.long
def test_a_killed_worker_of_a_cluster_costs_no_result(recordings, bundle, tmp_path):
    """On Dask: the same files, byte for byte, as in one process that nobody disturbed."""
    for number in range(150):
        shutil.copy(recordings / "a.flac", recordings / f"more-{number:03d}.flac")
    options = ["--samples", "1", "--native", "--model", str(bundle)]
    _generate(recordings, "-o", tmp_path / "calm", *options)
    command = [sys.executable, "-m", "voice2face", "generate", str(recordings), *options]
    command += ["-o", str(tmp_path / "out"), "--backend", "dask", "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    out = tmp_path / "out" / "shards"
    while len(list(out.glob("*.parquet"))) < 1:
        assert process.poll() is None
        time.sleep(0.01)
    below = psutil.Process(process.pid).children(recursive=True)
    next(one for one in below if "spawn_main" in " ".join(one.cmdline())).kill()
    assert process.wait(120) == 1  # of the broken recording
    assert _contents(tmp_path / "out") == _contents(tmp_path / "calm")
