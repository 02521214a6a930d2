"""Pages: one HTML file with everything in it, no script, and nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from voice2face import __version__
from voice2face.files import write_atomically
from voice2face.images.sheet import CAPTION
from voice2face.reporting import elements
from voice2face.reporting.elements import Section
from voice2face.reporting.faces import face_jpeg
from voice2face.reporting.plots import Pictures, draw_plots


def write_page(path: Path, template: str, sections: Sequence[Section], **content: Any) -> None:
    """Write a page; a letter of a file's name that is none is escaped. See `page`."""
    html = page(template, sections, **content)
    write_atomically(path, html.encode("utf-8", "backslashreplace"))


def page(
    template: str, sections: Sequence[Section], pictures: Pictures | None = None, **content: Any
) -> str:
    """Fill a template with sections, and with what else it asks for.

    `pictures` are those of the plots, where they are drawn already.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            sections=sections,
            pictures=draw_plots(sections) if pictures is None else pictures,
            imagined=CAPTION,
            version=__version__,
            **content,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("voice2face.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"jpeg": face_jpeg, "data_url": _data_url}
    for kind in ("Cell", "FaceGrid", "LinePlot", "Missing", "PlotRow", "Table", "Words"):
        known = getattr(elements, kind)
        environment.tests[kind] = lambda value, known=known: isinstance(value, known)
    return environment


def _data_url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
