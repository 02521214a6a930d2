"""Drawing curves: logged values thin, their running mean thick, a colour and dashes a run."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face.reporting.figures import CurveFigure, Line, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "Theme", "curve_png", "draw", "running_mean", "smoothing_window"]

_WIDTH_IN, _PANEL_IN, _MARGIN_IN = 6.0, 2.15, 0.75
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
    height = _PANEL_IN * len(figure.panels) + _MARGIN_IN
    with rc_context(style):
        drawn = Figure(figsize=(_WIDTH_IN, height), dpi=_DPI, layout="constrained")
        axes = drawn.subplots(len(figure.panels), 1, sharex=True, squeeze=False)[:, 0]
        for axis, panel in zip(axes, figure.panels, strict=True):
            _draw_panel(axis, panel, theme)
        axes[-1].set_xlabel(figure.x_label)
        axes[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        shown = sorted({line.run for panel in figure.panels for line in panel.lines})
        _legend(drawn, shown, names, theme)
        if len(shown) > 1:
            drawn.align_ylabels()
    return drawn


def _draw_panel(axis: Axes, panel: Panel, theme: Theme) -> None:
    axis.grid(True, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_title(panel.title, loc="left", fontsize=10.5)
    if panel.is_log:
        axis.set_yscale("log", nonpositive="mask")
    if panel.is_share:
        axis.set_ylim(-0.03, 1.03)
    for line in panel.lines:
        _draw_line(axis, line, theme)
    if panel.reference is not None:
        value, name = panel.reference
        axis.axhline(value, color=theme.ink, linewidth=1, linestyle=(0, (2, 2)), gid="reference")
        axis.annotate(
            name,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(-3, 3),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            zorder=4,
            bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.75, "pad": 1.5},
        )


def _draw_line(axis: Axes, line: Line, theme: Theme) -> None:
    colour = theme.runs[line.run % len(theme.runs)]
    dashes = _DASHES[line.run % len(_DASHES)]
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


def _legend(drawn: Figure, shown: list[int], names: list[str], theme: Theme) -> None:
    """Name the runs below the axes; names are text, not formulas."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=theme.runs[n % len(theme.runs)], linestyle=_DASHES[n % len(_DASHES)], lw=2
        )
        for n in shown
    ]
    legend = drawn.legend(
        handles,
        [f"run {n}" for n in shown],
        loc="outside lower left",
        ncols=1 if max(len(names[n]) for n in shown) > 24 else 2,
        frameon=False,
        handlelength=3,
    )
    for text, number in zip(legend.get_texts(), shown, strict=True):
        text.set_parse_math(False)
        text.set_text(shorten(names[number]))


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
    _few_colours(np.asarray(canvas.buffer_rgba())).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _few_colours(pixels: NDArray[np.uint8]) -> Image.Image:
    """Keep the commonest colours, and bring each other one to the nearest of them.

    The lines keep the very colours of the theme, which averaging palettes do not give.

    Args:
        pixels: (height, width, 4) RGBA, opaque.

    Returns:
        A picture with a palette.
    """
    rgb = pixels[..., :3].astype(np.int64)
    codes, places, counts = np.unique(
        rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2], return_inverse=True, return_counts=True
    )
    colours = np.stack([codes >> shift & 255 for shift in (16, 8, 0)], axis=1)
    palette = colours[np.lexsort((codes, -counts))][:_PNG_COLOURS]
    nearest = ((colours[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
    indices = nearest[places].reshape(rgb.shape[:2]).astype(np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(palette.astype(np.uint8).tobytes())
    return picture
