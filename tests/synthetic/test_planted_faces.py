"""Planted faces show the factors that were asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from voice2face.synthetic.faces import photograph, render
from voice2face.synthetic.latents import FACE_FACTORS, WorldSettings, sample_person

WORLD = WorldSettings()
MALE = np.array([False, True])


def drawn(male: bool = True, **factors: float) -> np.ndarray:
    """A straight look in even light, 0 to 1."""
    values = np.array([[factors.get(name, 0.0) for name in FACE_FACTORS]])
    return render(values, np.array([male]))[0] / 255


def forehead(image: np.ndarray) -> np.ndarray:
    """Between brows and hairline."""
    return image[17:19, 30:34].mean(axis=(0, 1))


@pytest.mark.parametrize(
    ("skin", "asked"),
    [
        (-2.0, (0.98, 0.85, 0.76)),
        (-0.6, (0.90, 0.70, 0.54)),
        (0.0, (0.79, 0.58, 0.43)),
        (0.6, (0.68, 0.46, 0.32)),
        (2.0, (0.36, 0.23, 0.16)),
    ],
)
@pytest.mark.parametrize("male", [False, True])
def test_measured_skin_is_the_skin_asked_for(skin, asked, male):
    np.testing.assert_allclose(forehead(drawn(male, skin=skin)), asked, atol=0.06)


def test_skin_darkens_and_other_factors_leave_it():
    shades = [forehead(drawn(skin=value)).mean() for value in np.linspace(-1.7, 1.7, 9)]
    assert (np.diff(shades) < -0.02).all()
    for name in set(FACE_FACTORS) - {"skin"}:
        changed = forehead(drawn(**{name: 1.5}))
        np.testing.assert_allclose(changed, forehead(drawn()), atol=0.03, err_msg=name)


def test_each_factor_changes_its_own_region():
    """Rows where the picture changes most lie where the feature is."""
    places = {
        "jaw": (44, 60),
        "lips": (43, 50),
        "brows": (19, 28),
        "nose": (35, 43),
        "eyes": (24, 36),
        "eye_colour": (27, 33),
        "hair_colour": (0, 20),
    }
    for name, (top, bottom) in places.items():
        change = np.abs(drawn(**{name: 2.0}) - drawn(**{name: -2.0})).sum(axis=2)
        change = change[:, 14:50]
        assert change[top:bottom].sum() > 0.5 * change.sum(), name


def test_measured_sizes_grow_with_their_factors():
    def darkness(image: np.ndarray) -> float:
        return float((1 - image[14:27, 16:29]).sum())

    brows = [darkness(drawn(brows=v, skin=-1.5, hair_colour=2)) for v in (-2, 0, 2)]
    assert brows[0] + 8 < brows[1] < brows[2] - 8

    def white(image: np.ndarray) -> float:
        return float((image[22:40, 12:52].min(axis=2) > 0.85).sum())

    eyes = [white(drawn(eyes=v, skin=1.5)) for v in (-2, 0, 2)]
    assert eyes[0] < eyes[1] < eyes[2]

    def chin_row(image: np.ndarray) -> int:
        return int(np.flatnonzero(image[:, 30:34, 0].mean(axis=1) > 0.8).max())  # necks are darker

    chins = [chin_row(drawn(False, length=v, skin=-1.8)) for v in (-2, 0, 2)]
    assert chins[0] < chins[1] < chins[2]


def test_factors_go_on_smoothly():
    """No pixel jumps: a small step of any factor is a small change of the picture."""
    for name in FACE_FACTORS:
        steps = [drawn(**{name: value}) for value in np.linspace(-2, 2, 41)]
        assert np.abs(np.diff(steps, axis=0)).max() < 0.35, name


def test_images_of_a_person_differ_and_come_again():
    people = [sample_person(1, number, WORLD) for number in range(5)]
    images = photograph([*people, *people], [0] * 5 + [1] * 5, WORLD)
    assert images.shape == (10, 64, 64, 3)
    assert (images[:5] != images[5:]).any(axis=(1, 2, 3)).all()
    alone = photograph([people[3]], [1], WORLD)
    np.testing.assert_array_equal(alone[0], images[8])
    still = dataclasses.replace(WORLD, face_nuisance=0)
    np.testing.assert_array_equal(*photograph([people[0]] * 2, [0, 1], still))


def test_only_what_the_face_expresses_changes_the_face():
    someone = sample_person(1, 4, WORLD)
    before = photograph([someone], [2], WORLD)
    other_voice = {name: value + 1 for name, value in someone.voice.items()}
    changed = dataclasses.replace(someone, voice=other_voice, shared=(9.0,) * 6)
    np.testing.assert_array_equal(photograph([changed], [2], WORLD), before)
    for name in FACE_FACTORS:
        face = {**someone.face, name: someone.face[name] + 0.5}
        after = photograph([dataclasses.replace(someone, face=face)], [2], WORLD)
        assert (after != before).any(), name


def test_the_genders_look_different():
    women, men = render(np.zeros((2, 10)), MALE) / 255
    # Long hair beside the chin, and a beard's shadow.
    assert np.abs(women[50, 10] - men[50, 10]).max() > 0.1
    assert men[48:52, 24:26].mean() < women[48:52, 24:26].mean() - 0.03
