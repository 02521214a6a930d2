"""Preparing, killed at random moments or stopped by a full disk, and started again."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.data.conftest import cut_fairface


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def several_shards(shared_data, tmp_path_factory) -> Path:
    """200 recordings (4 shards) and 600 faces (3 shards)."""
    folder = tmp_path_factory.mktemp("several")
    for number in range(1, 11):
        name = f"spk{number:02d}"
        shutil.copytree(shared_data / "voices/dspspeech-20" / name, folder / "dsp" / name)
    cut_fairface(shared_data, folder / "fairface", 500, 100)
    (folder / "own.csv").write_text(
        "path,identity,gender\n"
        + "".join(
            f"{path.relative_to(folder)},{path.parent.name},"
            f"{'male' if int(path.parent.name[3:]) % 2 else 'female'}\n"
            for path in sorted((folder / "dsp").rglob("*.flac"))
        )
    )
    return folder


def start(data: Path, store: Path, *more: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "voice2face", "prepare", "--voices",
               f"table:{data / 'own.csv'}", "--faces", f"fairface:{data / 'fairface'}",
               "--pair-by", "gender", "--aligned", "-o", str(store), *more]  # fmt: skip
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.fixture(scope="module")
def straight(several_shards, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("straight") / "store"
    process = start(several_shards, folder, "--jobs", "1")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "200 files seen" in out
    return contents(folder)


@pytest.mark.long
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_any_moment_and_started_again_it_ends_the_same(
    jobs, several_shards, straight, tmp_path
):
    store = tmp_path / "store"
    moments = random.Random(jobs)
    kills = kept = 0
    # At random moments after so many of the 7 shards are there; the last is while they are joined.
    for n_shards in (0, 1, 1, 3, 5, 7):
        before = {path: path.stat().st_mtime_ns for path in store.glob("shards/*.shard")}
        process = start(several_shards, store, "--jobs", str(jobs))
        while process.poll() is None and (
            not (store / "shards").exists() or len(list(store.glob("shards/*.shard"))) < n_shards
        ):
            time.sleep(0.002)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 0.03 if n_shards == 7 else 0.3))
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
        for path, changed in before.items():
            if path.exists():
                assert path.stat().st_mtime_ns == changed, f"{path.name} was made again"
                kept += 1
        if (store / "store.json").exists():  # Finished, and killed before its process ended.
            break
        assert (store / "shards").exists()
    process = start(several_shards, store, "--jobs", str(jobs))
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert kills >= 3
    assert kept >= 1
    assert contents(store) == straight


@pytest.mark.long
def test_a_full_disk_stops_cleanly_and_the_same_command_goes_on(several_shards, straight, tmp_path):
    """The system refuses files of over 2 MB: the shards of voices fit, those of faces do not."""
    store = tmp_path / "store"
    limit = (2_000_000, 2_000_000)
    process = start(
        several_shards,
        store,
        "--jobs",
        "1",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    _, err = process.communicate()
    assert process.returncode == 1
    last = err.splitlines()[-1]
    assert "cannot be written (File too large)" in last
    assert "fix that, and run the same command again to resume" in last
    assert "Traceback" not in err
    assert len(list(store.glob("shards/voices-*.shard"))) == 4
    process = start(several_shards, store, "--jobs", "1")
    process.communicate()
    assert process.returncode == 0
    assert contents(store) == straight
