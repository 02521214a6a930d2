"""Drawing bars: name and value above each, its interval on it, what guessing gives dotted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voice2face.reporting.elements import Bar, BarPlot
from voice2face.reporting.theme import Theme, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches; the bars of a plot are 1 apart in its own coordinates.
_WIDTH, _MARGIN, _ROW = 5.0, 0.12, 0.46
_DPI = 150
_TEXT_AT, _BAR_AT, _HEIGHT, _WHISKER, _TICK = 0.34, 0.7, 0.24, 0.09, 0.2


def draw_bars(plot: BarPlot, theme: Theme) -> Figure:
    """Draw bars from 0, the first at the top."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    height = _ROW * len(plot.bars) + _MARGIN
    with rc_context(theme.style):
        drawn = Figure(figsize=(_WIDTH, height), dpi=_DPI)
        edge = _MARGIN / _WIDTH
        axes = drawn.add_axes((edge, 0, 1 - 2 * edge, 1))
        axes.set_axis_off()
        ends = [
            end
            for bar in plot.bars
            for end in (0.0, bar.value, *(bar.interval or ()), bar.chance)
            if end is not None
        ]
        least, most = min(ends), max(ends)
        axes.set_xlim(least, most if most > least else least + 1)
        axes.set_ylim(len(plot.bars) + _MARGIN / _ROW / 2, -_MARGIN / _ROW / 2)
        for row, bar in enumerate(plot.bars):
            _draw_bar(axes, row, bar, theme)
    return drawn


def _draw_bar(axes: Axes, row: int, bar: Bar, theme: Theme) -> None:
    colour = theme.soft if bar.series is None else theme.look(bar.series)[0]
    middle = row + _BAR_AT
    axes.barh(middle, bar.value, _HEIGHT, color=colour, alpha=0.6, gid=f"bar {bar.name}")
    look: dict[str, Any] = {"color": theme.ink, "linewidth": 1.2, "clip_on": False}
    axes.vlines(0, middle - _TICK, middle + _TICK, **{**look, "color": theme.faint})
    if bar.interval is not None:
        axes.hlines(middle, *bar.interval, **look)
        axes.vlines(bar.interval, middle - _WHISKER, middle + _WHISKER, **look)
    if bar.chance is not None:
        dots = (0, (1.5, 1.5))
        axes.vlines(bar.chance, middle - _TICK, middle + _TICK, linestyle=dots, **look)
    text = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9.5}
    weight = "normal" if bar.series is None else "bold"
    axes.text(0, row + _TEXT_AT, shorten(bar.name), ha="left", weight=weight, **text)
    style = "italic" if bar.is_faint else "normal"
    axes.text(1, row + _TEXT_AT, bar.words, ha="right", style=style, color=theme.soft, **text)
