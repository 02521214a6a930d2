"""How many times real time the voice front end runs on one core, VAD and log-mel together.

python benchmarks/front_end.py FOLDER_OF_RECORDINGS
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import time
from pathlib import Path

import numpy as np

from record import line, spread
from voice2face.audio.decode import decode
from voice2face.audio.log_mel import log_mel, normalise_bands
from voice2face.audio.settings import preset
from voice2face.audio.vad import voiced_waveform

SECONDS = 10


def main() -> None:
    """Measure over ten 10 s cuts of real recordings, each many times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    settings = preset("wen2019")
    cuts: list[np.ndarray] = []
    for path in sorted(options.recordings.rglob("*.flac")):
        waveform = decode(path, str(path)).waveform
        if len(waveform) >= SECONDS * settings.sample_rate_hz:
            cuts.append(waveform[: SECONDS * settings.sample_rate_hz])
        if len(cuts) == 10:
            break

    def both(waveform: np.ndarray) -> tuple[float, float]:
        began = time.perf_counter()
        voiced = voiced_waveform(waveform, settings)
        heard = time.perf_counter()
        normalise_bands(log_mel(voiced, settings))
        return heard - began, time.perf_counter() - heard

    both(cuts[0])
    times = np.array([both(cut) for _ in range(options.repeats) for cut in cuts])
    print(
        line(
            "front_end",
            ("numpy", "webrtcvad-wheels"),
            seconds_each=SECONDS,
            recordings=len(cuts),
            threads=1,
            times_real_time=spread(SECONDS / times.sum(axis=1), 0),
            vad_ms=spread(1000 * times[:, 0]),
            log_mel_ms=spread(1000 * times[:, 1]),
        )
    )


if __name__ == "__main__":
    main()
