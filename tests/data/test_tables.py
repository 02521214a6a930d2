"""Tables as data sets ship them and as spreadsheets save them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice2face.data.tables import read_table
from voice2face.errors import DataError


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_spreadsheet_dialects(tmp_path: Path, delimiter: str, encoding: str, line_end: str) -> None:
    lines = [["name ", "age"], ["Renée", " 34"], ['"O, R; S"', ""]]
    text = line_end.join(delimiter.join(line) for line in lines) + line_end * 2
    (tmp_path / "t.csv").write_text(text, encoding=encoding, newline="")
    assert read_table(tmp_path / "t.csv", ("name",), ("age",)) == {
        2: {"name": "Renée", "age": "34"},
        3: {"name": "O, R; S", "age": ""},
    }


FIELD = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8).map(str.strip)


@given(rows=st.lists(st.tuples(FIELD.filter(bool), FIELD), max_size=8))
def test_reads_what_the_csv_module_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("key", "value"), *rows])
    table = read_table(path, ("key",), ("value",))
    assert [(row["key"], row["value"]) for row in table.values()] == rows


def test_line_numbers_count_lines_and_not_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('key,value\na,"two\nlines"\n,x\n')
    with pytest.raises(DataError, match=r"t\.csv, line 4: is empty in column key"):
        read_table(tmp_path / "t.csv", ("key",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column key; its columns are none"),
        (b"caf\xe9,key\n", "is not text in UTF-8"),
        (b'key,value\n"a"b,c\n', "line 2: not a table"),
        (b"key,value\na\n", "line 2: has 1 fields, and the header has 2"),
    ],
)
def test_damaged(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "t.csv", ("key",))


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv: not found"):
        read_table(tmp_path / "t.csv", ("key",))
