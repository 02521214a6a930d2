"""Stores and runs whose files were cut, changed or lost: the file is named, nothing is trained."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from voice2face.data.store import Store
from voice2face.errors import DataError, OutputError
from voice2face.files import locked
from voice2face.synthetic.world import World, make_world
from voice2face.training.presets import preset
from voice2face.training.progress import ScalarLog
from voice2face.training.run import run_speaker


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("planted") / "store"
    return make_world(folder, World(6, 0, recordings_each=2, faces_each=2)).folder


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "store"))


@pytest.mark.parametrize("length", [0, 200, -2])
@pytest.mark.parametrize(
    "name", ["voices.parquet", "faces.parquet", "log_mels.npy", "faces.npy", "store.json"]
)
def test_a_cut_or_lost_file_is_named(copy, name, length):
    Store.open(copy).verify()
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:length])
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as told:
        Store.open(copy)
    assert "\n" not in str(told.value)
    (copy / name).unlink()
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        Store.open(copy)


@pytest.mark.parametrize("name", ["log_mels.npy", "faces.npy", "voices.parquet"])
def test_changed_bytes_are_found_by_the_whole_check_and_by_training(copy, tmp_path, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 255
    (copy / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: (is damaged|cannot be read)"):
        Store.open(copy).verify()
    with pytest.raises(DataError, match=rf"{name}: (is damaged|cannot be read)"):
        run_speaker(Store.open(copy), preset("debug"), tmp_path / "run")


def test_arrays_of_another_kind_are_named(copy):
    images = np.load(copy / "faces.npy")
    for wrong, reason in (
        (images.astype(np.float32), "holds float32 with 4 axes"),
        (images[:, :32], "its rows have shape"),
        (images[:-1], "has 11 rows"),
        (np.array([{}], dtype=object), "missing or damaged"),
    ):
        np.save(copy / "faces.npy", wrong, allow_pickle=True)
        with pytest.raises(DataError, match=rf"faces\.npy: .*{reason}"):
            Store.open(copy)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("start", [10**9] * 12, "row 0 points outside log_mels.npy"),
        ("start", [-1] * 12, "row 0 points outside"),
        ("frames", [0] * 12, "row 0 points outside"),
        ("start", ["0"] * 12, "start is not int64"),
        ("identity", [None] * 12, "identity is missing or has empty cells"),
    ],
)
def test_a_manifest_that_points_elsewhere_is_named(copy, column, values, reason):
    table = pq.read_table(copy / "voices.parquet")
    index = table.column_names.index(column)
    pq.write_table(table.set_column(index, column, pa.array(values)), copy / "voices.parquet")
    with pytest.raises(DataError, match=rf"voices\.parquet: .*{reason}"):
        Store.open(copy)


@pytest.mark.parametrize("change", [
    {"sha256": 1}, {"sha256": {"faces.npy": 1}}, {"settings": []}, {"n_faces": "12"},
    {"settings": {"front_end": "x", "image_size_px": 64}}, {"sources": [{"name": "a"}]},
    {"content_sha256": None}, {"speech_hours": -1},
])  # fmt: skip
def test_a_card_that_is_none_is_named(copy, change):
    card = json.loads((copy / "store.json").read_text())
    (copy / "store.json").write_text(json.dumps({**card, **change}))
    with pytest.raises(DataError, match=rf"store\.json: .*{next(iter(change))}"):
        Store.open(copy)
    (copy / "store.json").write_text(json.dumps([card]))
    with pytest.raises(DataError, match="is not a JSON object"):
        Store.open(copy)


def test_a_damaged_log_is_named_with_its_line(tmp_path):
    path = tmp_path / "gan.jsonl"
    for line in ("garbage}", '{"a": 1}', '{"step": "x"}', "[]", "null", 100_000 * "["):
        path.write_text(f'{{"step": 1, "time": 0}}\n{line}\n{{"step": 3, "time": 1}}\n')
        with pytest.raises(DataError, match=r"gan\.jsonl, line 2"):
            ScalarLog(path, 3)


def test_a_second_process_waits_for_nobody_and_says_so(tmp_path):
    folder = tmp_path / "run"
    code = (
        "import sys, pathlib\n"
        "from voice2face.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match="another process is writing there"), locked(folder):
        pass
    process.kill()  # even so, nobody is kept out afterwards
    process.communicate()
    with locked(folder):
        assert (folder / ".lock").exists()
    assert not list(folder.iterdir())
