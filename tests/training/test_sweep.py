"""A search: every point once, all checked first, gone on with, one that fails stops no other."""

from __future__ import annotations

import csv
import json

import pytest

from voice2face.cli import main
from voice2face.errors import ConfigError
from voice2face.reporting.sweep import sweep_page
from voice2face.synthetic.world import World, make_world
from voice2face.training.run import settings_of
from voice2face.training.sweep import plan


def debug(changed):
    return settings_of("debug", 0, changed)


def test_the_points_of_a_grid():
    grid = [["gan.batch_size", "4", "8"], ["gan.generator.channels", "16,8,8,8,8", "8,8,8,8,8"]]
    points = plan(debug, grid)
    assert [point.name for point in points] == ["000", "001", "002", "003"]
    found = [(p.settings.gan.batch_size, p.settings.gan.generator.channels[0]) for p in points]
    assert found == [(4, 16), (4, 8), (8, 16), (8, 8)]
    some = plan(debug, grid, n_random=3, seed=1)
    assert len(some) == 3 and {p.name for p in some} < {p.name for p in points}
    assert [p.changed for p in some] == [p.changed for p in plan(debug, grid, 3, 1)]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([], "give at least one"),
        ([["gan.batch_size"]], "gan.batch_size: give values"),
        ([["gan.images", "8"], ["gan.images", "16"]], "stands twice"),
        (
            [["gan.batch_size", "8", "-1"], ["gan.learning_rate", "nan"]],
            "batch_size.*learning_rate",
        ),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_is(grid, message):
    with pytest.raises(ConfigError, match=message):
        plan(debug, grid)


@pytest.mark.long
def test_a_search_goes_on_and_one_point_that_fails_stops_no_other(tmp_path, capsys):
    make_world(tmp_path / "store", World(24, 1, recordings_each=2, faces_each=2, split="50/25/25"))
    out = tmp_path / "search"
    command = ["sweep", str(tmp_path / "store"), "--preset", "debug", "-o", str(out),
               "--grid", "gan.batch_size", "4", "8",
               "--grid", "gan.learning_rate", "1e30", "1e-4"]  # fmt: skip
    assert main(command) == 1
    rows = json.loads((out / "sweep.json").read_text())
    assert ["failed" in row for row in rows] == [True, False, True, False]
    assert all("not finite" in row["failed"] or "diverged" in row["failed"] for row in rows[::2])
    assert len(list((out / "voices").iterdir())) == 1  # shared by all
    assert all(row["images"] == 32 and row["kernel_distance"] > 0 for row in rows[1::2])
    html = (out / "index.html").read_text()
    assert "4 points; 2 failed" in html and (out / "report.html").exists()
    before = (out / "runs" / "001" / "gan.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    assert main(command) == 1
    assert (out / "runs" / "001" / "gan.safetensors").stat().st_mtime_ns == before
    assert main([*command[:-1], "3e-4"]) == 1
    assert "point 001 was" in capsys.readouterr().err


def test_the_table_is_sorted_and_what_failed_comes_last(tmp_path):
    rows = [
        {"name": "000", "changed": ["a.b=1"], "failed": "<no>"},
        {"name": "001", "changed": ["a.b=2"], "kernel_distance": 0.5, "minutes": 1.0},
        {"name": "002", "changed": ["a.b=3"], "kernel_distance": 0.2, "minutes": 2.0},
    ]
    html = sweep_page(rows, tmp_path).read_text()
    table = list(csv.reader((tmp_path / "sweep.csv").open()))
    assert table[0] == ["point", "a.b", "kernel distance", "minutes", "failed"]
    assert [row[0] for row in table[1:]] == ["002", "001", "000"]
    assert html.index("002") < html.index("001") < html.index("&lt;no&gt;")
