"""Alignment against hand-computed cases, an independent reference and random similarities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from voice2face.errors import DataError
from voice2face.images.align import (
    FaceFilter,
    FaceTemplate,
    alignment,
    eye_distance_px,
    roll_deg,
    share_outside,
    similarity_transform,
    transform_points,
    warp,
    yaw,
)

TEMPLATE = FaceTemplate((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
FRONTAL = np.array([[100, 100], [140, 100], [120, 120], [105, 140], [135, 140]], dtype=float)

coordinates = st.floats(-500, 500)
point_sets = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=8)


def umeyama_by_svd(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Equations 34 to 43 of Umeyama 1991, in any dimension."""
    x, y = source - source.mean(0), target - target.mean(0)
    u, singular, vt = np.linalg.svd(y.T @ x / len(x))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = (singular * signs).sum() / (x**2).sum(1).mean()
    linear = scale * rotation
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


def test_quarter_turn_twice_as_large_by_hand() -> None:
    source = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    target = np.array([[5.0, 7.0], [5.0, 9.0], [3.0, 9.0]])
    expected = [[0, -2, 5], [2, 0, 7]]
    np.testing.assert_allclose(similarity_transform(source, target), expected, atol=1e-12)


@given(point_sets, st.floats(0.01, 100), st.floats(-np.pi, np.pi), coordinates, coordinates)
def test_recovers_any_similarity(points, scale, angle, x, y) -> None:
    source = np.array(points)
    if np.ptp(source, axis=0).max() < 1:
        return
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = np.column_stack([scale * turn, [x, y]])
    found = similarity_transform(source, transform_points(expected, source))
    np.testing.assert_allclose(found, expected, atol=1e-6 * max(scale, 1) * 500)
    np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=1e-9 * scale)


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_umeyama_on_noisy_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(5, 2)) * 50
    target = source @ rng.normal(size=(2, 2)) + rng.normal(size=(5, 2)) * 10
    np.testing.assert_allclose(
        similarity_transform(source, target), umeyama_by_svd(source, target), atol=1e-8
    )


def test_one_place_is_refused() -> None:
    with pytest.raises(DataError, match="at least two different"):
        similarity_transform(np.ones((5, 2)), FRONTAL)


def test_absent_landmarks_are_not_used() -> None:
    no_mouth = FRONTAL.copy()
    no_mouth[3:] = np.nan
    eyes_and_nose = similarity_transform(FRONTAL[:3], TEMPLATE.points[:3] * 64)
    np.testing.assert_allclose(alignment(no_mouth, TEMPLATE, 64), eyes_and_nose)
    without = FaceTemplate((0.3, 0.4), (0.7, 0.4), (0.5, 0.6))
    np.testing.assert_allclose(alignment(FRONTAL, without, 64), eyes_and_nose)
    with pytest.raises(DataError):
        alignment(np.full((5, 2), np.nan), TEMPLATE, 64)


def test_measures_by_hand() -> None:
    assert eye_distance_px(FRONTAL) == 40
    assert roll_deg(FRONTAL) == 0
    assert yaw(FRONTAL) == 0
    turned = FRONTAL.copy()
    turned[2, 0] += 10
    assert yaw(turned) == pytest.approx(0.25)
    tilted = FRONTAL.copy()
    tilted[1, 1] += 40
    assert roll_deg(tilted) == pytest.approx(45)


@given(st.floats(-170, 170), st.floats(0.1, 10))
def test_yaw_does_not_depend_on_tilt_and_size(degrees: float, scale: float) -> None:
    turned = FRONTAL.copy()
    turned[2] += (7, 3)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * turned @ turn.T + 5
    assert yaw(moved) == pytest.approx(yaw(turned))
    assert roll_deg(moved) == pytest.approx(degrees)
    assert eye_distance_px(moved) == pytest.approx(40 * scale)


def test_filter_says_what_was_measured() -> None:
    assert FaceFilter().problems(FRONTAL) == []
    small = FaceFilter().problems(FRONTAL * 0.275)
    assert small == ["eye distance 11 px, at least 20 needed"]
    turned = FRONTAL.copy()
    turned[2, 0] -= 16
    assert FaceFilter().problems(turned) == [
        "turned aside, nose 0.40 eye distances off, at most 0.3 allowed"
    ]
    tilted = np.array([[100, 100], [120, 134.64], [93, 127], [80, 120], [95, 146]])
    assert FaceFilter().problems(tilted) == ["tilted by 60 degrees, at most 30 allowed"]
    assert FaceFilter().problems(FRONTAL, 0.5) == [
        "50% of the aligned face is outside the image, at most 20% allowed"
    ]
    assert len(FaceFilter().problems(turned * 0.1, 1.0)) == 3


def test_filter_refuses_what_cannot_be_measured() -> None:
    assert FaceFilter().problems(np.full((5, 2), np.nan))


@given(st.floats(3, 60), st.floats(3, 60))
def test_filter_is_exact_at_its_bounds(distance: float, needed: float) -> None:
    landmarks = np.array([[0, 0], [distance, 0], [distance / 2, 5], [0, 9], [distance, 9]])
    assert bool(FaceFilter(min_eye_distance_px=needed).problems(landmarks)) == (distance < needed)


def test_filter_allows_its_bounds() -> None:
    landmarks = np.array([[0, 0], [40, 40], [10, 10], [0, 60], [40, 60]], dtype=float)
    assert FaceFilter(max_yaw=0.25, max_roll_deg=45).problems(landmarks, 0.2) == []
    assert len(FaceFilter(max_yaw=0.249, max_roll_deg=44.9).problems(landmarks, 0.201)) == 3


def test_share_outside_by_hand() -> None:
    half_left = np.array([[1.0, 0, 32], [0, 1.0, 0]])
    assert share_outside(half_left, 64, rows=64, columns=64) == 0.5
    assert share_outside(np.array([[1.0, 0, 0], [0, 1.0, 0]]), 64, 64, 64) == 0
    assert share_outside(np.array([[1.0, 0, 64], [0, 1.0, 64]]), 64, 64, 64) == 1


def waves(size: int) -> np.ndarray:
    """A smooth picture, known at every point: (x, y) in units of its side."""
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
    bands = [np.sin(7 * x + 2 * y), np.cos(5 * y), np.sin(9 * x * y)]
    return np.rint(127.5 + 120 * np.stack(bands, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("size", [64, 100, 150, 256, 700, 1300])
def test_warp_draws_the_same_picture_from_any_size(size: int) -> None:
    scale = 64 / size
    drawn = warp(waves(size), np.array([[scale, 0, 0], [0, scale, 0]]), 64)
    assert np.abs(drawn.astype(int) - waves(64)).mean() < 0.8
    assert np.abs(drawn.astype(int) - waves(64))[2:-2, 2:-2].max() <= 4


def test_warp_shifts_and_turns_as_the_matrix_says() -> None:
    image = waves(128)
    quarter = np.array([[0.0, -1, 128], [1, 0, 0]])
    np.testing.assert_array_equal(warp(image, quarter, 128), np.rot90(image, k=-1))
    shifted = warp(image, np.array([[1.0, 0, -10], [0, 1, -20]]), 64)
    np.testing.assert_array_equal(shifted, image[20:84, 10:74])


def test_warp_repeats_the_border_outside() -> None:
    image = np.full((40, 40, 3), 90, np.uint8)
    image[:, 0] = 200
    drawn = warp(image, np.array([[1.0, 0, 32], [0, 1, 12]]), 64)
    assert (drawn[:, :31] == 200).all()
    assert (drawn[:, 36:] == 90).all()


def test_warp_of_fine_stripes_is_grey() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    angle = np.radians(20)
    turn = 0.11 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    drawn = warp(stripes, np.column_stack([turn, 32 - turn @ [320, 320]]), 64)
    assert np.abs(drawn[8:-8, 8:-8].astype(int) - 127).max() <= 6


@pytest.mark.parametrize("degrees", [-35, 12, 90])
@pytest.mark.parametrize("scale", [0.7, 2.3])
def test_turned_and_scaled_picture_gives_the_same_face(degrees: float, scale: float) -> None:
    image = waves(400)
    landmarks = 2.5 * FRONTAL - 100
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    side = int(400 * scale * 1.5)
    move = np.column_stack([turn, side / 2 - turn @ [200, 200]])
    inverse = np.linalg.inv(turn)
    back = -inverse @ move[:, 2]
    moved = Image.fromarray(image).transform(
        (side, side),
        Image.Transform.AFFINE,
        (*inverse[0], back[0], *inverse[1], back[1]),
        Image.Resampling.BICUBIC,
    )
    faces = [
        warp(picture, alignment(points, TEMPLATE, 64), 64).astype(int)
        for picture, points in (
            (image, landmarks),
            (np.asarray(moved), transform_points(move, landmarks)),
        )
    ]
    assert np.abs(faces[0] - faces[1]).mean() < 1.5
