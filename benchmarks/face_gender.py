"""How often drawn faces have the speaker's gender, on speakers and channels unheard.

    python benchmarks/face_gender.py STORE [MODEL ...] --grid ../shared/data/pairs/grid

The recordings, and how they are made worse, are those of `voice_gender.py`. Every judge of gender
that is installed sees every face; a face that the detector does not find counts as wrong.
Intervals are over speakers. What the model would refuse as no speech is drawn all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from record import line
from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.judges import (
    ATTRIBUTE_CLASSIFIERS,
    DETECTORS,
    load_available,
    load_judge,
    suited,
)
from voice2face.runtime.description import DEFAULT_MODEL
from voice_gender import TrialScores, ask, ask_grid, shares


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("models", nargs="*", default=[DEFAULT_MODEL])
    parser.add_argument("--grid", type=Path, help="folder of the GRID clips")
    parser.add_argument("--samples", type=int, default=8, help="faces a recording")
    options = parser.parse_args()
    torch.set_num_threads(1)
    asked = ask(Store.open(options.store))
    if options.grid:
        asked["GRID video"] = ask_grid(options.grid)
    judges, missing = load_available(suited(ATTRIBUTE_CLASSIFIERS, planted=False))
    print("\n".join(missing), file=sys.stderr)
    detector = load_judge(DETECTORS, "mtcnn")
    figures = {}
    for name in options.models:
        model = VoiceToFace.load(name)
        figures[name] = {
            condition: judged(model, of_one, judges, detector, options.samples)
            for condition, of_one in asked.items()
        }
    print(line("face_gender", ("numpy", "onnxruntime", "torch"), samples=options.samples,
               models=figures))  # fmt: skip


def judged(
    model: VoiceToFace, asked: TrialScores, judges, detector, samples: int
) -> dict[str, object]:
    """Shares of faces of the speaker's gender, by judge."""
    faces = np.concatenate(
        [model.imagine(log_mel, samples, seed) for seed, log_mel in enumerate(asked.log_mels)]
    )
    woman, speakers = np.repeat(asked.woman, samples), np.repeat(asked.speakers, samples)
    found = detector.found(faces)
    told: dict[str, object] = {"refused": asked.refused, "face_found": round(found.mean(), 4)}
    for judge in judges:
        seen = np.array(judge.classify(faces)["gender"])
        right = found & (seen == np.where(woman, "female", "male"))
        told[judge.name] = shares(right, woman, speakers)
    print(json.dumps(told, default=float), file=sys.stderr)
    return told


if __name__ == "__main__":
    main()
