"""Drawing curves: logged values thin, their running mean thick, a colour and dashes a run."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from voice2face.reporting.figures import CurveFigure, Line, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "Theme", "curve_png", "draw", "running_mean", "smoothing_window"]

# Inches. Fixed margins: axes of all figures are aligned, and drawing takes half as long as when
# matplotlib measures every text to find room for it.
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 6.0, 0.68, 0.28, 0.28, 0.6
_PANEL, _GAP, _LEGEND_LINE = 1.75, 0.4, 0.24
_LONGEST_IN_TWO_COLUMNS = 22
_DPI = 150
_PNG_COLOURS = 32
_LONGEST_NAME = 36
_DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
# Of so many values is one step of the running mean made, but for the shortest logs.
_VALUES_A_WINDOW = 20


@dataclass(frozen=True)
class Theme:
    """Colours of a page.

    Attributes:
        paper: Behind everything.
        ink: Of text.
        faint: Of grid and frame.
        runs: Of the runs' lines, in turn.

    Source:
        The runs' colours are from Okabe and Ito's set, which the colour-blind can tell apart.
    """

    paper: str
    ink: str
    faint: str
    runs: tuple[str, ...]


LIGHT = Theme("#ffffff", "#222222", "#d4d4d4", ("#0072b2", "#d55e00", "#009e73", "#a64d84"))
DARK = Theme("#1b1c1e", "#e8e6e1", "#45474a", ("#56b4e9", "#e69f00", "#2fc79a", "#e38fbe"))


def smoothing_window(n_values: int) -> int:
    """Choose the window of the running mean: an odd number, about a twentieth of the values."""
    return max(1, n_values // _VALUES_A_WINDOW) // 2 * 2 + 1


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Average over a centred window, which is cut off at both ends.

    Args:
        values: (values,); those that are not finite are left out.
        window: Odd number of values.

    Returns:
        (values,); NaN where no value of the window is finite.
    """
    finite = np.isfinite(values)
    half = window // 2
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    centre = np.arange(len(values))
    first, last = np.maximum(centre - half, 0), np.minimum(centre + half + 1, len(values))
    n = counts[last] - counts[first]
    return np.where(n > 0, (sums[last] - sums[first]) / np.maximum(n, 1), np.nan)


def draw(figure: CurveFigure, names: list[str], theme: Theme) -> Figure:
    """Draw curves.

    Args:
        figure: What to draw.
        names: The runs' names.
        theme: Colours.

    Returns:
        A figure of matplotlib. The lines have the ids "logged RUN SCALAR" and "mean RUN SCALAR".
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 10.5,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.faint,
        "axes.facecolor": theme.paper,
        "figure.facecolor": theme.paper,
        "grid.color": theme.faint,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.formatter.use_mathtext": False,
    }
    n_panels = len(figure.panels)
    shown = sorted({line.run for panel in figure.panels for line in panel.lines})
    labels = [shorten(names[number]) for number in shown]
    n_columns = 1 if max(map(len, labels)) > _LONGEST_IN_TWO_COLUMNS else 2
    bottom = _BOTTOM + _LEGEND_LINE * -(-len(shown) // n_columns)
    height = _TOP + n_panels * _PANEL + (n_panels - 1) * _GAP + bottom
    with rc_context(style):
        drawn = Figure(figsize=(_WIDTH, height), dpi=_DPI)
        axes = drawn.subplots(n_panels, 1, sharex=True, sharey=figure.shares_y, squeeze=False)[:, 0]
        drawn.subplots_adjust(
            left=_LEFT / _WIDTH,
            right=1 - _RIGHT / _WIDTH,
            bottom=bottom / height,
            top=1 - _TOP / height,
            hspace=_GAP / _PANEL,
        )
        for axis, panel in zip(axes, figure.panels, strict=True):
            _draw_panel(axis, panel, theme)
        axes[-1].set_xlabel(figure.x_label)
        axes[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        _legend(drawn, shown, labels, n_columns, theme)
    return drawn


def _draw_panel(axis: Axes, panel: Panel, theme: Theme) -> None:
    from matplotlib.ticker import LogFormatter

    axis.grid(True, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_title(panel.title, loc="left", fontsize=10.5)
    if panel.is_log:
        axis.set_yscale("log", nonpositive="mask")
        axis.yaxis.set_major_formatter(LogFormatter())
        axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))
    if panel.is_share:
        axis.set_ylim(-0.03, 1.03)
    for line in panel.lines:
        _draw_line(axis, line, theme)
    if panel.reference is not None:
        value, name = panel.reference
        axis.axhline(value, color=theme.ink, linewidth=1, linestyle=(0, (2, 2)), gid="reference")
        axis.set_title(f"dotted: {name}", loc="right", fontsize=9)


def _draw_line(axis: Axes, line: Line, theme: Theme) -> None:
    colour, dashes = _look(line.run, theme)
    few = np.isfinite(line.y).sum() < 12
    is_mean_drawn = line.window > 1
    axis.plot(
        line.x,
        np.where(np.isfinite(line.y), line.y, np.nan),
        color=colour,
        linewidth=0.7 if is_mean_drawn else 1.6,
        alpha=0.45 if is_mean_drawn else 1,
        linestyle="-" if is_mean_drawn else dashes,
        marker="o" if few else "",
        markersize=3.5,
        gid=f"logged {line.run} {line.scalar}",
    )
    if is_mean_drawn:
        axis.plot(
            line.x,
            running_mean(line.y, line.window),
            color=colour,
            linewidth=2,
            linestyle=dashes,
            zorder=3,  # above what any run logged
            gid=f"mean {line.run} {line.scalar}",
        )
    bad = line.x[~np.isfinite(line.y)]
    if len(bad):
        axis.plot(
            bad,
            np.full(len(bad), 0.03),
            transform=axis.get_xaxis_transform(),
            color=colour,
            marker="x",
            linestyle="",
            gid=f"not finite {line.run} {line.scalar}",
        )


def _look(run: int, theme: Theme) -> tuple[str, Any]:
    """Colour and dashes of a run; sixteen runs can be told apart."""
    return theme.runs[run % len(theme.runs)], _DASHES[(run + run // len(theme.runs)) % len(_DASHES)]


def _legend(
    drawn: Figure, shown: list[int], labels: list[str], n_columns: int, theme: Theme
) -> None:
    """Name the runs below the axes; names are text, not formulas."""
    from matplotlib.lines import Line2D

    handles = []
    for number in shown:
        colour, dashes = _look(number, theme)
        handles.append(Line2D([], [], color=colour, linestyle=dashes, linewidth=2))
    # A label that begins with an underscore would be left out, so the names come after.
    legend = drawn.legend(
        handles,
        [f"run {n}" for n in shown],
        loc="lower left",
        bbox_to_anchor=(0.01, 0),
        ncols=n_columns,
        frameon=False,
        handlelength=3,
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def shorten(name: str) -> str:
    """Bring a name to one line of bounded length."""
    line = " ".join(name.split()) or "?"
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def curve_png(figure: CurveFigure, names: list[str], theme: Theme) -> bytes:
    """Draw curves as PNG.

    Args:
        figure: What to draw.
        names: The runs' names.
        theme: Colours.

    Returns:
        The file: the same bytes for the same figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = draw(figure, names, theme)
    canvas = FigureCanvasAgg(drawn)
    with warnings.catch_warnings():
        # A name may hold letters that the font lacks: they become boxes, which is said enough.
        warnings.filterwarnings("ignore", message="Glyph")
        canvas.draw()
    buffer = io.BytesIO()
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", "voice2face")
    kept = [theme.paper, theme.ink, theme.faint, *theme.runs]
    _few_colours(np.asarray(canvas.buffer_rgba()), kept).save(
        buffer, format="PNG", optimize=True, pnginfo=about
    )
    return buffer.getvalue()


def _few_colours(pixels: NDArray[np.uint8], kept: list[str]) -> Image.Image:
    """Keep some colours and the commonest others, and bring each other one to the nearest.

    Args:
        pixels: (height, width, 4) RGBA, opaque.
        kept: Colours, as "#rrggbb", that must stay as they are: however short a line is.

    Returns:
        A picture with a palette.
    """
    rgb = pixels[..., :3].astype(np.int64)
    codes, places, counts = np.unique(
        rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2], return_inverse=True, return_counts=True
    )
    colours = np.stack([codes >> shift & 255 for shift in (16, 8, 0)], axis=1)
    first = np.array([list(bytes.fromhex(colour[1:])) for colour in kept], dtype=np.int64)
    commonest = colours[np.lexsort((codes, -counts))][: _PNG_COLOURS - len(first)]
    palette = np.concatenate([first, commonest])
    nearest = ((colours[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
    indices = nearest[places].reshape(rgb.shape[:2]).astype(np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(palette.astype(np.uint8).tobytes())
    return picture
