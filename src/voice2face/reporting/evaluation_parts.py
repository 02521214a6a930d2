"""The smallest parts of the result page: heads, cells, numbers, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["bullets", "cell", "chance_cell", "head", "number"]

_NOISE = 1e-6  # of rounding


def head(names: Sequence[str], marked: Sequence[str] = ()) -> str:
    """A row of column heads, some of them marked."""
    cells = "".join(
        f"<th scope='col'{' class=own' if name in marked else ''}>{escape(name)}</th>"
        for name in names
    )
    return f"<tr>{cells}</tr>"


def cell(figure: dict | None, own: bool = False) -> str:
    """A value over its interval; greyed where few people stand behind it."""
    if figure is None:
        return "<td></td>"
    classes = " ".join(name for name, there in (("own", own), ("few", figure["few"])) if there)
    title = f"{figure['n_identities']} people, {figure['n_trials']} trials"
    unit = figure["unit"]
    value = "undefined" if figure["value"] is None else number(figure["value"], unit)
    ends = (
        ""
        if figure["low"] is None
        else f"<small>{number(figure['low'], unit).removesuffix(' %')} to "
        f"{number(figure['high'], unit).removesuffix(' %')}</small>"
    )
    return f"<td class='{classes}' title='{title}'>{value}{ends}</td>"


def chance_cell(value: float | None, figure: dict) -> str:
    """What guessing gives, or the best possible, of a figure; a dash where that is not known."""
    return f"<td class='chance'>{number(value, figure['unit'])}</td>"


def number(value: float | None, unit: str = "") -> str:
    """A number to three digits; a share to a tenth of a percent."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.1f} %"
    if abs(value) < _NOISE:
        return "0"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences; nothing where there is none."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""
