"""`generate --backend` over copies of a recording: local processes, Dask, Dask with kills, and Ray.

python benchmarks/batch_backends.py RECORDING [--recordings 1000] [--jobs 2] [--kills 3]

The results of all must be the same files. A killed worker is one of the local cluster's processes,
chosen at random each time that a part of the work is done.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from record import line


def contents(folder: Path) -> dict[str, str]:
    """Hash of each file of a folder, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def kill_one(pid: int, chance: random.Random) -> None:
    """Kill a worker of a command's local cluster; one that was killed may not be back yet."""
    workers: list[psutil.Process] = []
    while not workers:
        below = psutil.Process(pid).children(recursive=True)
        with contextlib.suppress(psutil.NoSuchProcess):  # gone between the list and the look
            workers = [one for one in below if "spawn_main" in " ".join(one.cmdline())]
    chance.choice(workers).kill()


def run(command: list[str], out: Path, n_kills: int) -> tuple[float, float]:
    """Run a command, and kill workers on the way; give its time and its processor time."""
    chance, began = random.Random(0), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for number in range(n_kills):
        while len(list((out / "shards").glob("*.parquet"))) <= number:
            if process.poll() is not None:
                raise SystemExit(f"ended before kill {number + 1}: give more recordings")
            time.sleep(0.05)
        kill_one(process.pid, chance)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run each backend, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--recordings", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "in").mkdir()
        for number in range(options.recordings):
            shutil.copy(options.recording, base / "in" / f"{number:06d}{options.recording.suffix}")
        ways, first = {}, None
        backends = [
            ("local", "local", 0),
            ("dask", "dask", 0),
            (f"dask, {options.kills} workers killed", "dask", options.kills),
        ]
        if find_spec("ray"):
            backends.append(("ray", "ray", 0))
        for way, backend, n_kills in backends:
            out = base / "out"
            command = [sys.executable, "-m", "voice2face", "generate", str(base / "in")]
            command += ["--backend", backend, "--jobs", str(options.jobs), "-o", str(out)]
            wall_s, cpu_s = run(command, out, n_kills)
            found = contents(out)
            first = first or found
            ways[way] = {
                "wall_s": round(wall_s, 1),
                "cpu_ms_each": round(1000 * cpu_s / options.recordings, 1),
                "files": len(found),
                "differ": sum(found.get(file) != digest for file, digest in first.items()),
            }
            shutil.rmtree(out)
    print(
        line(
            "batch_backends",
            ("joblib", "distributed", "onnxruntime", "numpy"),
            recordings=options.recordings,
            jobs=options.jobs,
            ways=ways,
        )
    )


if __name__ == "__main__":
    main()
