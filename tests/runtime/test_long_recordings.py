"""An hour of two speakers: the memory is that of ten minutes, and the main voice is drawn."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from voice2face import VoiceToFace
from voice2face.audio.decode import decode

RATE_HZ = 16000
# Of any two speakers, so that the test does not depend on how well the model tells them apart.
PROGRAM = """
import dataclasses, json, sys
from pathlib import Path
from voice2face import VoiceToFace


def most_mib():
    # Not getrusage, which begins with what the process that started this one had.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

model = VoiceToFace.load()
model._bundle.description = dataclasses.replace(model.description, two_voices=0.9)
before = most_mib()
heard = model.read(sys.argv[1])
faces = model.generate(heard, samples=2)
print(json.dumps({
    "grown_mib": most_mib() - before,
    "duration_s": faces.duration_s,
    "stretches_s": faces.stretches_s,
    "two_voices": heard.two_voices,
    "voices": [[one.share, one.woman_probability, len(one.faces)] for one in faces.voices],
    "embedding": faces.embedding.tolist(),
}))
"""


def talk_of(path: Path, talk: np.ndarray, minutes: int) -> Path:
    """So many minutes of a talk again and again, of which the first third is drowned in noise."""
    random = np.random.default_rng(0)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for minute in range(minutes):
            said = np.roll(talk, -minute * 60 * RATE_HZ)
            block = np.resize(said, 60 * RATE_HZ).astype(np.float64)
            if minute < minutes // 3:
                block = block / 4 + random.normal(0, 1000, len(block))
            file.writeframes(block.astype("<i2").tobytes())
    return path


def heard_in(path: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux")
def test_an_hour_of_two_speakers(conversation, example, tmp_path):
    talk = decode(conversation, "talk").waveform
    hour = heard_in(talk_of(tmp_path / "hour.wav", talk, 60))
    short = heard_in(talk_of(tmp_path / "short.wav", talk, 12))
    assert hour["duration_s"] == 3600
    # The samples of the fifty minutes that are not used would take 92 MiB.
    assert hour["grown_mib"] < short["grown_mib"] + 60
    assert sum(end - start for start, end in hour["stretches_s"]) == 600
    assert hour["stretches_s"][0][0] >= 20 * 60, "a drowned stretch was used"
    assert hour["two_voices"]
    (share, woman, n_drawn), (other_share, other_woman, n_other) = hour["voices"]
    assert (n_drawn, n_other) == (2, 0)
    assert share + other_share == pytest.approx(1)
    assert share == pytest.approx(0.6, abs=0.12)
    assert woman > 0.9
    assert other_woman < 0.5
    alone = VoiceToFace.load().read(example).voices[0].embedding
    assert np.array(hour["embedding"]) @ alone > 0.85
