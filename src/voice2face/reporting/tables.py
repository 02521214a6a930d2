"""Tables of a report: summary and settings of the runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from voice2face.reporting.curves import smoothing_window
from voice2face.reporting.elements import Missing, Table
from voice2face.reporting.runs import Run, find_setting, flatten
from voice2face.scalar_log import Log

_ABSENT = "–"
_LAST = {
    "discriminator/real_accuracy": "accuracy on real faces",
    "discriminator/fake_accuracy": "accuracy on generated faces",
    "discriminator/real_probability": "D(x) on real faces",
    "discriminator/fake_probability": "D(x) on generated faces",
    "classifier/accuracy": "accuracy of the classifier",
}


def glance(runs: Sequence[Run]) -> Table:
    """Summarise the progress of each run, one column per run."""
    rows = [
        ("state", [_state(run) for run in runs]),
        ("preset", [_first_setting(run, ("preset",), ("settings", "name")) for run in runs]),
        (
            "voices and faces paired by",
            [
                _first_setting(run, ("pair_by",), ("gan", "pair_by"), ("store", "pair_by"))
                for run in runs
            ],
        ),
        ("speaker stage: steps", [f"{run.speaker.last_step:,.0f}" for run in runs]),
        ("speaker stage: time", [_duration(run.speaker) for run in runs]),
        ("GAN stage: real images seen", [_images(run) for run in runs]),
        ("GAN stage: epochs", [_epochs(run) for run in runs]),
        ("GAN stage: ended", [run.ended or _ABSENT for run in runs]),
        ("GAN stage: time", [_duration(run.gan) for run in runs]),
        *(
            (f"recently: {words}", [_lately(run.gan, scalar) for run in runs])
            for scalar, words in _LAST.items()
            if any(scalar in run.gan.scalars() for run in runs)
        ),
    ]
    return Table(
        "Summary",
        "“Recently” is the mean of the last twentieth of the logged values. Time is from the first "
        "to the last line of a log, without pauses of the run.",
        ("", *(run.name for run in runs)),
        tuple((name, *cells) for name, cells in rows),
    )


def settings_table(runs: Sequence[Run]) -> Table | Missing:
    """Compare the settings of the runs, in the order of the first; differences are marked."""
    known = [run for run in runs if run.config is not None]
    if not known:
        return Missing("Settings", "No run has a config.json.")
    # Older runs keep their settings under "settings": the same setting has one row.
    settings = [
        {name.removeprefix("settings."): value for name, value in flatten(run.config)}
        for run in known
    ]
    names = dict.fromkeys(name for one in settings for name in one)
    rows = [(name, *(one.get(name, _ABSENT) for one in settings)) for name in names]
    marked = frozenset(n for n, row in enumerate(rows) if len(set(row[1:])) > 1)
    if len(known) == 1:
        caption = "As written when the run started."
    elif marked:
        caption = (
            f"{len(marked)} of {len(rows)} settings differ (marked ≠): "
            + ", ".join(rows[n][0] for n in sorted(marked))
            + "."
        )
    else:
        caption = "All settings are the same."
    if without := [run.name for run in runs if run.config is None]:
        caption += f" No config.json: {', '.join(without)}."
    return Table(
        "Comparison", caption, ("setting", *(run.name for run in known)), tuple(rows), marked
    )


def _state(run: Run) -> str:
    if run.has_ended:
        return "ended"
    if run.bundle is not None:
        return "model exported, but fewer images logged than planned"
    if run.gan.lines:
        return "GAN stage, running or stopped"
    return "speaker stage, running or stopped" if run.speaker.lines else "nothing logged yet"


def _first_setting(run: Run, *paths: tuple[str, ...]) -> str:
    """The first setting that there is, of those places where older runs may keep it."""
    values = (find_setting(run.config, *path) for path in paths)
    return str(next((value for value in values if value is not None), _ABSENT))


def _images(run: Run) -> str:
    planned = run.planned_images
    return f"{run.gan.last_step:,.0f}" + (f" of {planned:,}" if planned else "")


def _epochs(run: Run) -> str:
    epochs = run.epochs(np.array([run.gan.last_step], dtype=np.float64))
    return _ABSENT if epochs is None else f"{epochs[0]:.1f}"


def _duration(log: Log) -> str:
    minutes = log.seconds() / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _lately(log: Log, scalar: str) -> str:
    values = log.column(scalar)
    values = values[-smoothing_window(len(values)) :]
    finite = values[np.isfinite(values)]
    mean = finite.mean() if len(finite) else math.nan
    return f"{mean:.2f}" if math.isfinite(mean) else _ABSENT
