"""Which faces show what they are paired by."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from voice2face.data.importers import FACES, import_rows
from voice2face.data.pairing import Pairing, pair
from voice2face.data.store import Store
from voice2face.errors import ConfigError
from voice2face.images.photographs import read_face
from voice2face.ranges import problems
from voice2face.training.gan.clear_faces import clearest, describe, left_out_margins
from voice2face.training.presets import preset

N_REAL = 600


def store_of(images: np.ndarray, faces: dict[str, list]) -> Store:
    """A store of these training faces, and of a voice of each gender."""
    n = len(images)
    voices = {"identity": ["v", "w"], "gender": ["female", "male"], "split": ["train"] * 2}
    # Of two people: a regression is fitted for each.
    known = {"identity": [f"p{i % 2}" for i in range(n)], "age": [None] * n, "split": ["train"] * n}
    return Store(Path("small"), {}, voices, known | faces, np.zeros((0, 64), np.float16), images)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Store:
    """Real photographs."""
    _, rows = import_rows(f"fairface:{shared_data / 'faces' / 'fairface'}", FACES)
    rows = rows[:N_REAL]
    images = np.stack([read_face(row.path, 64, 0.9) for row in rows])
    return store_of(
        images, {"gender": [row.gender for row in rows], "age": [row.age for row in rows]}
    )


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)


def test_a_face_is_described_by_its_colours_and_edges():
    face = np.full((1, 64, 64, 3), 255, np.uint8)
    face[:, :, :31] = 0  # a vertical edge in the fourth of eight columns, right beside the fifth
    found = describe(face)
    assert found.shape == (1, 32 * 32 * 3 + 8 * 8 * 8)
    colours, edges = found[0, :3072].reshape(32, 32, 3), found[0, 3072:].reshape(8, 8, 8)
    np.testing.assert_array_equal(colours[:, :15], -1)
    np.testing.assert_array_equal(colours[:, 15], 0)  # half black, half white
    np.testing.assert_array_equal(colours[:, 16:], 1)
    # Brighter to the right: the first direction, in the eight parts that hold the edge.
    np.testing.assert_allclose(edges[:, 3, 0] ** 2, 1 / 8, rtol=1e-5)
    assert edges.astype(bool).sum() == 8
    turned = describe(face.transpose(0, 2, 1, 3))[0, 3072:].reshape(8, 8, 8)
    np.testing.assert_allclose(turned[3, :, 4], edges[:, 3, 0])
    assert describe(face[:, :, ::-1])[0, 3072:].reshape(8, 8, 8)[:, 4, 0].all()
    flat = describe(np.full((1, 32, 32, 3), 9, np.uint8))[0]
    assert not flat[3072:].any()


def test_an_edge_counts_for_the_directions_it_lies_between():
    down, right = np.mgrid[:64, :64]
    # As much brighter to the right as twice downwards: 63.4 degrees, of 22.5 a direction.
    slope = np.repeat((right + 2 * down)[..., None], 3, axis=2).astype(np.uint8)
    inside = describe(slope[None])[0, 3072:].reshape(8, 8, 8)[3, 3] ** 2
    assert np.flatnonzero(inside).tolist() == [2, 3]
    between = np.degrees(np.arctan2(2, 1)) / 22.5 - 2
    assert inside[3] / inside.sum() == pytest.approx(between, abs=1e-4)


@pytest.mark.long
def test_margins_are_those_of_a_regression_on_other_peoples_faces(noise):
    labels = np.arange(40) % 3
    noise[labels == 1, :, :, 0] //= 2
    identities = [f"p{i // 2:02d}" for i in range(40)]
    margins = left_out_margins(noise, labels, identities)
    fold = np.arange(40) // 2 % 5
    inputs, mirrored = describe(noise), describe(noise[:, :, ::-1])
    for one in range(5):
        known, asked = fold != one, fold == one
        both = np.concatenate([inputs[known], mirrored[known]]).astype(np.float64)
        scaler = StandardScaler().fit(both)
        model = Ridge(alpha=0.2 * len(both)).fit(
            scaler.transform(both), np.eye(3)[np.tile(labels[known], 2)]
        )
        scores = model.predict(scaler.transform((inputs[asked] + mirrored[asked]) / 2))
        own = scores[np.arange(len(scores)), labels[asked]]
        others = np.where(np.eye(3)[labels[asked]] == 1, -np.inf, scores).max(axis=1)
        np.testing.assert_allclose(margins[asked], own - others, atol=2e-4)


@pytest.mark.long
def test_ones_own_other_photographs_tell_nothing(noise):
    """Each face is there twice, under a label that nothing in it shows."""
    labels = np.random.default_rng(1).permutation(40) % 2
    faces, labels = np.concatenate([noise, noise]), np.concatenate([labels, labels])
    same = [f"p{i % 2}" for i in range(80)]
    assert 0.2 < (left_out_margins(faces, labels, same) > 0).mean() < 0.8
    strangers = [f"p{(i + i // 40) % 2}" for i in range(80)]
    assert (left_out_margins(faces, labels, strangers) > 0).mean() > 0.9


@pytest.mark.long
def test_wrong_labels_are_found_among_real_faces(real):
    """Of a tenth of the faces, the wrong gender is told."""
    wrong = np.random.default_rng(0).permutation(N_REAL)[: N_REAL // 10]
    genders = list(real.faces["gender"])
    for row in wrong:
        genders[row] = "male" if genders[row] == "female" else "female"
    lied = dataclasses.replace(real, faces={**real.faces, "gender": genders})
    kept = clearest(lied, pair(lied, "gender", "train"), 0.6)
    assert np.isin(wrong, kept.face_rows).mean() < 0.3


@pytest.mark.long
def test_the_same_share_of_each_label_and_age_is_kept(real):
    pairing = pair(real, "gender", "train")
    kept = clearest(real, pairing, 0.5)
    margins = left_out_margins(
        real.images[pairing.face_rows],
        pairing.face_labels,
        [real.faces["identity"][row] for row in pairing.face_rows],
    )
    ages = np.array([real.faces["age"][row] for row in pairing.face_rows])
    is_kept = np.isin(pairing.face_rows, kept.face_rows)
    for label in range(2):
        for age in set(ages):
            alike = (pairing.face_labels == label) & (ages == age)
            assert is_kept[alike].sum() == np.ceil(alike.sum() / 2)
            if alike.sum() > 1:
                assert margins[alike & is_kept].min() >= margins[alike & ~is_kept].max()
    assert [kept.labels[label] for label in kept.face_labels] == [
        real.faces["gender"][row] for row in kept.face_rows
    ]
    assert kept.voice_rows is pairing.voice_rows


def test_all_are_kept_where_nothing_can_be_compared(real):
    pairing = pair(real, "gender", "train")
    assert clearest(real, pairing, 1.0) is pairing
    women = dataclasses.replace(pairing, labels=("female",))
    assert clearest(real, women, 0.5) is women
    of_one = dataclasses.replace(real, faces={**real.faces, "identity": ["p"] * N_REAL})
    assert clearest(of_one, pairing, 0.5) is pairing


def test_what_cannot_be_chosen_is_refused(noise):
    (told,) = problems(dataclasses.replace(preset("modern-64").gan, confident_fraction=0.0))
    assert told == "confident_fraction is 0.0: give a number above 0 and at most 1"
    store = store_of(noise[:, :30, :30], {"gender": ["female", "male"] * 20})
    pairing: Pairing = pair(store, "gender", "train")
    with pytest.raises(ConfigError, match=r"multiple of 32 pixels, not 30: leave it at 1"):
        clearest(store, pairing, 0.5)
