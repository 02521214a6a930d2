"""Visible traits measured from the pixels of aligned faces, without any network.

Regions are fractions of the side of a face whose eyes are at `images.align.LEFT_EYE` and
`RIGHT_EYE`. What lies there is not segmented: hair may hide a forehead, and light colours all.
How far each measure can be trusted is in docs/judges.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Cheeks and the bridge of the nose, (left, top, right, bottom); above the brows and hairline.
_SKIN = (0.26, 0.42, 0.74, 0.62)
_HAIR = (0.25, 0.0, 0.75, 0.09)
# Of the skin's region, by lightness: what is darker or lighter is mostly nostril, frame or glare.
_KEPT = (20, 80)
# Less colour than this (a grey photograph) tells neither skin tone nor hue.
_LEAST_CHROMA = 3.0
# Linear sRGB to XYZ, and the white of D65: IEC 61966-2-1.
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(axis=1)

Values = NDArray[np.float64]


def srgb_to_lab(pixels: NDArray[np.uint8]) -> Values:
    """Convert sRGB to CIELAB under D65.

    Args:
        pixels: (..., 3) RGB.

    Returns:
        (..., 3) L* from 0 to 100, a* and b*.

    Source:
        IEC 61966-2-1 for sRGB; CIE 15:2004 for CIELAB.
    """
    share = np.asarray(pixels, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ita_deg(lightness: Values, b: Values) -> Values:
    """Individual typology angle: arctan((L* - 50) / b*), the larger the lighter the skin.

    Args:
        b: b* of the same skin.

    Returns:
        Degrees, -90 to 90; NaN where b* is below 3, as of grey photographs.

    Source:
        Chardon, Cretois and Hourseau 1991 (Int. J. Cosmetic Science 13).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        angle = np.degrees(np.arctan((np.asarray(lightness) - 50) / np.asarray(b)))
    return np.where(np.asarray(b) >= _LEAST_CHROMA, angle, np.nan)


def measure_pixels(faces: NDArray[np.uint8]) -> dict[str, Values]:
    """Measure what the pixels of aligned faces tell.

    Args:
        faces: (n, size, size, 3) RGB.

    Returns:
        (n,) each: "skin tone" (`ita_deg` of the medians of L* and b* over the skin's region, the
        darkest and the lightest fifth of it left out), "hair darkness" (100 less the median L* of
        the strip above the face) and "hair hue" (degrees from a* to b* of its medians); NaN where
        there is too little colour.
    """
    skin, hair = _region(faces, _SKIN), _region(faces, _HAIR)
    low, high = np.percentile(skin[..., 0], _KEPT, axis=1)
    kept = (skin[..., 0] >= low[:, None]) & (skin[..., 0] <= high[:, None])
    lightness, _, b = np.moveaxis(
        np.nanmedian(np.where(kept[..., None], skin, np.nan), axis=1), -1, 0
    )
    hair_lightness, red, yellow = np.moveaxis(np.median(hair, axis=1), -1, 0)
    hue = np.degrees(np.arctan2(yellow, red))
    return {
        "skin tone": ita_deg(lightness, b),
        "hair darkness": 100 - hair_lightness,
        "hair hue": np.where(np.hypot(red, yellow) >= _LEAST_CHROMA, hue, np.nan),
    }


def proportion(landmarks: Values) -> Values:
    """Width to height of the middle of a face: between the eyes, over eyes to mouth.

    Args:
        landmarks: (n, 5, 2) as `images.detect.DetectedFace`.

    Returns:
        (n,) distance of the eyes' centres over that of their middle from the mouth's; NaN where a
        landmark is missing or both middles coincide.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = np.moveaxis(landmarks, 1, 0)
    width = np.linalg.norm(right_eye - left_eye, axis=1)
    height = np.linalg.norm((left_mouth + right_mouth - left_eye - right_eye) / 2, axis=1)
    return np.divide(width, height, out=np.full(len(width), np.nan), where=height > 0)


def _region(faces: NDArray[np.uint8], part: tuple[float, float, float, float]) -> Values:
    """(n, pixels, 3) CIELAB of a part of each face."""
    size = faces.shape[1]
    left, top, right, bottom = (round(edge * size) for edge in part)
    cut = faces[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    return srgb_to_lab(cut).reshape(len(faces), -1, 3)
