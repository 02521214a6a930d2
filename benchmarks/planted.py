"""How quickly a planted world comes into being.

    python benchmarks/planted.py

Recordings a second, of 4 s each: synthesis alone, and with the front end to the spectrogram.
Images a second. Whole worlds: from nothing to the store on disk. All on `--jobs` processes. The
processor's time for each stands beside it, which other work on the machine disturbs less.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from record import line, spread
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.backends import Workers, run_tasks
from voice2face.records import Recording
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.latents import WorldSettings, sample_person
from voice2face.synthetic.voices import SAMPLE_RATE_HZ, record
from voice2face.synthetic.world import World, make_world

SETTINGS = WorldSettings(duration_s=(4.0, 4.0))
A_TASK = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--recordings", type=int, default=800)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--people", type=int, default=60, help="of a whole world, 10 of each")
    options = parser.parse_args()

    def rates(function: Callable[[int, int], int], count: int) -> dict:
        tasks = [(function, at, min(count, at + A_TASK)) for at in range(0, count, A_TASK)]

        def once() -> tuple[float, float]:
            began = time.perf_counter()
            cpu_s = sum(run_tasks(timed, tasks, Workers(options.jobs)))
            return count / (time.perf_counter() - began), 1000 * cpu_s / count

        once()
        a_s, cpu_ms = zip(*(once() for _ in range(options.repeats)), strict=True)
        return {"a_s": spread(a_s, 0), "cpu_ms_each": spread(cpu_ms, 2)}

    def world() -> float:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            make_world(
                Path(folder) / "world",
                World(options.people, 0, SETTINGS),
                Workers(jobs=options.jobs),
            )
            return 10 * options.people / (time.perf_counter() - began)

    print(
        line(
            "planted",
            ("numpy", "joblib", "webrtcvad-wheels"),
            jobs=options.jobs,
            seconds_each=SETTINGS.duration_s[0],
            recordings=options.recordings,
            synthesis=rates(synthesise, options.recordings),
            synthesis_and_front_end=rates(hear, options.recordings),
            images=options.images,
            rendering=rates(draw, options.images),
            world_recordings_and_as_many_images_a_s=spread(
                [world() for _ in range(options.repeats)], 0
            ),
        )
    )


def timed(function: Callable[[int, int], int], first: int, last: int) -> float:
    """Seconds that the processor spent on a task."""
    began = time.process_time()
    function(first, last)
    return time.process_time() - began


def synthesise(first: int, last: int) -> int:
    """Recordings alone."""
    for number in range(first, last):
        record(sample_person(0, number, SETTINGS), 0, SETTINGS)
    return last - first


def hear(first: int, last: int) -> int:
    """Recordings and their spectrograms."""
    front_end = preset("wen2019")
    for number in range(first, last):
        waveform = record(sample_person(0, number, SETTINGS), 0, SETTINGS)
        extract(Recording("planted", waveform, SAMPLE_RATE_HZ), front_end)
    return last - first


def draw(first: int, last: int) -> int:
    """Images, one a person."""
    people = [sample_person(0, number, SETTINGS) for number in range(first, last)]
    return len(photograph(people, [0] * len(people), SETTINGS))


if __name__ == "__main__":
    main()
