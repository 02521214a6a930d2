"""Thousands of mutated inputs: no traceback, no hang, no flood of memory.

python benchmarks/fuzz.py [--recordings 20000 --models 5000 ...] [--jobs 1] [-o FINDINGS]

Cases run in processes that are watched: one that takes longer than `MOST_S`, holds more than
`MOST_MIB`, or dies is a finding, as is any error but a `Voice2FaceError` of one line. The file of
a finding is kept in FINDINGS; the same number makes it again.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from fuzz_cases import KINDS, attempt
from record import line

MOST_S = 20.0
MOST_MIB = 400.0
COUNTS = {"recordings": 20_000, "models": 5_000, "networks": 2_000, "stores": 2_000,
          "settings": 1_000}  # fmt: skip


def _peak_mib(reset: bool = False) -> float:
    """Most memory that this process held since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    told = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert told is not None
    return int(told[1]) / 1024


def work(kind: str, first: int, last: int, folder: Path) -> None:
    """Run cases, and print a line of JSON for each; what else is printed goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for number in range(first, last):
        place = folder / str(number)
        place.mkdir(parents=True)
        began = time.perf_counter()
        _peak_mib(reset=True)
        try:
            told = attempt(kind, number, place)
        except Exception:
            told = f"finding: {traceback.format_exc().strip()}"
        answer = [number, told, round(time.perf_counter() - began, 2), round(_peak_mib(), 1)]
        answers.write(f"{json.dumps(answer)}\n")
        if not told.startswith("finding"):
            shutil.rmtree(place)


class _Watched:
    """A process that works through cases, and is started anew after one that it dies of."""

    def __init__(self, kind: str, n_cases: int, folder: Path) -> None:
        self.kind, self.n_cases, self.folder = kind, n_cases, folder
        self.next = 0
        self.answers: list[tuple[int, str, float, float]] = []

    def run(self) -> None:
        """Work through all cases."""
        while self.next < self.n_cases:
            command = [sys.executable, __file__, "--work", self.kind, str(self.next),
                       str(self.n_cases), str(self.folder)]  # fmt: skip
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                why = self._follow(process)
                process.kill()
                process.wait()
                if self.next < self.n_cases:
                    code = f"; exit status {process.returncode}" if why == "died" else ""
                    self.answers.append((self.next, f"finding: {why}{code}", MOST_S, 0.0))
                    self.next += 1

    def _follow(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while selector.select(timeout=MOST_S + 10):  # and the time to start
                row = process.stdout.readline()
                if not row:
                    return "died"
                number, told, seconds, peak_mib = json.loads(row)
                if told == "used" or told.startswith("refused"):
                    if seconds > MOST_S:
                        told = f"finding: took {seconds} s ({told})"
                    elif self.kind == "recordings" and peak_mib > MOST_MIB:
                        told = f"finding: held {peak_mib} MiB ({told})"
                self.answers.append((number, told, seconds, peak_mib))
                self.next = number + 1
        return f"gave nothing for {MOST_S + 10} s"


def main() -> None:
    """Run all kinds, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind, count in COUNTS.items():
        parser.add_argument(f"--{kind}", type=int, default=count)
    parser.add_argument("-o", "--out", type=Path, default=Path(tempfile.gettempdir()) / "findings")
    options = parser.parse_args()
    for kind in KINDS:
        if not (count := getattr(options, kind)):
            continue
        began = time.perf_counter()
        watched = _Watched(kind, count, options.out / kind)
        watched.run()
        findings = [answer for answer in watched.answers if answer[1].startswith("finding")]
        reasons = collections.Counter(
            re.sub(r"\d+", "#", told.rpartition(": ")[2])[:80]
            for _, told, _, _ in watched.answers
            if told.startswith("refused")
        )
        for number, told, seconds, peak_mib in findings:
            print(f"{kind} {number} ({seconds} s, {peak_mib} MiB): {told[-600:]}", file=sys.stderr)
        print(
            line(
                "fuzz",
                ["onnxruntime", "av", "numpy", "pillow"],
                kind=kind,
                cases=len(watched.answers),
                used=sum(answer[1] == "used" for answer in watched.answers),
                refused=sum(reasons.values()),
                findings=len(findings),
                longest_s=max(answer[2] for answer in watched.answers),
                most_mib=max(answer[3] for answer in watched.answers),
                minutes=round((time.perf_counter() - began) / 60, 1),
                commonest_reasons=dict(reasons.most_common(12)),
            ),
            flush=True,
        )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
    else:
        main()
