"""The words and tables of a page as Markdown, small enough to be kept beside a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voice2face.reporting.elements import Cell, Section, Table, Words


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Write what a page shows before anything is opened, less its plots and faces.

    An interval, below a value on the page, stands in brackets behind it.
    """
    blocks = [f"# {_escaped(title)}"]
    for section in sections:
        told = [block for element in section.elements for block in _blocks(element)]
        if told:
            blocks += [f"## {_escaped(section.title)}", *([section.text] if section.text else [])]
            blocks += told
    return "\n\n".join(blocks) + "\n"


def _blocks(element: object) -> Iterator[str]:
    """Nothing of plots, faces and what is folded."""
    if isinstance(element, Words) and not element.is_folded:
        start = "- " if element.title else ""
        yield from [f"{element.title}:"] if element.title else []
        yield ("\n" if start else "\n\n").join(start + _escaped(line) for line in element.lines)
    elif isinstance(element, Table) and not element.is_folded:
        yield from (text for text in (element.title, element.caption) if text)
        yield "\n".join(_rows(element))


def _rows(table: Table) -> Iterator[str]:
    width = len(table.head)
    yield _row(table.head)
    yield "|" + "---|" * width
    for row in table.rows:
        heading = len(row) == 1 < width
        yield _row((f"**{_text(row[0])}**", *[""] * (width - 1)) if heading else row)


def _row(cells: Sequence[str | Cell]) -> str:
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _text(cell: str | Cell) -> str:
    if isinstance(cell, Cell):
        cell = f"{cell.text} ({cell.below})" if cell.below else cell.text
    return _escaped(cell).replace("\n", " ")


def _escaped(text: str) -> str:
    """Keep names of systems and people from being read as HTML or as the edge of a cell."""
    return text.replace("<", "&lt;").replace("|", "\\|")
