"""Reading a run's folder strictly."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.reporting.conftest import CONFIG, gan_lines

from voice2face.errors import ConfigError, DataError
from voice2face.reporting.runs import flatten, read_run, read_runs
from voice2face.scalar_log import read_log


def test_columns_hold_the_lines_that_have_the_scalar(tmp_path):
    path = tmp_path / "gan.jsonl"
    path.write_text('{"step": 1, "a/b": 2}\n\n{"step": 3, "c": 4.5}\n{"step": 3, "a/b": NaN}\n')
    log = read_log(path)
    assert log.scalars() == ["a/b", "c"]
    np.testing.assert_array_equal(log.steps("a/b"), [1, 3])
    np.testing.assert_array_equal(log.column("a/b"), [2, np.nan])
    assert not log.is_cut_off


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"step": 2', "is not JSON"),
        ("[1, 2]", "is [1, 2], not an object of numbers"),
        ('{"a": 1}', "its step is None"),
        ('{"step": NaN}', "its step is nan"),
        ('{"step": 0}', "its step 0 is less than the line's before, 1"),
        ('{"step": 2, "a": "high"}', "'a' is \"high\", not a number"),
        ('{"step": 2, "a": null}', "'a' is null, not a number"),
        ('{"step": 2, "a": true}', "'a' is true, not a number"),
        ('{"step": 2, "time": Infinity}', "time or epoch is not finite"),
    ],
)
def test_a_bad_line_is_named(line, problem, tmp_path):
    path = tmp_path / "gan.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')
    with pytest.raises(DataError) as error:
        read_log(path)
    assert f"{path}, line 2: " in str(error.value)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_only_a_last_line_without_its_end_may_be_cut_off(tmp_path):
    path = tmp_path / "gan.jsonl"
    whole = '{"step": 1, "a": 0.5}\n{"step": 2, "a": 0.25}'
    for length in range(len('{"step": 1, "a": 0.5}\n'), len(whole) + 1):
        path.write_text(whole[:length])
        log = read_log(path)
        is_whole = length == len(whole)
        assert len(log.lines) == 1 + is_whole
        assert log.is_cut_off == (not is_whole and not whole[:length].endswith("\n"))
    path.write_text('{"step": 1}\n{"step": 2, "a\n')
    with pytest.raises(DataError, match="line 2: is not JSON"):
        read_log(path)


def test_seconds_leave_out_the_time_between_a_stop_and_the_next_start(tmp_path):
    path = tmp_path / "gan.jsonl"
    times = (10, 12, 20, 20_000, 20_005)
    path.write_text("".join(json.dumps({"step": n, "time": t}) + "\n" for n, t in enumerate(times)))
    assert read_log(path).seconds() == 2 + 8 + 5


def test_both_formats_of_settings_are_read(make_run):
    run = read_run(make_run("new"), "new")
    old = {"voices": ["a:b"], "pair_by": "gender", "settings": {"gan": {"images": 9_999}}}
    assert run.planned_images == CONFIG["gan"]["images"]
    assert run.n_train_faces == 640
    assert run.image_size_px == 64
    assert read_run(make_run("old", config=old), "old").planned_images == 9_999


def test_epochs_are_as_logged_or_else_by_the_number_of_faces(make_run):
    images = np.array([0.0, 320, 640])
    by_faces = read_run(make_run("a"), "a")
    np.testing.assert_allclose(by_faces.epochs(images), [0, 0.5, 1])
    lines = [{**line, "epoch": line["step"] / 100} for line in gan_lines()]
    logged = read_run(make_run("b", lines=lines), "b")
    np.testing.assert_allclose(logged.epochs(images), [0, 3.2, 6.4])
    neither = read_run(make_run("c", config={"seed": 1}), "c")
    assert neither.epochs(images) is None


def test_sheets_past_the_planned_end_are_not_of_this_run(make_run):
    config = {**CONFIG, "gan": {**CONFIG["gan"], "images": 600}}
    assert [images for images, _ in read_run(make_run(config=config), "run").sheets] == [320]


def test_what_is_no_run_is_refused(tmp_path, make_run):
    with pytest.raises(DataError, match="is not a run's folder"):
        read_runs([tmp_path])
    with pytest.raises(ConfigError, match="no run"):
        read_runs([])
    folder = make_run()
    (folder / "config.json").write_text("[1]")
    with pytest.raises(DataError, match="is not a JSON object"):
        read_run(folder, "run")


def test_runs_of_one_name_are_told_apart(make_run):
    folder = make_run()
    assert [run.name for run in read_runs([folder, folder])] == ["run", "run (2)"]


def test_flatten_gives_every_leaf_by_its_dotted_name():
    nested = {"a": {"b": [1, 2], "c": {"d": "text"}}, "e": None, "f": {}}
    assert list(flatten(nested)) == [("a.b", "[1, 2]"), ("a.c.d", "text"), ("e", "null"),
                                     ("f", "{}")]  # fmt: skip
