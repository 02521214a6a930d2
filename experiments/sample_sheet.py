"""The sheet of random samples in the README: people not trained on, chosen by a seed, not by eye.

python experiments/sample_sheet.py STORE OUT.png [--model NAME]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.images.sheet import grid, save_png
from voice2face.runtime.description import DEFAULT_MODEL

SPEAKERS_EACH = 4
SAMPLES = 8
FACE_PX = 64


def main() -> None:
    """Draw a row of eight faces for each of four women's voices, then of four men's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    voices = Store.open(options.store).voices
    model = VoiceToFace.load(options.model)
    random = np.random.default_rng(options.seed)
    faces = []
    for gender in ("female", "male"):
        files = {
            voices["identity"][row]: voices["file"][row]
            for row, split in enumerate(voices["split"])
            if split == "test" and voices["gender"][row] == gender
        }
        for identity in random.choice(sorted(files), SPEAKERS_EACH, replace=False):
            # Another seed each: with one, a column would share its noise.
            seed = options.seed + len(faces)
            drawn = model.generate(files[str(identity)], SAMPLES, seed)
            faces.extend(drawn.faces)
            print(identity, gender)
    sheet = grid(np.stack(faces), columns=SAMPLES)
    scale = FACE_PX / faces[0].shape[0]
    save_png(sheet.resize((int(sheet.width * scale), int(sheet.height * scale))), options.out)


if __name__ == "__main__":
    main()
