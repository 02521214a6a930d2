"""The contact sheet of aligned faces in docs/faces.md.

    python experiments/aligned_faces.py --data ../shared/data -o docs/pictures/aligned_faces.png

Two rows of pictures as they come, each above the face that the default detector and alignment make
of it: GRID, then FairFace (a seeded sample). A picture that is refused is left grey.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from voice2face.errors import DataError
from voice2face.images.detect import FaceDetector
from voice2face.images.photographs import aligned_face, read_photograph
from voice2face.images.sheet import grid
from voice2face.images.video import video_frames
from voice2face.pretrained.detectors import load_detector

COLUMNS = 8
SIDE_PX = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data sets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG to write")
    parser.add_argument("--detector", default="mtcnn")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clips = sorted((arguments.data / "pairs" / "grid").glob("*.mpg"))[:COLUMNS]
    photographs = sorted((arguments.data / "faces" / "fairface" / "val").glob("*.jpg"))
    # Upright pictures are no test of alignment: half of the photographs are tilted first.
    sample = [read_photograph(path) for path in random.Random(1).sample(photographs, 2 * COLUMNS)]
    rows = [
        [next(video_frames(clip, every_s=1, limit=1))[1] for clip in clips],
        sample[:COLUMNS],
        [tilted(image, 5 * turn - 20) for turn, image in enumerate(sample[COLUMNS:])],
    ]
    detector = load_detector(arguments.detector)
    tiles = [
        tile
        for row in rows
        for tile in [fitted(image) for image in row] + [aligned(image, detector) for image in row]
    ]
    picture = grid(np.stack(tiles), COLUMNS)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    # 256 colours and dither: a third of the size, and next to nothing to see.
    palette = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    dithered = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    dithered.save(arguments.output, optimize=True)


def fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole picture in a square, on white."""
    size = (SIDE_PX, SIDE_PX)
    picture = Image.fromarray(image)
    return np.asarray(ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color="white"))


def tilted(image: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC))


def aligned(image: NDArray[np.uint8], detector: FaceDetector) -> NDArray[np.uint8]:
    try:
        return aligned_face(image, detector, SIDE_PX)
    except DataError as error:
        print(error)
        return np.full((SIDE_PX, SIDE_PX, 3), 200, np.uint8)


if __name__ == "__main__":
    main()
