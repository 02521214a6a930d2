"""A search over settings: ordinary runs, one a point, that share speaker stages."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError, RunStoppedError, Voice2FaceError
from voice2face.files import MAX_JSON_BYTES, parse_json, read_regular, write_atomically
from voice2face.scalar_log import read_log
from voice2face.training.presets import TrainSettings
from voice2face.training.run import OtherRuns, run_gan, run_speaker
from voice2face.training.run_folder import ending

_SWEEP_FILE = "sweep.json"
_MOST_POINTS = 1000
# Scalars that a point is told by: name in the table, name in the log, and how they are taken.
_LAST = {
    "train_accuracy": "generated/train_accuracy",
    "val_accuracy": "generated/val_accuracy",
    "train_realness": "generated/train_realness",
    "val_realness": "generated/val_realness",
}


@dataclass(frozen=True)
class _Point:
    """One run of a search.

    Attributes:
        name: Of its folder, such as "003".
        changed: What the grid sets, each NAME=VALUE.
    """

    name: str
    changed: tuple[str, ...]
    settings: TrainSettings


def plan(
    settings: Callable[[list[str]], TrainSettings],
    grid: Sequence[Sequence[str]],
    n_random: int | None = None,
    seed: int = 0,
) -> list[_Point]:
    """Lay out a search: every combination of the grid, or some at random.

    Args:
        settings: Gives the settings with some changed, each NAME=VALUE; see `run.settings_of`.
        n_random: Try so many combinations, drawn without replacement; None tries all.

    Returns:
        The points, in the grid's order, the last setting changing fastest.

    Raises:
        ConfigError: A setting has no values, a name stands twice, there are too many points, or
            settings of points cannot be used; of all points, each reason once.
    """
    names = [name for name, *_ in grid]
    problems = [f"--grid {name}: give values to try" for name, *values in grid if not values]
    problems += [
        f"--grid {name}: stands twice" for name in {n for n in names if names.count(n) > 1}
    ]
    if not grid:
        problems.append("--grid: give at least one setting and its values")
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    axes = [[f"{name}={value}" for value in values] for name, *values in grid]
    combinations = list(itertools.product(*axes))
    if n_random is not None:
        if not 1 <= n_random <= len(combinations):
            raise ConfigError(f"--random: got {n_random}; the grid has {len(combinations)} points")
        chosen = np.random.default_rng(seed).permutation(len(combinations))[:n_random]
        combinations = [combinations[k] for k in sorted(chosen)]
    if len(combinations) > _MOST_POINTS:
        raise ConfigError(f"--grid: {len(combinations)} points; at most {_MOST_POINTS} are run")
    points, wrong = [], []
    for number, changed in enumerate(combinations):
        made = _settings_or_reason(settings, list(changed))
        if isinstance(made, str):
            wrong.append(made)
        else:
            points.append(_Point(f"{number:03d}", changed, made))
    if wrong:
        raise ConfigError("; ".join(dict.fromkeys(wrong)))
    return points


def sweep(
    store: Store, points: Sequence[_Point], folder: Path, say: Callable[[str], object] = print
) -> list[dict]:
    """Run the points of a search. The same call again goes on; finished points are left alone.

    Args:
        folder: Where the runs go: `runs/NAME`, the speaker stages that they share in `voices/`,
            and `sweep.json`, which is written after every point.

    Returns:
        A row a point: its name, what was changed, figures of its log, and why it failed if it did.

    Raises:
        ConfigError: The folder holds a search over other points.
        RunStoppedError: The process was asked to stop; the same call goes on.
        OutputError: The folder cannot be written.
    """
    _refuse_other_points(folder, points)
    rows = [{"name": point.name, "changed": list(point.changed)} for point in points]
    for point, row in zip(points, rows, strict=True):
        run = folder / "runs" / point.name
        row.update(_run_point(store, point, folder, run) | _figures(run))
        say(f"{point.name} {' '.join(point.changed)}: {row.get('failed') or _summary(row)}")
        write_atomically(folder / _SWEEP_FILE, (json.dumps(rows, indent=1) + "\n").encode())
    return rows


def _settings_or_reason(
    settings: Callable[[list[str]], TrainSettings], changed: list[str]
) -> TrainSettings | str:
    try:
        return settings(changed)
    except ConfigError as error:
        return str(error)


def _refuse_other_points(folder: Path, points: Sequence[_Point]) -> None:
    """Refuse a folder in which a name stands for other settings than in this search."""
    path = folder / _SWEEP_FILE
    if not path.exists():
        return
    try:
        rows = parse_json(read_regular(path, MAX_JSON_BYTES, DataError))
        before = {str(row["name"]): list(map(str, row["changed"])) for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: is not the list of points of a search ({error})") from None
    asked = {point.name: list(point.changed) for point in points}
    for name, changed in before.items():
        if asked.get(name) != changed:
            raise ConfigError(
                f"{path}: point {name} was {' '.join(changed)}; "
                "give another folder for another grid"
            )


def _run_point(store: Store, point: _Point, folder: Path, run: Path) -> dict:
    """Train and export a point, or tell why it cannot be."""
    if (run / "bundle" / "model.json").exists() and ending(run):
        return {}
    settings = point.settings
    voice = folder / "voices" / _name_of_voice(settings)
    try:
        run_speaker(store, settings, voice)
        run_gan(store, settings, run, OtherRuns(speaker=voice))
    except RunStoppedError:
        raise
    except Voice2FaceError as error:
        return {"failed": str(error)}
    return {}


def _name_of_voice(settings: TrainSettings) -> str:
    """A name for a speaker stage that points with the same settings of it share."""
    of_stage = [dataclasses.asdict(settings.speaker), settings.seed, settings.precision]
    return hashlib.sha256(json.dumps(of_stage, sort_keys=True).encode()).hexdigest()[:12]


def _figures(run: Path) -> dict:
    """What the log of a point tells: its best kernel distance, its last judgements, its time."""
    path = run / "gan.jsonl"
    if not path.exists():
        return {}
    log = read_log(path)
    lines = log.lines
    distances = [line["validation/kernel_distance"] for line in lines
                 if "validation/kernel_distance" in line]  # fmt: skip
    figures: dict = {"images": max((line["step"] for line in lines), default=0)}
    if distances:
        figures["kernel_distance"] = round(min(distances), 4)
    for name, scalar in _LAST.items():
        values = [line[scalar] for line in lines if scalar in line]
        if values:
            figures[name] = round(values[-1], 4)
    figures["minutes"] = round(log.seconds() / 60, 2)
    return figures


def _summary(row: dict) -> str:
    figures = (name for name in ("kernel_distance", *_LAST, "minutes") if name in row)
    return ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in figures)
