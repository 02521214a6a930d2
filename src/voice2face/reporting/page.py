"""The page: one HTML file with everything in it, and no script."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from voice2face import __version__
from voice2face.images.sheet import CAPTION
from voice2face.reporting.faces import face_jpeg
from voice2face.reporting.figures import CurveFigure, FaceFigure, Missing, Section, Table
from voice2face.reporting.style import POLICY

__all__ = ["page"]

_STYLE = Path(__file__).with_name("page.css")
# Longer captions get wider places.
_WORDS = 24


def page(
    title: str,
    text: str,
    sections: Sequence[Section],
    curves: Mapping[str, tuple[bytes, bytes]],
    files: str,
) -> str:
    """Write the page.

    Args:
        title: Its heading.
        text: Its first paragraph.
        sections: Its parts.
        curves: PNG of each curve figure by key, on light and on dark paper.
        files: Name of the folder beside it with the same pictures; empty: there is none.

    Returns:
        HTML.
    """
    contents = "".join(
        f'<li><a href="#part-{n}">{_text(section.title)}</a></li>'
        for n, section in enumerate(sections, start=1)
    )
    parts = "".join(
        f'<section id="part-{n}"><h2>{_text(section.title)}</h2><p>{_text(section.text)}</p>'
        + "".join(_figure(figure, curves) for figure in section.figures)
        + "</section>\n"
        for n, section in enumerate(sections, start=1)
    )
    pictures = f" The same pictures lie as PNG files in {_text(files)}/." if files else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n"
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f"<header><h1>{_text(title)}</h1><p>{_text(text)}</p></header>\n"
        f"<nav><ul>{contents}</ul></nav>\n<main>\n{parts}</main>\n"
        f'<footer class="soft"><p>{_text(CAPTION)}{pictures} '
        f"Made by voice2face {_text(__version__)}.</p></footer>\n"
        "</body>\n</html>\n"
    )


def _figure(
    figure: CurveFigure | FaceFigure | Table | Missing, curves: Mapping[str, tuple[bytes, bytes]]
) -> str:
    heading = f"<h3>{_text(figure.title)}</h3>"
    if isinstance(figure, Missing):
        return f'{heading}<p class="missing">{_text(figure.reason)}</p>\n'
    caption = f"<figcaption>{_text(figure.caption)}</figcaption>"
    if isinstance(figure, Table):
        return f"{heading}<figure>{_table(figure)}{caption}</figure>\n"
    if isinstance(figure, FaceFigure):
        return f"{heading}<figure>{_faces(figure)}{caption}</figure>\n"
    light, dark = (_data("png", content) for content in curves[figure.key])
    panels = "; ".join(panel.title for panel in figure.panels)
    return (
        f'{heading}<figure class="curves"><picture>'
        f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{_text(f"Curves: {figure.title}: {panels}")}"></picture>'
        f"{caption}</figure>\n"
    )


def _faces(figure: FaceFigure) -> str:
    parts = []
    for row in figure.rows:
        label = f'<p class="label">{_text(row.label)}</p>' if row.label else ""
        tiles = []
        for tile in row.tiles:
            if tile.face is None:
                tiles.append(f'<li class="refused">{_text(tile.caption)}</li>')
                continue
            kind = ' class="real"' if tile.is_real else ""
            alt = "photograph" if tile.is_real else "imagined face"
            tiles.append(
                f'<li{kind}><img src="{_data("jpeg", face_jpeg(tile.face))}" alt="{alt}">'
                f"{_text(tile.caption)}</li>"
            )
        wide = any(len(tile.caption) > _WORDS for tile in row.tiles)
        style = "faces words" if wide else "faces"
        parts.append(f'{label}<ul class="{style}">{"".join(tiles)}</ul>')
    return "".join(parts)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.head)
    body = "".join(
        f'<tr{" class=differs" if n in table.marked else ""}><th scope="row">'
        f"{'≠ ' if n in table.marked else ''}{_breakable(row[0])}</th>"
        + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
        + "</tr>\n"
        for n, row in enumerate(table.rows)
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _breakable(name: str) -> str:
    """Escape a name, and let lines break where its parts meet."""
    return _text(name).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _text(text: str) -> str:
    """Escape text for HTML, between tags and in quoted attributes."""
    return html.escape(text, quote=True)
