"""Draw docs/pictures/house.svg: the rooms of the package at two revisions, and who imports whom.

    python docs/pictures/house.py BEFORE AFTER

A room is a package or module directly below `voice2face`, as wide as it has lines, on a floor above
all that it imports. An arrow that follows from others is left out.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

ROOT = "voice2face"
# Ends of the package, and what the whole package says of itself.
LEFT_OUT = {"__init__", "__main__"}
INK, FILL = "#333333", "#dfe7ec"


def main() -> None:
    """Draw two revisions side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revisions", nargs=2, metavar="REVISION")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_suffix(".svg"))
    options = parser.parse_args()
    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": ROOT}
    figure, panels = plt.subplots(1, 2, figsize=(16, 9), sharey=True)
    for axes, when, revision in zip(panels, ("Before", "After"), options.revisions, strict=True):
        sources = read(revision)
        lines, imports = rooms(sources)
        floors = floors_of(lines, imports)
        draw(axes, lines, needed(imports), floors)
        total = sum(source.count("\n") for source in sources.values())
        axes.set_title(
            f"{when}: {total:,} lines, {len(sources)} modules, {len(lines)} rooms on "
            f"{max(floors.values()) + 1} floors",
            fontsize=11,
        )
    figure.tight_layout()
    figure.savefig(options.out, metadata={"Date": None})


def read(revision: str) -> dict[PurePosixPath, str]:
    """Text of each module at a revision, by its path below the package."""
    archive = subprocess.run(
        ["git", "archive", revision, f"src/{ROOT}"], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {
            PurePosixPath(entry.name).relative_to(f"src/{ROOT}"): file.read().decode()
            for entry in files
            if entry.name.endswith(".py") and (file := files.extractfile(entry))
        }


def rooms(sources: dict[PurePosixPath, str]) -> tuple[Counter[str], set[tuple[str, str]]]:
    """Lines of each room, and which room imports which, at once or late."""
    lines: Counter[str] = Counter()
    imports: set[tuple[str, str]] = set()
    for path, source in sources.items():
        room = path.parts[0].removesuffix(".py")
        if room in LEFT_OUT:
            continue
        lines[room] += source.count("\n")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module == ROOT:
                imports |= {(room, name.name) for name in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{ROOT}."):
                imports.add((room, (node.module or "").split(".")[1]))
    return lines, {(one, other) for one, other in imports if one != other and other in lines}


def floors_of(lines: Counter[str], imports: set[tuple[str, str]]) -> dict[str, int]:
    """The floor of each room, 0 the lowest. Rooms do not import each other in a circle."""
    floors = dict.fromkeys(lines, 0)
    for _ in lines:
        for one, other in imports:
            floors[one] = max(floors[one], floors[other] + 1)
    assert all(floors[one] > floors[other] for one, other in imports), "rooms in a circle"
    return floors


def needed(imports: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows that do not follow from others."""
    below: dict[str, set[str]] = {}
    for one, other in imports:
        below.setdefault(one, set()).add(other)

    def far_below(room: str) -> set[str]:
        near = below.get(room, set())
        return near.union(*map(far_below, near))

    return {
        (one, other)
        for one, other in imports
        if not any(other in far_below(between) for between in below[one] - {other})
    }


def draw(
    axes: Axes, lines: Counter[str], arrows: set[tuple[str, str]], floors: dict[str, int]
) -> None:
    """Draw the rooms of one revision, floor by floor, and the arrows between them."""
    at: dict[str, tuple[float, float]] = {}
    for floor in sorted(set(floors.values())):
        here = [name for name in sorted(lines) if floors[name] == floor]
        widths = [max(lines[name] / 60, 2.8 * len(name)) for name in here]
        x = -(sum(widths) + 4 * (len(here) - 1)) / 2 + (6 if floor % 2 else -6)
        for name, width in zip(here, widths, strict=True):
            box = Rectangle((x, floor - 0.2), width, 0.4, facecolor=FILL, edgecolor=INK, zorder=2)
            axes.add_patch(box)
            text = f"{name}\n{lines[name]:,}"
            axes.text(x + width / 2, floor, text, ha="center", va="center", fontsize=8, zorder=3)
            at[name] = (x + width / 2, floor)
            x += width + 4
    for one, other in sorted(arrows):
        (x, y), (to_x, to_y) = at[one], at[other]
        tail, head = (x, y - 0.2), (to_x, to_y + 0.2)
        axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=INK,
                                       linewidth=0.7, alpha=0.6, shrinkA=0, shrinkB=0))  # fmt: skip
    axes.autoscale_view()
    axes.axis("off")


if __name__ == "__main__":
    main()
