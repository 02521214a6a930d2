"""Colours of pages and of what is drawn on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_LONGEST_NAME = 36
_DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))


@dataclass(frozen=True)
class Theme:
    """Colours, as "#rrggbb"; those of the paper and the ink are the page's own, see `page.css`.

    Source: the colours of series are from Okabe and Ito's set, which the colour-blind tell apart.
    """

    paper: str
    ink: str
    soft: str
    faint: str
    series: tuple[str, ...]

    @property
    def colours(self) -> list[str]:
        """All of them."""
        return [self.paper, self.ink, self.soft, self.faint, *self.series]

    @property
    def style(self) -> dict[Any, Any]:
        """Settings of matplotlib, in which names are text and not formulas."""
        return {
            "font.family": "DejaVu Sans",
            "font.size": 10.5,
            "text.color": self.ink,
            "text.parse_math": False,
            "axes.labelcolor": self.ink,
            "axes.edgecolor": self.faint,
            "axes.facecolor": self.paper,
            "figure.facecolor": self.paper,
            "grid.color": self.faint,
            "xtick.color": self.ink,
            "ytick.color": self.ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.formatter.use_mathtext": False,
        }

    def look(self, series: int) -> tuple[str, Any]:
        """Colour and dashes of a series; sixteen can be told apart, also without colours."""
        n = len(self.series)
        return self.series[series % n], _DASHES[(series + series // n) % len(_DASHES)]


LIGHT = Theme(
    "#ffffff", "#222222", "#6b6b6b", "#d4d4d4", ("#0072b2", "#d55e00", "#009e73", "#a64d84")
)
DARK = Theme(
    "#1b1c1e", "#e8e6e1", "#9a9892", "#45474a", ("#56b4e9", "#e69f00", "#2fc79a", "#e38fbe")
)


def shorten(name: str) -> str:
    """Bring a name to one line of at most 36 letters that can be drawn."""
    line = " ".join(name.encode("utf-8", "backslashreplace").decode().split()) or "?"
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
