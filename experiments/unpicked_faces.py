"""Two hundred faces that nobody picked: 100 of women's voices, 100 of men's, a seed each.

    python experiments/unpicked_faces.py STORE OUT.jpg [--model NAME]

The voices are those of the test split in turn; face i has the seed i. A row has twenty faces, of
128 pixels each.
"""

from __future__ import annotations

import argparse
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.files import write_atomically
from voice2face.images.sheet import encode, grid
from voice2face.labels import GENDERS
from voice2face.runtime.description import DEFAULT_MODEL
from voice2face.runtime.xmp import xmp_packet

EACH, COLUMNS, FACE_PX = 100, 20, 128


def main() -> None:
    """Draw the faces."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    faces = unpicked_faces(VoiceToFace.load(options.model), Store.open(options.store), EACH)
    sheet = grid(faces, columns=COLUMNS)
    size = COLUMNS * FACE_PX, len(faces) // COLUMNS * FACE_PX
    picture = sheet.resize(size, Image.Resampling.LANCZOS)
    write_atomically(options.out, encode([picture], options.out.suffix, xmp_packet()))


def unpicked_faces(
    model: VoiceToFace, store: Store, each: int, first_seed: int = 0
) -> NDArray[np.uint8]:
    """Generate so many faces of each gender: (faces, size, size, 3), women's voices first."""
    faces = []
    for gender in GENDERS:
        rows = [
            row
            for row, split in enumerate(store.voices["split"])
            if split == "test" and store.voices["gender"][row] == gender
        ]
        for seed, row in enumerate(islice(cycle(rows), each), first_seed + len(faces)):
            faces.append(model.imagine(store.log_mel(row), 1, seed)[0])
    return np.stack(faces)


if __name__ == "__main__":
    main()
