"""The command `generate` as whole processes: time and memory to the first PNG and to each next.

Beside it, a process that only imports the libraries: what no program that uses them is faster than.

python benchmarks/generate.py RECORDING [--model NAME]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from record import line, spread
from voice2face.audio.decode import decode
from voice2face.runtime.description import DEFAULT_MODEL

MANY = 21
IMPORTS = "import numpy, onnxruntime, av, PIL.Image"
# An installed package has its bytecode.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str]) -> tuple[float, float, float]:
    """Run a process.

    Returns:
        Its wall-clock time in seconds, its peak memory in MiB, and its processor time in seconds:
        on a busy machine, the steadier of the two times.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    wall_s = time.perf_counter() - began
    return wall_s, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure one recording, and many, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--repeats", type=int, default=9)
    options, options.more = parser.parse_known_args()  # further options are those of generate
    waveform = np.resize(decode(options.recording, str(options.recording)).waveform, 160_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many").mkdir()
        for index in range(MANY):
            with wave.open(str(folder / "many" / f"{index:02d}.wav"), "wb") as file:
                file.setparams((1, 2, 16000, 0, "NONE", ""))
                file.writeframes(waveform.astype("<i2").tobytes())
        command = [sys.executable, "-m", "voice2face", "generate", "--model", options.model]
        command += options.more
        one = [*command, str(folder / "many" / "00.wav"), "-o", str(folder / "out")]
        many = [*command, str(folder / "many"), "-o", str(folder / "out")]
        imports = [sys.executable, "-c", IMPORTS]
        run(one)
        trials = [(run(one), run(many), run(imports)) for _ in range(options.repeats)]
    first_s = [first[0] for first, _, _ in trials]
    print(
        line(
            "generate",
            ("numpy", "onnxruntime", "av", "pillow"),
            recording_s=10,
            options=options.more,
            one_recording_s=spread(first_s, 3),
            one_recording_cpu_s=spread([first[2] for first, _, _ in trials], 3),
            one_recording_mib=spread([first[1] for first, _, _ in trials], 0),
            imports_s=spread([bare[0] for _, _, bare in trials], 3),
            imports_cpu_s=spread([bare[2] for _, _, bare in trials], 3),
            each_further_ms=spread(
                [1000 * (more[0] - first[0]) / (MANY - 1) for first, more, _ in trials], 1
            ),
            each_further_cpu_ms=spread(
                [1000 * (more[2] - first[2]) / (MANY - 1) for first, more, _ in trials], 1
            ),
        )
    )


if __name__ == "__main__":
    main()
