"""The command `sweep`: a search over settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from voice2face.cli.arguments import Command, file_path, workshop
from voice2face.errors import printable

if TYPE_CHECKING:
    from voice2face.training.presets import TrainSettings


def add(command: Command) -> None:
    """Add the command."""
    sub = command(
        "sweep",
        _sweep,
        "search over settings: one run per point, results on one page; resumes if interrupted",
    )
    sub.add_argument("store", type=file_path, metavar="STORE", help="folder that prepare made")
    sub.add_argument("--preset", default="starter", help="training preset (default: starter)")
    sub.add_argument(
        "--grid",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="setting and values to try, such as gan.learning_rate 1e-4 2e-4",
    )
    sub.add_argument(
        "--random",
        type=int,
        metavar="N",
        help="try N random points of the grid (default: all points)",
    )
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting that is the same for all points",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="FOLDER")


def _sweep(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import Store
        from voice2face.reporting.report import report
        from voice2face.reporting.sweep import sweep_page
        from voice2face.training.run import settings_of
        from voice2face.training.sweep import plan, sweep

        def settings(changed: list[str]) -> TrainSettings:
            return settings_of(options.preset, options.seed, [*options.set, *changed])

        points = plan(settings, options.grid, options.random, options.seed)
        store = Store.open(options.store)
        rows = sweep(store, points, options.out, lambda line: print(printable(line), flush=True))
        runs = [options.out / "runs" / row["name"] for row in rows if "images" in row]
        if runs:
            report(runs, options.out / "report.html", options.store)
        page = sweep_page(rows, options.out, "report.html" if runs else "")
    print(printable(f"{page}: ready"))
    return 1 if any("failed" in row for row in rows) else 0
