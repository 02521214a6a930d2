"""Killed at random moments, or out of disk: the same command again gives the same bytes.

python benchmarks/interrupted.py VOICES FACES RECORDINGS [--kills 200] [--each 5] [--disks 50]

VOICES and FACES are folders with a folder of files a person; RECORDINGS is one with recordings.
Each command is run once in peace, then again and again from nothing: by SIGKILL `--each` times on
the way, at moments drawn over the time that it took, and to its end; and on a disk (a tmpfs, which
root can mount) that ends at some share of what the command writes, and then no longer does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from record import line

# What differs between two runs that nobody stopped: times, and what was gone on with.
_TIMES = ("time", "cost", "seconds", "timings_ms", "gan_earlier", "throughput/steps_per_s",
          "throughput/images_per_s")  # fmt: skip
_NOT_COMPARED = re.compile(r"tensorboard/|MODEL_CARD\.md$")


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(one) for name, one in value.items() if name not in _TIMES}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, str]:
    """Hash each file of a folder by name, less times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or _NOT_COMPARED.search(name):
            continue
        content = path.read_bytes()
        if path.suffix in (".json", ".jsonl"):
            lines = content.decode().splitlines() if path.suffix == ".jsonl" else [content]
            content = json.dumps([_without_times(json.loads(one)) for one in lines]).encode()
        elif path.suffix == ".html":
            continue  # of result.json
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def run(command: list[str], kill_after_s: float | None = None) -> str | None:
    """Run a command in a group of its own; give what it said, if it failed, or None if killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "voice2face", *command], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return None
    return said[-2000:] if process.returncode else ""


def finish(command: list[str]) -> None:
    """Run a command that must come to its end."""
    if said := run(command):
        raise SystemExit(f"{' '.join(command)}: {said}")


def main() -> None:
    """Try each command, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("voices", "faces", "recordings"):
        parser.add_argument(name)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--disks", type=int, default=50)
    parser.add_argument("--only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base, out = Path(temporary) / "base", Path(temporary) / "out"
        data = ["--voices", f"folder:{options.voices}", "--faces", f"folder:{options.faces}",
                "--aligned", "--pair-by", "identity", "--split", "hash:50/10/40"]  # fmt: skip
        short = [
            "--preset",
            "debug",
            "--set",
            "gan.images=480",
            "--set",
            "gan.checkpoint_images=96",
        ]
        store, speaker = base / "store", base / "speaker"
        finish(["prepare", *data, "-o", str(store)])
        finish(["train", "speaker", str(store), "--preset", "debug", "-o", str(speaker)])
        commands = {
            "prepare": ["prepare", *data],
            "train speaker": ["train", "speaker", str(store), "--preset", "debug"],
            "train gan": ["train", "gan", str(store), *short, "--speaker", str(speaker)],
            "train all": ["train", "all", *data, *short],
            "evaluate": ["evaluate", "starter", "--store", str(store),
                         "--judges", "local-binary-patterns"],
            "generate": ["generate", options.recordings],
        }  # fmt: skip
        for name, command in commands.items():
            if options.only in (None, name):
                _try(name, [*command, "-o", str(out / "it")], out, options, len(commands))


def _try(
    name: str, command: list[str], out: Path, options: argparse.Namespace, n_commands: int
) -> None:
    """Interrupt one command in both ways, and print what came of it."""
    out.mkdir()
    began = time.perf_counter()
    finish(command)
    takes_s = time.perf_counter() - began
    whole = contents(out)
    n_bytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    chance = random.Random(name)
    kills, disks = [0, set(), set()], [0, set(), set()]
    while kills[0] < options.kills // n_commands:
        shutil.rmtree(out / "it")
        for _ in range(options.each):
            kills[0] += run(command, chance.uniform(0.0, takes_s)) is None
        finish(command)
        _compare(whole, contents(out), kills)
    messages: set[str] = set()
    n_disks = -(-options.disks // n_commands)
    for number in range(n_disks):
        shutil.rmtree(out / "it", ignore_errors=True)
        share = (number + chance.random()) / n_disks
        size = max(4096, int(share * n_bytes))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", out], check=True)
        try:
            said = run(command)
            if said:
                disks[0] += 1
                messages.add(re.sub(r"\d+", "#", said.strip().splitlines()[-1].rpartition(": ")[2]))
                messages |= {"Traceback"} & set(said.split())
                hidden = {str(path.relative_to(out)) for path in out.rglob(".*")}
                disks[2] |= hidden
            subprocess.run(["mount", "-o", "remount,size=1g", out], check=True)
            finish(command)
            _compare(whole, contents(out), disks)
        finally:
            subprocess.run(["umount", out], check=True)
    shutil.rmtree(out)
    for what, (count, differ, left) in (("kill", kills), ("full_disk", disks)):
        told = {"messages": sorted(messages)} if what == "full_disk" else {}
        print(
            line(
                what, ["torch", "numpy"], command=name, takes_s=round(takes_s, 1), times=count,
                files=len(whole), differ=sorted(differ), left_over=sorted(left), **told,
            ),
            flush=True,
        )  # fmt: skip


def _compare(whole: dict[str, str], found: dict[str, str], told: list) -> None:
    told[1] |= {file for file in whole if found.get(file) != whole[file]}
    told[2] |= found.keys() - whole.keys()


if __name__ == "__main__":
    main()
