"""A list of one's own, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from voice2face.data.importers import table
from voice2face.data.manifest import ManifestRow
from voice2face.errors import DataError

Layout = Callable[[str], Path]


def test_rows_by_hand(layout: Layout) -> None:
    path = layout("table")
    folder = path.parent
    assert list(table.rows(path)) == [
        ManifestRow(folder / "a/1.wav", "Ben", gender="male", split="test"),
        ManifestRow(folder / "b/2.wav", "Anna", "female", "30-39", "train", "Ireland"),
        ManifestRow(folder / "c.wav", "Cy", age="twenties", split="val"),
    ]


def test_parquet_gives_what_csv_gives(layout: Layout, tmp_path: Path) -> None:
    path = layout("table")
    columns = {
        "identity": ["Anna", "Ben", "Cy"],
        "age": ["34", None, "twenties"],
        "path": ["b/2.wav", "a/1.wav", f"{path.parent}/c.wav"],
        "gender": ["female", "M", None],
        "nationality": ["Ireland", None, None],
        "split": ["train", "test", "validation"],
        "pitch_hz": [210.5, 110.0, None],
    }
    pq.write_table(pa.table(columns), path.with_suffix(".parquet"))
    assert list(table.rows(path.with_suffix(".parquet"))) == list(table.rows(path))


def test_years_as_numbers(tmp_path: Path) -> None:
    columns = {"path": ["a.wav", "b.wav"], "identity": ["A", "B"], "age": [70, None]}
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    assert [row.age for row in table.rows(tmp_path / "list.parquet")] == ["more than 70", None]


def test_only_the_needed_columns(tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_text("identity\tpath\nAnna\ta, b.wav\n")
    assert list(table.rows(tmp_path / "list.tsv")) == [ManifestRow(tmp_path / "a, b.wav", "Anna")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,identity\na.wav,Anna\n", r"list\.csv: has no column path; .* file, identity"),
        ("path,identity\na.wav,\n", "line 2: is empty in column identity"),
        ("path,identity\n,Anna\n", "line 2: is empty in column path"),
        ("path,identity\na.wav,A\nb.wav,B\na.wav,C\n", r"lines 2 and 4 both name a\.wav"),
        ("path,identity,split\na.wav,A,train\nb.wav,B,dev\n", "line 3: split is 'dev'"),
        ("path,identity,gender\na.wav,A,woman\n", "line 2: gender is 'woman'"),
        ("path,identity\na.wav,A,B\n", "line 2: has 3 fields"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        list(table.rows(tmp_path / "list.csv"))


def test_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_text("path,identity\n")
    with pytest.raises(DataError, match=r"list\.parquet: not a readable Parquet file"):
        list(table.rows(tmp_path / "list.parquet"))
