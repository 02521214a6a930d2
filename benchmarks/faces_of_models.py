"""How good the faces of one or more models are, in one harness, beside real ones.

    python benchmarks/faces_of_models.py STORE LABELS.csv MODEL [MODEL ...] > result.json

For each gender, as many faces are drawn for the voices of the test split, with random noise, and
compared with the real faces of that split: kernel distance (and, for scale, that of as many faces
of the training split); distance between faces of one voice against that between real people of the
gender; coverage of the real faces (Naeem et al. 2020, arXiv 2002.09797), also by the group that the
data set's own label (column `race` of LABELS.csv, file `val/...`) puts each photograph in; distance
to the nearest training face, mirrored ones included; and how many of the faces two detectors find.
Nothing here says of anybody what group he or she is of: the labels are those of photographs.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from record import line
from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.judges import DETECTORS, IMAGE_FEATURES, load_judge
from voice2face.labels import GENDERS
from voice2face.metrics.image_quality import (
    diversity,
    kernel_distance,
    membership,
    nearest_distances,
)

FEATURES = ("efficientnet-lite0", "random-convolutions")
# Fast enough for all training faces.
NEAREST = "random-convolutions"
Faces = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--faces", type=int, default=1000, help="a gender")
    parser.add_argument("--truncation", type=float, default=1.0)
    options = parser.parse_args()
    store = Store.open(options.store)
    drawn = {name: draw(name, store, options) for name in options.models}
    held_out = real_rows(store, "test")
    training = real_rows(store, "train")
    groups = labelled(options.labels, [store.faces["file"][row] for row in held_out])
    figures: dict[str, dict] = {name: {} for name in options.models}
    for name, (faces, _) in drawn.items():
        for detector in DETECTORS:
            found = load_judge(DETECTORS, detector).found(faces)
            figures[name][f"found_by_{detector}_percent"] = round(100 * float(found.mean()), 2)
    real: dict[str, dict] = {}
    genders = np.array([store.faces["gender"][row] for row in held_out])
    for of in FEATURES:
        features = load_judge(IMAGE_FEATURES, of)
        seen = features.extract(store.images[held_out])
        chosen = np.random.default_rng(0).choice(training, 2 * options.faces, replace=False)
        sample = features.extract(store.images[np.sort(chosen)])
        among = {one: diversity(seen[genders == one]) for one in GENDERS}
        scale = kernel_distance(sample, seen)
        real[of] = {
            "kernel_distance_of_training_faces": scale,
            "distance_between_people": among,
            "coverage_by_training_faces": coverage(seen, sample, groups),
        }
        seen_of = {name: features.extract(faces) for name, (faces, _) in drawn.items()}
        for name, (_, voices) in drawn.items():
            figures[name][of] = judged(seen_of[name], voices, seen, among, groups, scale)
        if of == NEAREST:
            known = features.extract(store.images[training])
            mirrored = features.extract(store.images[training][:, :, ::-1])
            known = np.concatenate([known, mirrored])
            nearest = nearest_distances(seen, known)
            real["nearest_training_face"] = quantiles(nearest)
            for name, of_model in seen_of.items():
                figures[name]["nearest_training_face"] = copied(of_model, known, nearest)
    rounded = json.loads(
        json.dumps({"real": real, **figures}), parse_float=lambda x: round(float(x), 5)
    )
    print(line("faces_of_models", ("numpy", "onnxruntime"), faces=2 * options.faces,
               truncation=options.truncation, held_out=len(held_out), training=len(training),
               models=options.models, figures=rounded))  # fmt: skip


def draw(name: str, store: Store, options: argparse.Namespace) -> tuple[Faces, list[str]]:
    """Faces, women's voices first, and the gender and the recording that each was drawn for."""
    model = VoiceToFace.load(name)
    faces, voices = [], []
    for gender in GENDERS:
        rows = [
            row
            for row, split in enumerate(store.voices["split"])
            if split == "test" and store.voices["gender"][row] == gender
        ]
        each = -(-options.faces // len(rows))
        of_gender = []
        for row in rows:
            of_gender.append(imagined(model, store.log_mel(row), each, row, options.truncation))
            voices += [f"{gender}/{row}"] * each
        faces += of_gender
    return np.concatenate(faces), voices


def imagined(
    model: VoiceToFace, log_mel: NDArray[np.float32], count: int, row: int, truncation: float
) -> Faces:
    """Faces of one recording, a seed each as many as one call may draw."""
    most = 64
    parts = [
        model.imagine(log_mel, min(most, count - first), 1000 * row + first, truncation)
        for first in range(0, count, most)
    ]
    return np.concatenate(parts)


def real_rows(store: Store, split: str) -> list[int]:
    """Photographs of a split."""
    return [row for row, of_split in enumerate(store.faces["split"]) if of_split == split]


def labelled(table: Path, files: list[str]) -> NDArray[np.str_]:
    """The data set's own label of each photograph."""
    with table.open(newline="") as content:
        of_file = {Path(row["file"]).name: row["race"] for row in csv.DictReader(content)}
    return np.array([of_file[Path(file).name] for file in files])


def judged(faces, voices, seen, among, groups, scale) -> dict:
    """Everything about a model's faces in one kind of features."""
    distance, voice = kernel_distance(faces, seen), np.array(voices)
    within = {
        one: np.mean([diversity(faces[voice == v]) for v in set(voices) if v.startswith(one)])
        for one in GENDERS
    }
    return {
        "kernel_distance": distance,
        "times_that_of_training_faces": distance / scale,
        "distance_between_faces_of_a_voice": within,
        "of_that_between_people_percent": {one: 100 * within[one] / among[one] for one in GENDERS},
        "coverage": coverage(seen, faces, groups),
    }


def copied(faces, known, nearest) -> dict:
    """How near faces come to training faces, against how near held-out real faces do."""
    found = nearest_distances(faces, known)
    share = float((found < np.quantile(nearest, 0.01)).mean())
    return {
        **quantiles(found),
        "nearer_than_every_held_out_face": int((found < nearest.min()).sum()),
        "nearer_than_1_percent_of_held_out_percent": 100 * share,
    }


def coverage(seen, faces, groups) -> dict[str, float]:
    """Share of real faces that have a generated one in their neighbourhood, by group of label."""
    covered = membership(seen, faces).covered
    return {
        "all": float(covered.mean()),
        **{str(one): float(covered[groups == one].mean()) for one in np.unique(groups)},
    }


def quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    """Least, hundredth part and median."""
    return {
        "least": float(values.min()),
        "1 %": float(np.quantile(values, 0.01)),
        "median": float(np.median(values)),
    }


if __name__ == "__main__":
    main()
