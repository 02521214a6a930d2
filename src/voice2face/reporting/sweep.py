"""The page of a search over settings: a sorted table, and a link to the curves of its runs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from voice2face.files import write_atomically
from voice2face.reporting.elements import Section, Table
from voice2face.reporting.page import write_page

_COLUMNS = (
    "kernel_distance",
    "train_accuracy",
    "val_accuracy",
    "train_realness",
    "val_realness",
    "images",
    "minutes",
)
_CAPTION = (
    "Kernel distance to held-out faces, lowest of all checkpoints; lower is better. Accuracy: how "
    "often the run's own classifier predicts the speaker's label for generated faces. Realness: "
    "mean output of the run's own discriminator for generated faces. Both are at the last "
    "checkpoint. Each point is one run; differences between random seeds may be as large."
)


def sweep_page(rows: list[dict], folder: Path, report: str = "") -> Path:
    """Write a search's table, rows as `training.sweep.sweep` gives them, as a page and as CSV.

    `report` is the name of the page beside it with the curves of all runs; empty: there is none.

    Returns:
        The page, `index.html` in the folder.

    Raises:
        OutputError: The folder cannot be written.
    """
    settings = [changed.partition("=")[0] for changed in rows[0]["changed"]]
    columns = [name for name in _COLUMNS if any(name in row for row in rows)]
    ordered = sorted(rows, key=lambda row: (row.get("kernel_distance", float("inf")), row["name"]))
    head = ("point", *settings, *(name.replace("_", " ") for name in columns), "failed")
    cells = tuple(
        (
            row["name"],
            *(changed.partition("=")[2] for changed in row["changed"]),
            *(str(row.get(name, "")) for name in columns),
            row.get("failed", ""),
        )
        for row in ordered
    )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *cells])
    write_atomically(folder / "sweep.csv", text.getvalue().encode("utf-8", "backslashreplace"))
    where = f" Curves of all runs: {report}." if report else ""
    table = Table("Points by kernel distance, lowest first", _CAPTION + where, head, cells)
    n_failed = sum("failed" in row for row in rows)
    summary = f"{len(rows)} points; {n_failed} failed." if n_failed else f"{len(rows)} points."
    target = folder / "index.html"
    write_page(target, "sweep.html", [Section("Results", summary, (table,))])
    return target
