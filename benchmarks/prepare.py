"""How quickly data sets become a store, and batches come out of one.

    python benchmarks/prepare.py --data ../shared/data

Voices: times real time, from the files on disk to the joined store, on `--jobs` processes. Faces:
images a second, already cropped, and with detection and alignment. Batches: milliseconds for 128
random crops of 300 to 800 frames and 128 faces, to tensors as a training step takes them.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from record import line, spread
from voice2face.audio.decode import decode
from voice2face.data.backends import Workers
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.people import DataSet
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import Store, StoreSettings
from voice2face.training.crops import (
    VoiceCrops,
    crop_length,
    faces_to_tensor,
    random_source,
    sample_indices,
)

BATCH = 128
CROP_FRAMES = (300, 800)
FEW = 4  # files of the side that is not measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data sets")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--voice-files", type=int, default=10_000, help="recordings at most")
    parser.add_argument("--images", type=int, default=4_000, help="cropped faces at most")
    parser.add_argument("--detected", type=int, default=256, help="faces to find and align")
    parser.add_argument("--detector", default="mtcnn")
    options = parser.parse_args()

    folders = (
        ("duke", "duke-alphanumeric"),
        ("librispeech", "librispeech-100"),
        ("dspspeech", "dspspeech-20"),
    )
    voices = [
        import_rows(f"{name}:{options.data / 'voices' / place}", VOICES) for name, place in folders
    ]
    voices = [(source, rows[: options.voice_files]) for source, rows in voices]
    faces = [import_rows(f"fairface:{options.data / 'faces' / 'fairface'}", FACES)]
    sound_s = sum(decode(row.path, str(row.path)).duration_s for _, rows in voices for row in rows)
    cropped = StoreSettings()
    detected = StoreSettings(detector=options.detector)

    pairing, workers = PairingSettings("gender"), Workers(options.jobs)

    def seconds(what: tuple[list[DataSet], list[DataSet]], settings: StoreSettings) -> float:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            prepare(*what, settings, Path(folder) / "store", pairing, workers)
            return time.perf_counter() - began

    def repeated(measure: Callable[[], float]) -> list[float]:
        measure()
        return [measure() for _ in range(options.repeats)]

    few_voices, few_faces = first(voices, FEW), first(faces, FEW)
    some, found = first(faces, options.images), first(faces, options.detected)
    n_some, n_found = len(some[0][1]), len(found[0][1])
    voice_times = repeated(lambda: seconds((voices, few_faces), cropped))
    face_times = repeated(lambda: seconds((few_voices, some), cropped))
    detected_times = repeated(lambda: seconds((few_voices, found), detected))
    with tempfile.TemporaryDirectory() as folder:
        store = prepare(
            voices,
            some,
            cropped,
            Path(folder) / "store",
            PairingSettings("gender"),
            Workers(jobs=options.jobs),
        )
        batch_times = batches(store)
        n_recordings = store.card["n_recordings"]
    print(
        line(
            "prepare",
            ("av", "numpy", "pillow", "joblib", "torch", "webrtcvad-wheels"),
            jobs=options.jobs,
            hours_of_sound=round(sound_s / 3600, 3),
            recordings=n_recordings,
            voices_times_real_time=spread([sound_s / s for s in voice_times], 0),
            cropped_images=n_some,
            cropped_images_a_s=spread([n_some / s for s in face_times], 0),
            detector=options.detector,
            detected_images=n_found,
            detected_images_a_s=spread([n_found / s for s in detected_times], 1),
            batch=BATCH,
            crop_frames=CROP_FRAMES,
            batch_ms=spread([1000 * s for s in batch_times]),
        )
    )


def first(data_sets: list[DataSet], count: int) -> list[DataSet]:
    """The first files of each data set."""
    return [(source, rows[:count]) for source, rows in data_sets]


def batches(store: Store) -> list[float]:
    """Seconds that each of many random batches takes."""
    torch.set_num_threads(1)
    crops = VoiceCrops(store)
    n_voices, n_faces = len(store.voices["start"]), len(store.images)
    times = []
    for step in range(120):
        random = random_source(0, "benchmark", step)
        began = time.perf_counter()
        length = crop_length(CROP_FRAMES, 0, "benchmark", step)
        where = torch.rand(BATCH, generator=random)
        crops.crop(sample_indices(n_voices, BATCH, random), length, where)
        rows = sample_indices(n_faces, BATCH, random).numpy()
        faces_to_tensor(torch.from_numpy(store.images[rows]))
        times.append(time.perf_counter() - began)
    return times[20:]


if __name__ == "__main__":
    main()
