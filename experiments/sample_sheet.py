"""The README's picture: a row a speaker, a column a seed, the same seeds for all, nobody picked.

python experiments/sample_sheet.py STORE OUT [--model NAME]

The speakers are of the test split and chosen by a seed: four women, then four men. What
differs along a column follows from the voice.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.files import write_atomically
from voice2face.images.sheet import encode, grid
from voice2face.labels import GENDERS
from voice2face.runtime.description import DEFAULT_MODEL
from voice2face.runtime.xmp import xmp_packet

SPEAKERS_EACH = 4
SEEDS = 8
FACE_PX = 128


def main() -> None:
    """Draw the first face of each seed for each speaker."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--seed", type=int, default=0, help="chooses the speakers")
    options = parser.parse_args()
    store = Store.open(options.store)
    voices, model = store.voices, VoiceToFace.load(options.model)
    random = np.random.default_rng(options.seed)
    faces = []
    for gender in GENDERS:
        rows = {
            voices["identity"][row]: row
            for row, split in enumerate(voices["split"])
            if split == "test" and voices["gender"][row] == gender
        }
        for identity in random.choice(sorted(rows), SPEAKERS_EACH, replace=False):
            log_mel = store.log_mel(rows[str(identity)])
            faces += [model.imagine(log_mel, 1, seed) for seed in range(SEEDS)]
            print(identity, gender)
    sheet = grid(np.concatenate(faces), columns=SEEDS)
    size = SEEDS * FACE_PX, 2 * SPEAKERS_EACH * FACE_PX
    picture = sheet.resize(size, Image.Resampling.LANCZOS)
    write_atomically(options.out, encode([picture], options.out.suffix, xmp_packet()))


if __name__ == "__main__":
    main()
