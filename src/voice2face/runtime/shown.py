"""Faces as a notebook shows them, as a plot, and as a file."""

# Matplotlib's types have gaps.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import base64
import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image

_SHOWN_FACE_PX = 160


class Shown(ABC):
    """Faces that show themselves; a notebook calls `_repr_html_` and `_repr_png_`.

    Attributes:
        faces: (..., size, size, 3) uint8 RGB.
    """

    faces: NDArray[np.uint8]

    @property
    @abstractmethod
    def image(self) -> Image.Image:
        """The faces on a captioned sheet, as a Pillow image."""

    @property
    @abstractmethod
    def native_image(self) -> Image.Image:
        """The faces in a grid at the model's own pixels, as a Pillow image."""

    @property
    @abstractmethod
    def words(self) -> list[str]:
        """What the faces are of, in plain words, a line each."""

    @abstractmethod
    def encode(self, suffix: str = ".png", native: bool = False) -> bytes:
        """Write `image`, or `native_image`, as a file of a kind, with metadata: its bytes."""

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the grid of faces with Matplotlib, of the extra `notebooks`, and `words` above it.

        Args:
            axes: Where to draw; None: on a new figure of pyplot.

        Returns:
            Where it was drawn.

        Raises:
            MissingDependencyError: Matplotlib is not installed.
        """
        try:
            from matplotlib import pyplot
        except ModuleNotFoundError:
            raise MissingDependencyError(
                "plot needs the package 'matplotlib'; install it with: "
                "pip install 'voice2face[notebooks]'"
            ) from None
        grid = self.native_image
        if axes is None:
            # An inch and a half a face, and the words.
            width, height = (1.5 * side / self.faces.shape[-2] for side in grid.size)
            figure = pyplot.figure(figsize=(max(width, 6), height + 1), layout="constrained")
            axes = figure.add_subplot()
        axes.imshow(np.asarray(grid), interpolation="lanczos")
        axes.set_axis_off()
        axes.set_title("\n".join(self.words), loc="left", fontsize="small")
        return axes

    def _repr_png_(self) -> bytes:
        return self.encode()

    def _repr_html_(self) -> str:
        grid = self.native_image
        width_px = grid.width // self.faces.shape[-2] * _SHOWN_FACE_PX
        first, *further = (html.escape(line) for line in self.words)
        return (
            '<figure style="margin:0"><img style="width:100%;'
            f'max-width:{width_px}px" alt="{first}" src="data:image/png;base64,'
            f'{base64.b64encode(self.encode(native=True)).decode()}">'
            f"<figcaption>{'<br>'.join([first, *further])}</figcaption></figure>"
        )
