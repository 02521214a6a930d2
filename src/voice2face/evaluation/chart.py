"""Matching against the size of the line-up, as an inline picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["matching_chart"]

_WIDTH, _HEIGHT = 530, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 200, 14, 30
_STRATA = {"none": "At large", "gender": "Within one gender"}
_LABEL_PX = 14

_Point = tuple[float, float]


def matching_chart(section: dict, system: str) -> str:
    """Draw matching accuracy against line-up size, at large and within gender.

    Args:
        section: An identity section of a result.
        system: Which contender is highlighted, with its interval.

    Returns:
        HTML; empty where matching was not asked at two sizes.
    """
    charts = [_chart(section, system, stratum, title) for stratum, title in _STRATA.items()]
    if not any(charts):
        return ""
    return f"<div style='display:flex;flex-wrap:wrap;gap:12px'>{''.join(charts)}</div>"


def _chart(section: dict, system: str, stratum: str, title: str) -> str:
    start = f"matching/{stratum}/1:"
    lines = {
        name: sorted(
            (int(f["name"].removeprefix(start)), f)
            for f in contender["figures"]
            if f["name"].startswith(start) and f["group"] == "everybody"
        )
        for name, contender in section["contenders"].items()
    }
    sizes = [size for size, _ in lines[system]]
    if len(sizes) < 2:
        return ""

    def place(size: float, percent: float) -> _Point:
        across = (size - sizes[0]) / (sizes[-1] - sizes[0])
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _TOP + (1 - percent / 100) * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = []
    for percent in (0, 25, 50, 75, 100):
        (x, y), (end, _) = place(sizes[0], percent), place(sizes[-1], percent)
        parts.append(f"<line x1='{x:.0f}' x2='{end:.0f}' y1='{y:.1f}' y2='{y:.1f}'/>")
        parts.append(f"<text x='{x - 6:.0f}' y='{y + 4:.1f}' text-anchor='end'>{percent}</text>")
    for size in sizes:
        x, y = place(size, 0)
        parts.append(f"<text x='{x:.1f}' y='{y + 18:.1f}' text-anchor='middle'>1:{size}</text>")
    parts.append(_path([place(size, 100 / size) for size in sizes], "chance"))
    own = [(size, f) for size, f in lines[system] if f["low"] is not None]
    edge = [place(size, f["low"]) for size, f in own]
    edge += [place(size, f["high"]) for size, f in reversed(own)]
    if edge:
        parts.append(
            f"<polygon class='band' points='{' '.join(f'{x:.1f},{y:.1f}' for x, y in edge)}'/>"
        )
    ends = [(place(sizes[-1], 100 / sizes[-1])[1], "chance", "")]
    for name in sorted(lines, key=lambda name: name == system):
        points = [place(size, f["value"]) for size, f in lines[name]]
        if len(points) > 1:
            parts.append(_path(points, "mine" if name == system else "other"))
            ends.append((points[-1][1], name, "mine" if name == system else "name"))
    parts += _labels(ends, _WIDTH - _RIGHT + 16)
    described = f"{title}: percentage of trials answered rightly, by size of the line-up"
    return (
        f"<figure><figcaption>{escape(title)}: % right, by faces in the line-up</figcaption>"
        f"<svg role='img' aria-label='{escape(described)}' width='{_WIDTH}' height='{_HEIGHT}' "
        f"viewBox='0 0 {_WIDTH} {_HEIGHT}' style='max-width:100%;height:auto'>"
        f"{''.join(parts)}</svg></figure>"
    )


def _path(points: Sequence[_Point], kind: str) -> str:
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f"<path class='{kind}' d='M{steps}'/>"


def _labels(ends: Sequence[tuple[float, str, str]], x: float) -> list[str]:
    """Names at the ends of the lines, pushed apart so that none covers another."""
    labels, last = [], -1.0e9
    placed = []
    for y, name, kind in sorted(ends):
        last = max(y, last + _LABEL_PX)
        placed.append((last, name, kind))
    # What ran out at the bottom moves up again.
    floor = _HEIGHT - _BOTTOM + 4
    for y, name, kind in reversed(placed):
        floor = min(y, floor)
        labels.append(
            f"<text class='{kind}' x='{x:.0f}' y='{floor + 4:.1f}'>{escape(name[:28])}</text>"
        )
        floor -= _LABEL_PX
    return labels
