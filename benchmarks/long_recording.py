"""Time and memory of `generate` on an hour of speech: real recordings, joined by ffmpeg.

    python benchmarks/long_recording.py FOLDER [--minutes 60] [--model NAME]

FOLDER holds recordings, `**/*.flac`, which follow each other until the time is filled.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from generate import run
from record import line
from voice2face.runtime.description import DEFAULT_MODEL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    files = [path.resolve() for path in sorted(options.folder.rglob("*.flac"))]
    with tempfile.TemporaryDirectory() as name:
        long, ten_minutes = Path(name) / "long.mp3", Path(name) / "ten.mp3"
        listed = Path(name) / "list.txt"
        # Each is at least a second long.
        times = -(-60 * options.minutes // len(files))
        listed.write_text("".join(f"file '{path}'\n" for _ in range(times) for path in files))
        joined = ["ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", str(listed)]
        subprocess.run(
            [*joined, "-ar", "16000", "-ac", "1", "-t", str(60 * options.minutes), str(long)],
            check=True,
        )
        cut = ["ffmpeg", "-v", "error", "-i", str(long), "-t", "599", "-c", "copy"]
        subprocess.run([*cut, str(ten_minutes)], check=True)
        command = [sys.executable, "-m", "voice2face", "generate", "--model", options.model]
        figures = {
            what: dict(
                zip(
                    ("wall_s", "peak_mib", "cpu_s"),
                    (round(value, 1) for value in run([*command, str(path), "-o", name])),
                    strict=True,
                )
            )
            for what, path in (("ten_minutes", ten_minutes), ("long", long))
        }
    print(line("long_recording", ("numpy", "av"), minutes=options.minutes, **figures))


if __name__ == "__main__":
    main()
