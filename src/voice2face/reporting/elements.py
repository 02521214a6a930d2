"""What a page is made of: plots, faces, tables, and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Line:
    """One scalar of one run, or the answers of one system.

    `x` and `y` are (values,), and `y` may hold values that are not finite. `series` is a place in
    the plot's names. A running mean of `window` values is drawn thick; 1 draws none. `interval` is
    (2, values), the lower and the upper ends.
    """

    series: int
    scalar: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    window: int = 1
    interval: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    `reference` is a value, or (ticks,) values, to compare with, and its name. The y axis goes from
    0 to `top`; None fits it to the lines.
    """

    title: str
    lines: tuple[Line, ...]
    reference: tuple[float | NDArray[np.float64], str] | None = None
    top: float | None = None
    is_log: bool = False


@dataclass(frozen=True, eq=False)
class LinePlot:
    """Panels, one below the other, over one x axis.

    `key` names its file, where it has one. With `shares_y` all panels have one y axis. `ticks`
    name the places 0, 1, ... of the x axis. Series in `muted` are grey.
    """

    key: str
    title: str
    caption: str
    x_label: str
    panels: tuple[Panel, ...]
    names: tuple[str, ...]
    shares_y: bool = False
    ticks: tuple[str, ...] = ()
    muted: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Bar:
    """A value and its interval, with the value in words; `series` None is grey."""

    name: str
    value: float
    words: str
    interval: tuple[float, float] | None = None
    chance: float | None = None
    series: int | None = None
    is_faint: bool = False


@dataclass(frozen=True, eq=False)
class BarPlot:
    """Values of one kind, each a bar from 0."""

    title: str
    bars: tuple[Bar, ...]


Plot = LinePlot | BarPlot


@dataclass(frozen=True)
class PlotRow:
    """Small plots, side by side where there is room."""

    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class Tile:
    """A face, (size, size, 3) RGB, with words below; or the words alone, where it is None.

    A frame marks photographs, or, where `is_framed` tells, others. `alt` is for those who do not
    see the face; empty says whether it is a photograph. `verdicts` are words and whether they are
    right; None: neither.
    """

    caption: str
    face: NDArray[np.uint8] | None
    is_real: bool = False
    is_framed: bool | None = None
    alt: str = ""
    verdicts: tuple[tuple[str, bool | None], ...] = ()

    @property
    def framed(self) -> bool:
        """Whether it has a frame."""
        return self.is_real if self.is_framed is None else self.is_framed


@dataclass(frozen=True)
class FaceRow:
    """Faces from left to right, and what they have in common, if anything."""

    label: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class FaceGrid:
    """Rows of faces; `key` names its file, where it has one."""

    key: str
    title: str
    caption: str
    rows: tuple[FaceRow, ...]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: text, a line in small type below it, a hint, and classes of its style."""

    text: str
    below: str = ""
    hint: str = ""
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table of words; the first cell of a row is its heading.

    A row of one cell is a heading of those below. Rows in `marked` are those in which runs differ.
    A folded table shows its title only, until it is opened.
    """

    title: str
    caption: str
    head: tuple[str | Cell, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    marked: frozenset[int] = frozenset()
    is_folded: bool = False


@dataclass(frozen=True)
class Words:
    """Sentences: a paragraph each, or, with a title, a list; folded, it shows its title only."""

    lines: tuple[str, ...]
    title: str = ""
    is_folded: bool = False


@dataclass(frozen=True)
class Missing:
    """An element that cannot be made, and the reason, in a sentence."""

    title: str
    reason: str


Element = LinePlot | PlotRow | FaceGrid | Table | Words | Missing


@dataclass(frozen=True)
class Section:
    """A part of the page: heading, what it is about, and elements in order."""

    title: str
    text: str
    elements: tuple[Element, ...]

    @property
    def plots(self) -> list[Plot]:
        """All its plots, in order."""
        rows = (one.plots if isinstance(one, PlotRow) else (one,) for one in self.elements)
        return [one for row in rows for one in row if isinstance(one, (LinePlot, BarPlot))]


def join_words(words: Iterable[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last
