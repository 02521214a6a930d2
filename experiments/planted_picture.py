"""Draw docs/pictures/planted.png: eight people of a planted world, four images each.

python experiments/planted_picture.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from voice2face.files import atomic_path
from voice2face.images.sheet import grid
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.latents import WorldSettings, sample_person

REPOSITORY = Path(__file__).resolve().parents[1]
PEOPLE, IMAGES = 8, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=REPOSITORY / "docs/pictures/planted.png")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    settings = WorldSettings()
    people = [sample_person(options.seed, number, settings) for number in range(PEOPLE)]
    images = [photograph(people, [index] * PEOPLE, settings) for index in range(IMAGES)]
    # A person a column.
    picture = grid(np.concatenate(images), columns=PEOPLE)
    picture = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST)
    with atomic_path(options.out) as path:
        picture.save(path, format="PNG", optimize=True)


if __name__ == "__main__":
    main()
