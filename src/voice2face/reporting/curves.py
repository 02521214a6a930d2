"""Drawing curves: logged values thin, their running mean thick, a colour and dashes a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voice2face.reporting.elements import Line, LinePlot, Panel
from voice2face.reporting.theme import Theme, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches. Fixed margins: axes of all plots are aligned, and drawing takes half as long as when
# matplotlib measures every text to find room for it.
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 6.0, 0.68, 0.28, 0.28, 0.6
_PANEL, _PANEL_WITH_TICKS, _GAP, _LEGEND_LINE = 1.75, 2.4, 0.4, 0.24
_LONGEST_IN_TWO_COLUMNS = 28
_DPI = 150
_MUTED_MARKERS = "osD^v<>Ph*"
# Of so many values is one step of the running mean made, but for the shortest logs.
_VALUES_A_WINDOW = 20


def smoothing_window(n_values: int) -> int:
    """Choose the window of the running mean: an odd number, about a twentieth of the values."""
    return max(1, n_values // _VALUES_A_WINDOW) // 2 * 2 + 1


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Average over a centred window of an odd number of values, cut off at both ends.

    Values that are not finite are left out; NaN where a window has no other.
    """
    finite = np.isfinite(values)
    half = window // 2
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    centre = np.arange(len(values))
    first, last = np.maximum(centre - half, 0), np.minimum(centre + half + 1, len(values))
    n = counts[last] - counts[first]
    return np.where(n > 0, (sums[last] - sums[first]) / np.maximum(n, 1), np.nan)


def draw_lines(plot: LinePlot, theme: Theme) -> Figure:
    """Draw curves; the lines have the ids "logged SERIES SCALAR" and "mean SERIES SCALAR"."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    n_panels = len(plot.panels)
    shown = sorted({line.series for panel in plot.panels for line in panel.lines})
    labels = [shorten(plot.names[number]) for number in shown]
    n_columns = 1 if max(map(len, labels)) > _LONGEST_IN_TWO_COLUMNS else 2
    bottom = _BOTTOM + _LEGEND_LINE * -(-len(shown) // n_columns)
    panel_height = _PANEL_WITH_TICKS if plot.ticks else _PANEL
    height = _TOP + n_panels * panel_height + (n_panels - 1) * _GAP + bottom
    with rc_context(theme.style):
        drawn = Figure(figsize=(_WIDTH, height), dpi=_DPI)
        axes = drawn.subplots(n_panels, 1, sharex=True, sharey=plot.shares_y, squeeze=False)[:, 0]
        drawn.subplots_adjust(
            left=_LEFT / _WIDTH,
            right=1 - _RIGHT / _WIDTH,
            bottom=bottom / height,
            top=1 - _TOP / height,
            hspace=_GAP / panel_height,
        )
        for axis, panel in zip(axes, plot.panels, strict=True):
            _draw_panel(axis, panel, plot, theme)
        axes[-1].set_xlabel(plot.x_label)
        if plot.ticks:
            axes[-1].set_xticks(range(len(plot.ticks)), plot.ticks)
        else:
            axes[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        looks = [_look(number, plot, theme) for number in shown]
        _legend(drawn, looks, labels, n_columns)
    return drawn


def _look(series: int, plot: LinePlot, theme: Theme) -> dict[str, Any]:
    """How a series is drawn: in colour and dashes, or in grey with a marker of its own."""
    if series in plot.muted:
        marker = _MUTED_MARKERS[sorted(plot.muted).index(series) % len(_MUTED_MARKERS)]
        return {"color": theme.soft, "linestyle": "-", "linewidth": 1.1, "marker": marker}
    colour, dashes = theme.look(series)
    return {"color": colour, "linestyle": dashes, "linewidth": 2}


def _draw_panel(axis: Axes, panel: Panel, plot: LinePlot, theme: Theme) -> None:
    from matplotlib.ticker import LogFormatter

    axis.grid(True, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_title(panel.title, loc="left", fontsize=10.5)
    if panel.is_log:
        axis.set_yscale("log", nonpositive="mask")
        axis.yaxis.set_major_formatter(LogFormatter())
        axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))
    if panel.top is not None:
        axis.set_ylim(-0.03 * panel.top, 1.03 * panel.top)
    for line in panel.lines:
        _draw_line(axis, line, _look(line.series, plot, theme))
    if panel.reference is not None:
        value, name = panel.reference
        look: dict[str, Any] = {"color": theme.ink, "linewidth": 1, "linestyle": (0, (2, 2))}
        if isinstance(value, np.ndarray):
            axis.plot(np.arange(len(value)), value, gid="reference", **look)
        else:
            axis.axhline(value, gid="reference", **look)
        axis.set_title(f"dotted: {name}", loc="right", fontsize=9)


def _draw_line(axis: Axes, line: Line, look: dict[str, Any]) -> None:
    few = np.isfinite(line.y).sum() < 12
    is_mean_drawn = line.window > 1
    logged: dict[str, Any] = {"linewidth": 0.8 * look["linewidth"]}
    if is_mean_drawn:
        logged = {"linewidth": 0.7, "alpha": 0.45, "linestyle": "-"}
    name = f"{line.series} {line.scalar}"
    marker = look.get("marker", "o") if few else ""
    values = np.where(np.isfinite(line.y), line.y, np.nan)
    axis.plot(
        line.x, values, gid=f"logged {name}", **{**look, **logged, "marker": marker}, markersize=3.5
    )
    if is_mean_drawn:
        mean = running_mean(line.y, line.window)
        axis.plot(line.x, mean, zorder=3, gid=f"mean {name}", **look)  # above all that was logged
    if line.interval is not None:
        axis.fill_between(line.x, *line.interval, color=look["color"], alpha=0.14, linewidth=0)
    bad = line.x[~np.isfinite(line.y)]
    if len(bad):
        axis.plot(
            bad,
            np.full(len(bad), 0.03),
            transform=axis.get_xaxis_transform(),
            color=look["color"],
            marker="x",
            linestyle="",
            gid=f"not finite {name}",
        )


def _legend(drawn: Figure, looks: list[dict[str, Any]], labels: list[str], n_columns: int) -> None:
    """Name the series below the axes."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], markersize=3.5, **look) for look in looks]
    # A label that begins with an underscore would be left out, so the names come after.
    legend = drawn.legend(
        handles,
        [f"{number}" for number in range(len(labels))],
        loc="lower left",
        bbox_to_anchor=(0.01, 0),
        ncols=n_columns,
        frameon=False,
        handlelength=3,
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)
