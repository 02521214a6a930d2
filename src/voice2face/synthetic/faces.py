"""The faces of the planted world: soft shapes, drawn for many images at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice2face.synthetic.latents import FACE_FACTORS, Person, WorldSettings, random_source

SIZE_PX = 64
_MOST = 2.6  # factors beyond this many deviations look like this many
_BLOCK = 8  # images drawn at a time: their planes then stay in a core's cache
# Nuisance of an image, each with its deviation.
_NUISANCE = {
    "roll": 0.07,
    "yaw": 0.35,
    "pitch": 0.25,
    "shift_x": 0.03,
    "shift_y": 0.03,
    "zoom": 0.04,
    "light_x": 0.5,
    "light_y": 0.4,
    "exposure": 0.09,
    "warmth": 0.04,
    "smile": 0.8,
    "lids": 0.12,
    "raise": 0.5,
}
# From light to dark, from fair to black, and of the iris: corners that a factor moves between.
_SKIN = np.array([[0.98, 0.85, 0.76], [0.90, 0.70, 0.54], [0.68, 0.46, 0.32], [0.36, 0.23, 0.16]])
_HAIR = np.array([[0.90, 0.78, 0.45], [0.66, 0.36, 0.16], [0.33, 0.20, 0.12], [0.08, 0.07, 0.08]])
_IRIS = np.array([[0.45, 0.68, 0.88], [0.35, 0.60, 0.38], [0.48, 0.32, 0.14], [0.15, 0.09, 0.06]])

# float32; the stubs of NumPy lose the type in arithmetic.
Plane: TypeAlias = NDArray[Any]


def photograph(
    people: Sequence[Person], index: Sequence[int], settings: WorldSettings
) -> NDArray[np.uint8]:
    """Take an image of each of some people, who may be named more than once.

    Args:
        index: Which of the person's images each is; each has a pose, light, expression and
            background of its own.

    Returns:
        (n, 64, 64, 3) RGB.
    """
    factors = np.array([[person.face[name] for name in FACE_FACTORS] for person in people])
    male = np.array([person.gender == "male" for person in people])
    nuisance, colours = {name: np.zeros(len(people)) for name in _NUISANCE}, []
    for row, (person, of_person) in enumerate(zip(people, index, strict=True)):
        random = random_source(person.seed, person.number, "face", of_person)
        values = np.clip(random.standard_normal(len(_NUISANCE)), -2.5, 2.5)
        for (name, deviation), value in zip(_NUISANCE.items(), values, strict=True):
            nuisance[name][row] = settings.face_nuisance * deviation * value
        grey = np.full((3, 3), 0.55)
        colours.append(grey + min(1, settings.face_nuisance) * (random.random((3, 3)) - 0.5) * 0.8)
    return render(factors, male, nuisance, np.array(colours))


def render(
    factors: NDArray,
    male: NDArray[Any],
    nuisance: dict[str, NDArray] | None = None,
    colours: NDArray | None = None,
) -> NDArray[np.uint8]:
    """Draw faces.

    Args:
        factors: (n, 10) value of each of `FACE_FACTORS`.
        male: (n,) whether it is a man.
        nuisance: (n,) values by name: "roll" in radians, "yaw" and "pitch" as turns of the head
            of about -1 to 1, "shift_x", "shift_y" and "zoom" as shares of half the image,
            "light_x", "light_y", "exposure", "warmth", "smile", "lids", "raise"; None, or a name
            that lacks, is a straight look in even light.
        colours: (n, 3, 3) RGB of the background above, the background below, and the clothes;
            None is grey.

    Returns:
        (n, 64, 64, 3) RGB.
    """
    n = len(factors)
    values = np.clip(np.asarray(factors, dtype=np.float32), -_MOST, _MOST)
    traits = dict(zip(FACE_FACTORS, values.T, strict=True))
    for name in _NUISANCE:
        traits[name] = np.asarray((nuisance or {}).get(name, np.zeros(n)), dtype=np.float32)
    traits["male"] = np.asarray(male, dtype=np.float32)
    if colours is None:
        colours = np.full((n, 3, 3), 0.55)
    colours = np.asarray(colours, dtype=np.float32)
    images = np.empty((n, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    for first in range(0, n, _BLOCK):
        rows = slice(first, min(n, first + _BLOCK))
        block = {name: value[rows, None, None] for name, value in traits.items()}
        images[rows] = _render_block(block, colours[rows])
    return images


def _render_block(t: dict[str, Plane], colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Paint a block of faces, from the back to the front."""
    x, y = _plane(t)
    canvas = _Canvas(colours[:, 0], colours[:, 1], 1.15 * _VIEW * _PIXEL / (1 + t["zoom"]))
    skin = _between(_SKIN, t["skin"][:, 0, 0])
    hair = _between(_HAIR, t["hair_colour"][:, 0, 0])
    male = t["male"]

    # Head: half width and height, chin, and how square the jaw is.
    width = 0.50 + 0.012 * male - 0.022 * t["length"]
    chin = 0.66 * np.exp(0.075 * t["length"])
    crown = 0.62
    square = 2.3 * np.exp(0.28 * t["jaw"] + 0.06 * male)
    # What lies in front of the head's axis moves further when it turns.
    turned = x - 0.10 * t["yaw"] * np.sqrt(np.maximum(0, 1 - np.minimum(1, (x / 0.7) ** 2)))
    low = y - 0.06 * t["pitch"]

    volume = np.exp(0.22 * t["hair_volume"])
    top = _ellipse(x, y + 0.20, width + 0.10 * volume, 0.46 + 0.13 * volume)
    fall = _box(x, y - 0.30, width + 0.07 * volume, 0.62, 0.25)
    canvas.paint(np.minimum(top, fall + 9 * male), hair * 0.82)
    canvas.paint(_box(x, y - 0.80, 0.20 + 0.04 * male, 0.35, 0.1), skin * 0.80)
    canvas.paint(_ellipse(x, y - 1.30, 0.80 + 0.12 * male, 0.42), colours[:, 2])
    for side in (-1, 1):
        canvas.paint(_ellipse(x - side * (width + 0.01), y - 0.02, 0.07, 0.13), skin * 0.88)

    head = _head(x, y, width, crown, chin, square)
    canvas.paint(head, skin)
    stubble = np.maximum(head, 0.34 - low + 0.25 * (x / width) ** 2)
    canvas.paint(stubble, hair * 0.5 + skin * 0.25, 0.30 * male, 0.12)
    for side in (-1, 1):
        blush = _ellipse(turned - side * 0.30, low - 0.20, 0.10, 0.08)
        canvas.paint(blush, skin * (1.0, 0.82, 0.80), 0.45, 0.10)
    _light(canvas, t, x, y)

    _eyes(canvas, t, turned, low, skin)
    _nose_and_mouth(canvas, t, turned, low, skin)
    _brows(canvas, t, turned, low, hair)
    # The fringe: what of the head lies above the hairline.
    part = 0.10 * (x / width) ** 2 * (1 + 1.6 * (1 - male))
    line = -0.36 - 0.07 * male + 0.05 * (t["hair_volume"] - 1) * (1 - 0.5 * male)
    canvas.paint(np.maximum(head - 0.03 * volume, y - line - part), hair)
    canvas.tint(1 + t["exposure"], t["warmth"])
    return canvas.pixels()


_PIXEL = 2 / SIZE_PX
_VIEW = 0.78  # of the head's coordinates, how much half an image shows
_ROWS, _COLUMNS = np.meshgrid(
    (np.arange(SIZE_PX, dtype=np.float32) + 0.5) * _PIXEL - 1,
    (np.arange(SIZE_PX, dtype=np.float32) + 0.5) * _PIXEL - 1,
    indexing="ij",
)


class _Canvas:
    """Images in the making; colours lie over one another.

    Args:
        above: (n, 3) colour of the background at the top.
        below: (n, 3) at the bottom.
        edge: (n, 1, 1) width of a soft edge.
    """

    def __init__(self, above: Plane, below: Plane, edge: Plane) -> None:
        mix = (_ROWS + 1) / 2
        self.rgb = [
            a[:, None, None] * (1 - mix) + b[:, None, None] * mix
            for a, b in zip(above.T, below.T, strict=True)
        ]
        self._edge = edge

    def paint(
        self, distance: Plane, colour: NDArray, strength: Plane | float = 1.0, soft: float = 0.0
    ) -> None:
        """Lay a colour over where a signed distance is negative.

        Args:
            distance: (n, rows, columns), in half images.
            colour: (n, 3).
            strength: How much it covers, 0 to 1.
            soft: Width of the edge beyond that of a pixel.
        """
        cover = distance * (-1 / (self._edge + soft))
        cover += 0.5
        np.clip(cover, 0, 1, out=cover)
        cover *= strength
        for plane, value in zip(self.rgb, np.asarray(colour, np.float32).T, strict=True):
            np.add(plane, cover * (value[:, None, None] - plane), out=plane)

    def shade(self, gain: Plane) -> None:
        """Multiply all by a gain."""
        for plane in self.rgb:
            np.multiply(plane, gain, out=plane)

    def tint(self, gain: Plane, warmth: Plane) -> None:
        """Multiply by the exposure, and move light from blue to red."""
        for plane, sign in zip(self.rgb, (1, 0, -1), strict=True):
            np.multiply(plane, gain * (1 + sign * warmth), out=plane)

    def pixels(self) -> NDArray[np.uint8]:
        """(n, rows, columns, 3) RGB."""
        image = np.stack(self.rgb, axis=-1)
        return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _plane(t: dict[str, Plane]) -> tuple[Plane, Plane]:
    """Coordinates of the head: x to the right, y down, about -1 to 1, the eyes near y = 0."""
    cosine, sine, zoom = np.cos(t["roll"]), np.sin(t["roll"]), _VIEW / (1 + t["zoom"])
    column, row = _COLUMNS - t["shift_x"], _ROWS - t["shift_y"]
    return zoom * (cosine * column + sine * row), zoom * (cosine * row - sine * column) + 0.06


def _light(canvas: _Canvas, t: dict[str, Plane], x: Plane, y: Plane) -> None:
    gain = 0.16 * (t["light_x"] * x + t["light_y"] * y)
    gain += 1 - 0.16 * np.minimum(1, x**2 + 0.5 * y**2)
    canvas.shade(gain)


def _eyes(canvas: _Canvas, t: dict[str, Plane], x: Plane, y: Plane, skin: Plane) -> None:
    size = np.exp(0.17 * t["eyes"])
    iris = _between(_IRIS, t["eye_colour"][:, 0, 0])
    wide, high = 0.098 * size, 0.062 * size * (1 + t["lids"])
    lashes = 0.026 - 0.012 * t["male"]
    for side in (-1, 1):
        of_eye = x - side * 0.225
        white = _ellipse(of_eye, y, wide, high)
        canvas.paint(white - lashes, skin * 0.35)
        canvas.paint(np.maximum(white, -0.030 - y - high), np.full_like(skin, 0.96))
        of_iris = of_eye - 0.02 * t["yaw"]
        round_ = _ellipse(of_iris, y, 0.053 * size, 0.053 * size)
        canvas.paint(np.maximum(round_, white), iris)
        pupil = _ellipse(of_iris, y, 0.022 * size, 0.022 * size)
        canvas.paint(pupil, np.full_like(skin, 0.04))


def _brows(canvas: _Canvas, t: dict[str, Plane], x: Plane, y: Plane, hair: Plane) -> None:
    thick = 0.030 * np.exp(0.34 * t["brows"] + 0.14 * t["male"])
    up = 0.175 + 0.022 * t["raise"] + 0.4 * thick
    for side in (-1, 1):
        along = side * x - 0.235
        across = y + up - 0.9 * along**2 + 0.05 * along
        canvas.paint(_box(along, across, 0.125, thick, 0.02), hair * 0.62)


def _nose_and_mouth(canvas: _Canvas, t: dict[str, Plane], x: Plane, y: Plane, skin: Plane) -> None:
    wide = 0.100 * np.exp(0.33 * t["nose"])
    at = 0.27
    bridge = np.maximum(np.abs(x - 0.03) - 0.020, np.abs(y - 0.12) - 0.12)
    canvas.paint(bridge, skin * 0.84, 0.7, 0.02)
    canvas.paint(_ellipse(x, y - at, wide, 0.050), skin * (0.84, 0.76, 0.74))
    for side in (-1, 1):
        canvas.paint(_ellipse(x - side * 0.55 * wide, y - at - 0.022, 0.021, 0.015), skin * 0.35)

    full = 0.038 * np.exp(0.40 * t["lips"])
    mouth, half = 0.455, 0.185 + 0.018 * t["smile"]
    bent = y - mouth + 0.9 * t["smile"] * (x**2 - 0.012)
    red = np.array([0.72, 0.25, 0.28]) * (0.45 + 0.55 * skin.mean(axis=1, keepdims=True))
    warm = 0.55 * red + 0.45 * skin * (0.86, 0.66, 0.62)
    male = t["male"][:, :, 0]
    colour = male * warm + (1 - male) * red
    canvas.paint(_ellipse(x, bent, half, full), colour)
    line = _box(x, bent, 0.9 * half, 0.009, 0.004)
    canvas.paint(line, colour * 0.35)


def _between(corners: NDArray, factor: NDArray) -> Plane:
    """Colour of a factor: the corners stand at -1.8, -0.6, 0.6 and 1.8."""
    at = np.linspace(-1.8, 1.8, len(corners))
    values = [np.interp(factor, at, corner) for corner in corners.T]
    return np.stack(values, axis=-1).astype(np.float32)


def _ellipse(x: Plane, y: Plane, wide: Plane | float, high: Plane | float) -> Plane:
    """Signed distance to an ellipse, right near its edge: its equation over its gradient."""
    u, v = x / wide, y / high
    length = np.sqrt(u * u + v * v)
    slope = np.sqrt((u / wide) ** 2 + (v / high) ** 2) + 1e-6
    return (length - 1) * length / slope


def _box(
    x: Plane, y: Plane, wide: Plane | float, high: Plane | float, corner: Plane | float
) -> Plane:
    """Signed distance to a rectangle with round corners."""
    u = np.abs(x) - (wide - corner)
    v = np.abs(y) - (high - corner)
    outside = np.sqrt(np.maximum(u, 0) ** 2 + np.maximum(v, 0) ** 2)
    return outside + np.minimum(np.maximum(u, v), 0) - corner


def _head(x: Plane, y: Plane, width: Plane, crown: float, chin: Plane, square: Plane) -> Plane:
    """Signed distance to a head: half an ellipse above, a superellipse below."""
    u = np.abs(x) / width + 1e-6
    v = np.where(y < 0, -y / crown, y / chin) + 1e-6
    power = np.where(y < 0, np.float32(2), square)
    a, b = u ** (power - 1), v ** (power - 1)
    level = a * u + b * v
    high = np.where(y < 0, np.float32(crown), chin)
    slope = power * np.sqrt((a / width) ** 2 + (b / high) ** 2) + 1e-6
    return (level - 1) / slope
