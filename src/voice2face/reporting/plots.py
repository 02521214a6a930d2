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

    is_lines = isinstance(plot, LinePlot)
    canvas = FigureCanvasAgg(draw_lines(plot, theme) if is_lines else draw_bars(plot, theme))
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

    What is kept stays as it is, however short a line is. The first is the paper's.
    """
    rgb = pixels[..., :3].astype(np.int32)
    codes = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    known = np.array([int(colour[1:], 16) for colour in kept])
    is_drawn = codes != known[0]
    found, places, counts = np.unique(codes[is_drawn], return_inverse=True, return_counts=True)
    commonest = found[np.lexsort((found, -counts))]
    commonest = commonest[~np.isin(commonest, known)][: _PNG_COLOURS - len(known)]

    def split(colours: NDArray[np.int_]) -> NDArray[np.int_]:
        return np.stack([colours >> shift & 255 for shift in (16, 8, 0)], axis=1)

    palette = split(np.concatenate([known, commonest]))
    nearest = ((split(found)[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
    indices = np.zeros(codes.shape, dtype=np.uint8)
    indices[is_drawn] = nearest[places]
    picture = Image.fromarray(indices)
    picture.putpalette(palette.astype(np.uint8).tobytes())
    return picture
