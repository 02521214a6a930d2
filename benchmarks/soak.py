"""Hours of `generate` in one process: memory must stay flat, and the results the same.

python benchmarks/soak.py RECORDINGS... [--hours 2] [--model NAME]

RECORDINGS are files or folders; each round draws all of them, readable or not.
"""

from __future__ import annotations

import argparse
import hashlib
import threading
import time
from pathlib import Path

from record import line
from voice2face import VoiceToFace
from voice2face.errors import Voice2FaceError
from voice2face.recordings import expand
from voice2face.runtime.description import DEFAULT_MODEL


def resident_mib() -> float:
    """Memory that the process holds now."""
    fields = Path("/proc/self/status").read_text().splitlines()
    (told,) = (field for field in fields if field.startswith("VmRSS"))
    return int(told.split()[1]) / 1024


def answer(model: VoiceToFace, recording: str) -> str:
    """Hash of the faces, or the message of a refusal."""
    try:
        return hashlib.sha256(model.generate(recording, samples=4).faces.tobytes()).hexdigest()
    except Voice2FaceError as error:
        return str(error)


def main() -> None:
    """Run rounds until the time is over, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    model = VoiceToFace.load(options.model)
    names = [name for name, _ in expand(options.recordings)[0]]
    began, first, memory, n_drawn, n_changed = time.monotonic(), [], [], 0, 0
    while time.monotonic() - began < 3600 * options.hours or len(memory) < 2:
        answers = [answer(model, name) for name in names]
        first = first or answers
        n_changed += sum(one != other for one, other in zip(answers, first, strict=True))
        n_drawn += len(names)
        memory.append(resident_mib())
    tenth = max(1, len(memory) // 10)
    print(
        line(
            "soak",
            ["onnxruntime", "av", "numpy"],
            hours=round((time.monotonic() - began) / 3600, 3),
            recordings=len(names),
            refused=sum(len(one) != 64 for one in first),
            rounds=len(memory),
            drawn=n_drawn,
            changed=n_changed,
            threads=threading.active_count(),
            resident_mib={
                "after_first_round": round(memory[0], 1),
                "mean_of_second_tenth": round(sum(memory[tenth : 2 * tenth]) / tenth, 1),
                "mean_of_last_tenth": round(sum(memory[-tenth:]) / tenth, 1),
                "most": round(max(memory), 1),
            },
        )
    )


if __name__ == "__main__":
    main()
