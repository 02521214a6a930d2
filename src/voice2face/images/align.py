"""Bringing a face into a stated place, by a similarity transform of its landmarks.

Landmarks are (5, 2) arrays in the order and the coordinates of `images.detect`; NaN stands for a
landmark that a detector does not give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face.errors import DataError

# Where the eye centres of an aligned face lie, as fractions of its side, whatever the detector: the
# whole face from the hairline to the chin, about as FairFace is published.
LEFT_EYE = (0.32, 0.34)
RIGHT_EYE = (0.68, 0.34)

Points = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class FaceTemplate:
    """Where the landmarks of an aligned face lie, as (x, y) fractions of its side.

    The eyes are at `LEFT_EYE` and `RIGHT_EYE`. The others are the medians of a detector's own
    landmarks over 400 training photographs of FairFace, in the frame of the eyes
    (`benchmarks/face_detectors.py`): each detector puts nose and mouth elsewhere.

    Attributes:
        left_eye: Centre of the eye on the left of the image.
        right_eye: Centre of the other.
        nose: The point that the detector calls the nose: its tip, or its base.
        left_mouth: Mouth corner on the left of the image; None if the detector gives none.
        right_mouth: The other.
    """

    left_eye: tuple[float, float]
    right_eye: tuple[float, float]
    nose: tuple[float, float]
    left_mouth: tuple[float, float] | None = None
    right_mouth: tuple[float, float] | None = None

    @property
    def points(self) -> Points:
        """(5, 2) fractions of the side, NaN where there is none."""
        absent = (math.nan, math.nan)
        mouth = (self.left_mouth or absent, self.right_mouth or absent)
        return np.array([self.left_eye, self.right_eye, self.nose, *mouth])


@dataclass(frozen=True)
class FaceFilter:
    """Which faces are fit to learn from.

    Attributes:
        min_eye_distance_px: Between the eye centres, in the photograph.
        max_yaw: Largest `yaw` to either side, in eye distances.
        max_roll_deg: Largest `roll_deg` to either side. Alignment undoes roll; a large one is
            more often a false find.
        max_outside: Largest share of the aligned picture that the photograph does not hold.
    """

    min_eye_distance_px: float = 20.0
    max_yaw: float = 0.3
    max_roll_deg: float = 30.0
    max_outside: float = 0.2

    def problems(self, landmarks_px: Points, outside: float = 0.0) -> list[str]:
        """Say why a face is not fit.

        Args:
            landmarks_px: (5, 2), with both eyes and the nose.
            outside: Share of the aligned picture outside the photograph, 0 to 1.

        Returns:
            A phrase a reason, with what was measured and what is needed; none if it is fit.
        """
        distance = eye_distance_px(landmarks_px)
        turn, tilt = abs(yaw(landmarks_px)), abs(roll_deg(landmarks_px))
        found = []
        if not distance >= self.min_eye_distance_px:
            needed = f"at least {self.min_eye_distance_px:g} needed"
            found.append(f"eye distance {distance:.0f} px, {needed}")
        if not turn <= self.max_yaw:
            found.append(
                f"turned aside, nose {turn:.2f} eye distances off, at most {self.max_yaw:g} allowed"
            )
        if not tilt <= self.max_roll_deg:
            found.append(f"tilted by {tilt:.0f} degrees, at most {self.max_roll_deg:g} allowed")
        if not outside <= self.max_outside:
            allowed = f"at most {self.max_outside:.0%} allowed"
            found.append(f"{outside:.0%} of the aligned face is outside the image, {allowed}")
        return found


def similarity_transform(source: Points, target: Points) -> Matrix:
    """Find the rotation, uniform scale and shift that bring points nearest to others.

    With points as complex numbers, the transform is z -> a z + b, and least squares have a closed
    form; a reflection cannot occur.

    Args:
        source: (points, 2), at least two different ones.
        target: (points, 2), where they should go.

    Returns:
        (2, 3) matrix M, for M @ (x, y, 1).

    Raises:
        DataError: Fewer than two different points.

    Source:
        Umeyama 1991, Least-squares estimation of transformation parameters between two point
        patterns, of which this is the case of two dimensions.
    """
    z, w = source @ [1, 1j], target @ [1, 1j]
    spread = float(np.sum(np.abs(z - z.mean()) ** 2)) if len(z) else 0.0
    if not spread > 0:
        raise DataError(
            f"{len(z)} landmarks, all at one place: at least two different ones are needed"
        )
    a = np.sum(np.conj(z - z.mean()) * (w - w.mean())) / spread
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def transform_points(matrix: Matrix, points: Points) -> Points:
    """Apply a transform.

    Args:
        matrix: (2, 3).
        points: (points, 2).

    Returns:
        (points, 2).
    """
    return points @ matrix[:, :2].T + matrix[:, 2]


def alignment(landmarks_px: Points, template: FaceTemplate, size_px: int) -> Matrix:
    """Find the transform from a photograph to the aligned face.

    Args:
        landmarks_px: (5, 2); those that are NaN here or in the template are not used.

    Returns:
        (2, 3) matrix, photograph pixels to aligned pixels.

    Raises:
        DataError: Fewer than two landmarks are common to both.
    """
    target = template.points * size_px
    common = np.isfinite(landmarks_px).all(axis=1) & np.isfinite(target).all(axis=1)
    return similarity_transform(landmarks_px[common], target[common])


def warp(image: NDArray[np.uint8], matrix: Matrix, size_px: int) -> NDArray[np.uint8]:
    """Draw the aligned face.

    Reduction is free of aliasing: whole-number reduction first, then one rotation at about the
    photograph's own scale onto a multiple of the size, then Lanczos. Outside the photograph its
    border is repeated.

    Args:
        image: (rows, columns, 3) RGB.
        matrix: (2, 3) from `alignment`.

    Returns:
        (size, size, 3) uint8.
    """
    inverse = _inverse(matrix)
    reduction = float(np.hypot(*inverse[:, 0]))
    first = max(1, int(reduction / 1.5))
    corners = size_px * np.array([[0.0, 0.0], [1, 0], [0, 1], [1, 1]])
    patch, left, top = _patch(image, transform_points(inverse, corners), 4 * first)
    photograph = Image.fromarray(patch)
    if first > 1:
        photograph = photograph.reduce(first)
    multiple = math.ceil(max(1.0, reduction / first) - 1e-6)
    # From pixels of the enlarged result to pixels of the reduced patch.
    linear = inverse[:, :2] / (multiple * first)
    shift = (inverse[:, 2] - (left, top)) / first
    enlarged = photograph.transform(
        (size_px * multiple, size_px * multiple),
        Image.Transform.AFFINE,
        (linear[0, 0], linear[0, 1], shift[0], linear[1, 0], linear[1, 1], shift[1]),
        resample=Image.Resampling.BILINEAR if multiple > 1 else Image.Resampling.BICUBIC,
    )
    if multiple > 1:
        enlarged = enlarged.resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.asarray(enlarged)


def share_outside(matrix: Matrix, size_px: int, rows: int, columns: int) -> float:
    """Measure how much of an aligned face the photograph does not hold.

    Args:
        matrix: (2, 3) from `alignment`.

    Returns:
        0 (none) to 1 (all), on a grid of 32 x 32 points.
    """
    places = (np.arange(32) + 0.5) / 32 * size_px
    grid = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    x, y = transform_points(_inverse(matrix), grid).T
    return float(1 - np.mean((x >= 0) & (x <= columns) & (y >= 0) & (y <= rows)))


def eye_distance_px(landmarks_px: Points) -> float:
    """Measure the distance between the eye centres.

    Args:
        landmarks_px: (5, 2).
    """
    return float(np.hypot(*(landmarks_px[1] - landmarks_px[0])))


def roll_deg(landmarks_px: Points) -> float:
    """Measure how far the line of the eyes is from level.

    Args:
        landmarks_px: (5, 2).

    Returns:
        Degrees, -180 to 180; positive where the eye on the right is the lower.
    """
    across, down = landmarks_px[1] - landmarks_px[0]
    return math.degrees(math.atan2(down, across))


def yaw(landmarks_px: Points) -> float:
    """Estimate how far the head is turned aside: where the nose is between the eyes.

    Args:
        landmarks_px: (5, 2).

    Returns:
        Distance of the nose from the midpoint of the eyes, along the line of the eyes, in eye
        distances: 0 for a frontal face, 0.5 where it is under one eye; positive to the right of
        the image; NaN if both eyes are at one place.
    """
    eyes = landmarks_px[1] - landmarks_px[0]
    nose = landmarks_px[2] - (landmarks_px[0] + landmarks_px[1]) / 2
    squared = float(eyes @ eyes)
    return float(nose @ eyes) / squared if squared > 0 else math.nan


def _inverse(matrix: Matrix) -> Matrix:
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]]).astype(np.float64)


def _patch(
    image: NDArray[np.uint8], corners: Points, margin_px: int
) -> tuple[NDArray[np.uint8], int, int]:
    """Cut out what a warp needs, its border repeated outside, and say where it begins."""
    left, top = np.floor(corners.min(axis=0)).astype(int) - margin_px
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + margin_px
    rows, columns = image.shape[:2]
    if left >= 0 and top >= 0 and right <= columns and bottom <= rows:
        return image[top:bottom, left:right], int(left), int(top)
    down = np.clip(np.arange(top, bottom), 0, rows - 1)
    across = np.clip(np.arange(left, right), 0, columns - 1)
    return image[down[:, None], across[None, :]], int(left), int(top)
