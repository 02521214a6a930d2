"""Plots as PNG, in the colours of light and of dark pages."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from voice2face.reporting.bars import draw_bars
from voice2face.reporting.curves import draw_lines
from voice2face.reporting.elements import LinePlot, Plot, Section
from voice2face.reporting.theme import DARK, LIGHT, Theme

__all__ = ["Pictures", "draw_plots", "plot_png"]

_PNG_COLOURS = 32

Pictures = dict[Plot, tuple[bytes, bytes]]


def draw_plots(sections: Iterable[Section]) -> Pictures:
    """Draw every plot, for a light and for a dark page."""
    return {
        plot: (plot_png(plot, LIGHT), plot_png(plot, DARK))
        for section in sections
        for plot in section.plots
    }


def plot_png(plot: Plot, theme: Theme) -> bytes:
    """Draw a plot as PNG: the same bytes for the same plot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    draw = draw_lines if isinstance(plot, LinePlot) else draw_bars
    canvas = FigureCanvasAgg(draw(plot, theme))  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        # A name may hold letters that the font lacks: they become boxes, which is said enough.
        warnings.filterwarnings("ignore", message="Glyph")
        canvas.draw()
    buffer = io.BytesIO()
    metadata = PngImagePlugin.PngInfo()
    metadata.add_text("Software", "voice2face")
    _few_colours(np.asarray(canvas.buffer_rgba()), theme.colours).save(
        buffer, format="PNG", optimize=True, pnginfo=metadata
    )
    return buffer.getvalue()


def _few_colours(pixels: NDArray[np.uint8], kept: list[str]) -> Image.Image:
    """Bring (height, width, 4) opaque pixels to a palette of `kept` and of the commonest others.

    What is kept stays as it is, however short a line is.
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
