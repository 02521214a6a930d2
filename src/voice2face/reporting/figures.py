"""What a page is made of: curves, faces, tables, and words where one of them cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CurveFigure",
    "FaceFigure",
    "FaceRow",
    "Line",
    "Missing",
    "Panel",
    "Section",
    "Table",
    "Tile",
]


@dataclass(frozen=True)
class Line:
    """One scalar of one run.

    Attributes:
        run: Number of the run on the page, which tells colour and dashes.
        scalar: Its slash name.
        x: (values,) progress.
        y: (values,) as logged; may hold values that are not finite.
        window: Values in the running mean that is drawn thick; 1 draws none.
    """

    run: int
    scalar: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    window: int


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: What is drawn.
        lines: A line a run.
        reference: A value to compare with and its name, or None.
        is_share: The values are shares, from 0 to 1.
        is_log: The y axis is logarithmic.
    """

    title: str
    lines: tuple[Line, ...]
    reference: tuple[float, str] | None = None
    is_share: bool = False
    is_log: bool = False


@dataclass(frozen=True)
class CurveFigure:
    """Panels, one below the other, over one x axis.

    Attributes:
        key: Name of its file, without suffix.
        title: Heading.
        caption: What to look for.
        x_label: Of the x axis.
        panels: From top to bottom.
        shares_y: All panels have one y axis, so that they can be compared.
    """

    key: str
    title: str
    caption: str
    x_label: str
    panels: tuple[Panel, ...]
    shares_y: bool = False


@dataclass(frozen=True)
class Tile:
    """A face with words below; or the words alone, where there is no face.

    Attributes:
        caption: The words.
        face: (size, size, 3) uint8 RGB, or None.
        is_real: A photograph, not imagined.
    """

    caption: str
    face: NDArray[np.uint8] | None
    is_real: bool = False


@dataclass(frozen=True)
class FaceRow:
    """Faces from left to right.

    Attributes:
        label: What they have in common; empty says nothing.
        tiles: The faces.
    """

    label: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class FaceFigure:
    """Rows of faces.

    Attributes:
        key: Name of its file, without suffix.
        title: Heading.
        caption: What to look for.
        rows: From top to bottom.
    """

    key: str
    title: str
    caption: str
    rows: tuple[FaceRow, ...]


@dataclass(frozen=True)
class Table:
    """A table of words.

    Attributes:
        title: Heading.
        caption: What to look for.
        head: Names of the columns.
        rows: Cells as text.
        marked: Rows in which the runs differ.
    """

    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Missing:
    """A figure that cannot be made.

    Attributes:
        title: Heading.
        reason: Why, in a sentence.
    """

    title: str
    reason: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: Heading.
        text: What it is about.
        figures: In order.
    """

    title: str
    text: str
    figures: tuple[CurveFigure | FaceFigure | Table | Missing, ...]
