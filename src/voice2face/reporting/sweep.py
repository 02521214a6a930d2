"""The page of a search over settings: one table, sorted, and where its runs are told in full."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from voice2face.files import write_atomically
from voice2face.reporting.figures import Section, Table
from voice2face.reporting.page import page

__all__ = ["sweep_page"]

_COLUMNS = (
    "kernel_distance",
    "train_accuracy",
    "val_accuracy",
    "train_realness",
    "val_realness",
    "images",
    "minutes",
)
_HOW = (
    "Kernel distance to held-out faces: less is nearer to real ones; the least of a run's "
    "checkpoints. Accuracy: how often the run's own classifier names the speaker's label for "
    "generated faces; realness: how real its own discriminator finds them; at the last checkpoint. "
    "One run a point, so that differences as small as those between two seeds say nothing."
)


def sweep_page(rows: list[dict], folder: Path, report: str = "") -> Path:
    """Write a search's table as `index.html` and `sweep.csv`.

    Args:
        rows: As `training.sweep.sweep` gives them.
        folder: Of the search.
        report: Name of the page beside it with the curves of all runs; empty: there is none.

    Returns:
        The page.

    Raises:
        OutputError: The folder cannot be written.
    """
    settings = [changed.partition("=")[0] for changed in rows[0]["changed"]]
    columns = [name for name in _COLUMNS if any(name in row for row in rows)]
    ordered = sorted(rows, key=lambda row: (row.get("kernel_distance", float("inf")), row["name"]))
    head = ("point", *settings, *(name.replace("_", " ") for name in columns), "failed")
    table = tuple(
        (
            row["name"],
            *(changed.partition("=")[2] for changed in row["changed"]),
            *(str(row.get(name, "")) for name in columns),
            row.get("failed", ""),
        )
        for row in ordered
    )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *table])
    write_atomically(folder / "sweep.csv", text.getvalue().encode("utf-8", "backslashreplace"))
    where = f" Curves of all runs, overlaid: {report}." if report else ""
    figure = Table("Points, the least kernel distance first", _HOW + where, head, table)
    n_failed = sum("failed" in row for row in rows)
    summary = f"{len(rows)} points; {n_failed} failed." if n_failed else f"{len(rows)} points."
    section = Section("Results", summary, (figure,))
    html = page("A search over settings", "Every point is a run of its own.", [section], {}, "")
    target = folder / "index.html"
    write_atomically(target, html.encode("utf-8", "backslashreplace"))
    return target
