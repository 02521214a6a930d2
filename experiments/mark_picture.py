"""Draws docs/pictures/marks.png: without the mark, with it, and the difference times ten.

python experiments/mark_picture.py RECORDING -o docs/pictures/marks.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from voice2face import VoiceToFace
from voice2face.images.sheet import caption_sheet, save_png
from voice2face.runtime.face_mark import mark_faces
from voice2face.runtime.sheet_mark import mark_sheet
from voice2face.runtime.xmp import xmp_packet


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    model = VoiceToFace.load()
    (face,) = model.generate(options.recording, samples=1).faces
    large = np.asarray(caption_sheet(face[None], ""))[12:268, 12:268]
    rows = []
    on_a_sheet = mark_sheet(large, model.description.number)
    for plain, marked in ((large, on_a_sheet), (face, mark_faces(face, len(face)))):
        tenfold = np.clip(10 * (marked.astype(int) - plain) + 128, 0, 255).astype(np.uint8)
        repeat = 256 // len(plain)
        row = np.concatenate([plain, marked, tenfold], axis=1)
        rows.append(row.repeat(repeat, axis=0).repeat(repeat, axis=1))
    save_png(Image.fromarray(np.concatenate(rows)), options.out, xmp_packet())


if __name__ == "__main__":
    main()
