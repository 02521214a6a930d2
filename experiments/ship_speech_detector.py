"""Put a trained speech detector, with its measured error rates, into the models that ship.

    python benchmarks/speech_detector.py ... > benchmarks/results/speech_detector.json
    python experiments/ship_speech_detector.py RUN

Of the benchmark's results the column "after" is that of RUN's detector.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from voice2face.export import write_card
from voice2face.files import sha256, write_atomically
from voice2face.runtime.bundle_file import SPEECH_DETECTOR_FILE
from voice2face.runtime.description import SpeechDecision, bundled_models
from voice2face.runtime.shipped_detector import DECISION_FILE, decision_json

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks/results/speech_detector.json"
FOLDER = REPOSITORY / "src/voice2face/models/speech_detector"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    trained = parser.parse_args().run / "speech_detector"
    network = (trained / SPEECH_DETECTOR_FILE).read_bytes()
    sets = json.loads(RESULT.read_text())["sets"]
    speech, sounds = sets["all speech as recorded"], sets["all other sounds"]
    decision = SpeechDecision(
        threshold=0.0,
        false_refusal=speech["after"],
        false_acceptance=sounds["after"],
        description=(
            "A small network told speech from animals, music, machines and noise; measured on "
            f"{speech['n']} recordings of speech and {sounds['n']} of other sounds, of speakers "
            "and collections that it did not learn from (benchmarks/results/speech_detector.json)."
        ),
    )
    write_atomically(FOLDER / SPEECH_DETECTOR_FILE, network)
    name = json.loads((trained / DECISION_FILE).read_text())["front_end"]
    text = json.dumps(decision_json(name, decision), indent=2) + "\n"
    write_atomically(FOLDER / DECISION_FILE, text.encode())
    for folder in bundled_models().values():
        path = folder / "model.json"
        about = json.loads(path.read_text())
        if about.get("speech") is None:
            continue
        write_atomically(folder / SPEECH_DETECTOR_FILE, network)
        about["speech"] = dataclasses.asdict(decision)
        about["files"][SPEECH_DETECTOR_FILE] = sha256(folder / SPEECH_DETECTOR_FILE)
        write_atomically(path, (json.dumps(about, indent=2) + "\n").encode())
        write_card(folder, about["card"])


if __name__ == "__main__":
    main()
