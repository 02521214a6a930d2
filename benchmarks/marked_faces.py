"""Whether the imperceptible mark moves the kernel distance of faces to real ones.

    python benchmarks/marked_faces.py STORE MODEL > result.json

The faces are those of benchmarks/faces_of_models.py: half for voices of each gender, each with a
seed of its own, against real faces of the test split. They are judged at their own pixels, and as a
sheet shows them, at 256 px: there the real faces are enlarged alike. Both sets of generated faces
are the same but for the mark, so the difference has an interval of its own: of 95 %, over both
sides' faces, which are drawn anew 1,000 times.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces_of_models import FEATURES, Faces, generated, kernel_distance_interval, real_rows
from record import line
from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.evaluation.face_sets import FaceSet, PairSums
from voice2face.judges import IMAGE_FEATURES, load_judge
from voice2face.metrics.image_quality import cubic_kernel, kernel_distance
from voice2face.metrics.intervals import percentiles
from voice2face.runtime.face_mark import mark_faces
from voice2face.runtime.sheet_mark import mark_sheet

ON_A_SHEET_PX = 256
AT_ONCE = 100

Features = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("model")
    parser.add_argument("--faces", type=int, default=1000, help="a gender")
    options = parser.parse_args()
    store = Store.open(options.store)
    model = VoiceToFace.load(options.model)
    real = store.images[np.array(real_rows(store, "test"))]
    faces = np.concatenate(generated(model, store, options.faces, truncation=1.0))
    figures = {
        f"{name}, {size} px": moved(name, faces, real, size, model.description.number)
        for size in (faces.shape[1], ON_A_SHEET_PX)
        for name in FEATURES
    }
    print(
        line(
            "marked_faces",
            ("numpy", "onnxruntime", "pillow", "torch"),
            model=options.model,
            faces=len(faces),
            held_out=len(real),
            figures=json.loads(json.dumps(figures), parse_float=lambda x: round(float(x), 5)),
        )
    )


def moved(name: str, faces: Faces, real: Faces, size: int, number: int) -> dict[str, list[float]]:
    """Give the kernel distances without and with the mark, and their difference."""
    judge = load_judge(IMAGE_FEATURES, name)

    def mark(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return mark_sheet(face, number) if size == ON_A_SHEET_PX else mark_faces(face, size)

    def features(of: Faces, marked: bool = False) -> Features:
        seen = []
        for first in range(0, len(of), AT_ONCE):
            shown = [enlarged(face, size) for face in of[first : first + AT_ONCE]]
            if marked:
                shown = [mark(face) for face in shown]
            seen.append(judge.extract(np.stack(shown)))
        return np.concatenate(seen).astype(np.float64)

    held_out = features(real)
    scale = np.sqrt((held_out**2).mean())
    held_out /= scale
    plain, marked = features(faces) / scale, features(faces, marked=True) / scale
    return {
        "without the mark": kernel_distance_interval(plain, held_out),
        "with it": kernel_distance_interval(marked, held_out),
        "difference": difference(plain, marked, held_out),
    }


def enlarged(face: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Enlarge a face as a sheet does."""
    return np.asarray(Image.fromarray(face).resize((size, size), Image.Resampling.LANCZOS))


def difference(plain: Features, marked: Features, real: Features) -> list[float]:
    """How much the mark adds to the kernel distance, with both sides' faces drawn anew."""
    drawn, others = (
        FaceSet.create(one, np.arange(len(one)), len(one), seed)
        for seed, one in enumerate((marked, real))
    )
    own = PairSums.within(cubic_kernel(marked, marked) - cubic_kernel(plain, plain), drawn)
    across = PairSums.across(cubic_kernel(marked, real) - cubic_kernel(plain, real), drawn, others)
    resampled = own.mean(drawn.weights, drawn.weights)
    resampled -= 2 * across.mean(drawn.weights, others.weights)
    value = kernel_distance(marked, real) - kernel_distance(plain, real)
    return [value, *map(float, percentiles(resampled))]


if __name__ == "__main__":
    main()
