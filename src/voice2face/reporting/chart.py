"""Curves and bars with their intervals, as inline pictures of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from voice2face.reporting.evaluation_parts import number

__all__ = ["Axis", "bar_chart", "colour", "line_chart"]

_WIDTH, _HEIGHT = 560, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 215, 14, 30
_LABEL_PX = 14
_BAR_PX, _BAR_LEFT, _BAR_RIGHT = 22, 210, 165
# Systems differ by colour and by dash, so that they differ without colours too.
_COLOURS = ("#0b5fa5", "#c2571a", "#2b8a3e", "#8e44ad", "#b8860b", "#c0392b")
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")

_Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """What lies along a line chart.

    Attributes:
        labels: Of its places, from left to right.
        chance: What guessing gives at each, in %.
    """

    labels: Sequence[str]
    chance: Sequence[float | None]


def colour(systems: Sequence[str], name: str) -> str:
    """The colour of a system; that of soft text for whatever stands beside the systems."""
    return _COLOURS[systems.index(name) % len(_COLOURS)] if name in systems else "var(--soft)"


def line_chart(
    title: str,
    axis: Axis,
    lines: Mapping[str, Sequence[dict | None]],
    systems: Sequence[str],
) -> str:
    """Draw shares along an axis, those of systems with the bands of their intervals.

    Args:
        title: What is shown.
        axis: Where.
        lines: By name, the figure at each place, in %; None where there is none.
        systems: Which of them are drawn in colour.

    Returns:
        HTML; empty where there are not two places.
    """
    n = len(axis.labels)
    if n < 2:
        return ""

    def place(at: int, percent: float) -> _Point:
        return (
            _LEFT + at / (n - 1) * (_WIDTH - _LEFT - _RIGHT),
            _TOP + (1 - percent / 100) * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = []
    for percent in (0, 25, 50, 75, 100):
        (x, y), (end, _) = place(0, percent), place(n - 1, percent)
        parts.append(f"<line x1='{x:.0f}' x2='{end:.0f}' y1='{y:.1f}' y2='{y:.1f}'/>")
        parts.append(f"<text x='{x - 6:.0f}' y='{y + 4:.1f}' text-anchor='end'>{percent}</text>")
    for at, label in enumerate(axis.labels):
        x, y = place(at, 0)
        text = escape(label)
        parts.append(f"<text x='{x:.1f}' y='{y + 18:.1f}' text-anchor='middle'>{text}</text>")
    guessed = [place(at, one) for at, one in enumerate(axis.chance) if one is not None]
    ends = []
    if guessed:
        parts.append(_path(guessed, "class='chance'"))
        ends.append((guessed[-1][1], "chance", "var(--soft)"))
    # Systems last, over the others.
    for name in sorted(lines, key=lambda one: one in systems):
        told = [(at, f) for at, f in enumerate(lines[name]) if f and f["value"] is not None]
        if not told:
            continue
        paint = colour(systems, name)
        if name in systems:
            parts.append(_band([(at, f) for at, f in told if f["low"] is not None], place, paint))
        dash = _DASHES[systems.index(name) % len(_DASHES)] if name in systems else ""
        width = 2.5 if name in systems else 1.2
        drawn = f"style='stroke:{paint};stroke-width:{width};stroke-dasharray:{dash or 'none'}'"
        points = [place(at, f["value"]) for at, f in told]
        parts.append(_path(points, drawn))
        ends.append((points[-1][1], name, paint))
    parts += _labels(ends, _WIDTH - _RIGHT + 14)
    return _figure(title, parts, _HEIGHT)


def bar_chart(title: str, bars: Mapping[str, dict], systems: Sequence[str]) -> str:
    """Draw figures of one kind as bars from 0, with their intervals and what guessing gives.

    Args:
        title: What is shown.
        bars: The figures by what each is called; the value in words stands beside it.
        systems: Which of them are drawn in colour.

    Returns:
        HTML; empty where no figure has a value.
    """
    bars = {name: f for name, f in bars.items() if f["value"] is not None}
    if not bars:
        return ""
    ends = [v for f in bars.values() for v in (f["low"], f["value"], f["high"], f["chance"], 0.0)]
    known = [end for end in ends if end is not None]
    least, most = min(known), max(known)
    span = (most - least) or 1.0
    height = _BAR_PX * len(bars) + 12

    def across(value: float) -> float:
        return _BAR_LEFT + (value - least) / span * (_WIDTH - _BAR_LEFT - _BAR_RIGHT)

    parts = [f"<line x1='{across(0):.1f}' x2='{across(0):.1f}' y1='2' y2='{height - 6}'/>"]
    for row, (name, figure) in enumerate(bars.items()):
        top, value, paint = 4 + row * _BAR_PX, figure["value"], colour(systems, name)
        left, right = sorted((across(0), across(value)))
        middle = top + _BAR_PX / 2 - 2
        parts.append(
            f"<text class='name' x='{_BAR_LEFT - 8}' y='{middle + 4:.1f}' text-anchor='end'>"
            f"{escape(name[:34])}</text><rect x='{left:.1f}' y='{top + 3}' "
            f"width='{max(right - left, 0.5):.1f}' height='{_BAR_PX - 9}' "
            f"style='fill:{paint};opacity:.55'/>"
        )
        if figure["low"] is not None:
            low, high = across(figure["low"]), across(figure["high"])
            ticks = "".join(f"M{x:.1f} {middle - 4:.1f} V{middle + 4:.1f} " for x in (low, high))
            parts.append(f"<path class='whisker' d='M{low:.1f} {middle:.1f} H{high:.1f} {ticks}'/>")
        if figure["chance"] is not None:
            x = across(figure["chance"])
            parts.append(_path([(x, top), (x, top + _BAR_PX - 3.0)], "class='chance'"))
        parts.append(
            f"<text{' class=few' if figure['few'] else ''} x='{_WIDTH - _BAR_RIGHT + 8}' "
            f"y='{middle + 4:.1f}'>{_in_words(figure)}</text>"
        )
    return _figure(title, parts, height)


def _in_words(figure: dict) -> str:
    value = number(figure["value"], figure["unit"])
    if figure["low"] is None:
        return value
    low, high = (number(figure[end], figure["unit"]).removesuffix(" %") for end in ("low", "high"))
    return f"{value} ({low} to {high})"


def _figure(title: str, parts: Sequence[str], height: int) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f"<svg role='img' aria-label='{escape(title)}' width='{_WIDTH}' height='{height}' "
        f"viewBox='0 0 {_WIDTH} {height}' style='max-width:100%;height:auto'>"
        f"{''.join(parts)}</svg></figure>"
    )


def _band(told: Sequence[tuple[int, dict]], place, paint: str) -> str:
    """The interval along a line."""
    if not told:
        return ""
    edge = [place(at, f["low"]) for at, f in told]
    edge += [place(at, f["high"]) for at, f in reversed(told)]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)
    return f"<polygon points='{corners}' style='fill:{paint};opacity:.14'/>"


def _path(points: Sequence[_Point], drawn: str) -> str:
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f"<path {drawn} d='M{steps}'/>"


def _labels(ends: Sequence[tuple[float, str, str]], x: float) -> list[str]:
    """Names at the ends of the lines, pushed apart so that none covers another."""
    labels, last = [], -1.0e9
    placed = []
    for y, name, paint in sorted(ends):
        last = max(y, last + _LABEL_PX)
        placed.append((last, name, paint))
    # What ran out at the bottom moves up again.
    floor = _HEIGHT - _BOTTOM + 4
    for y, name, paint in reversed(placed):
        floor = min(y, floor)
        labels.append(
            f"<text x='{x:.0f}' y='{floor + 4:.1f}' style='fill:{paint}'>{escape(name[:32])}</text>"
        )
        floor -= _LABEL_PX
    return labels
