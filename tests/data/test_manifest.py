"""Reading what data sets write about people."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice2face.data.manifest import ManifestRow
from voice2face.labels import AGE_BANDS, parse_age, parse_gender


@pytest.mark.parametrize(
    ("years", "band"),
    [
        *[("0", "0-2"), ("2", "0-2"), ("3", "3-9"), ("19", "10-19"), ("20", "20-29")],
        *[("69", "60-69"), ("70", "more than 70"), ("120", "more than 70"), ("121", None)],
        *[("1234", None), (" 34 ", "30-39"), ("", None), ("twenties", "twenties")],
        *[("20-29", "20-29"), ("٣٤", "٣٤")],
    ],
)
def test_age(years: str, band: str | None) -> None:
    assert parse_age(years) == band


@given(st.integers(0, 120))
def test_bands_do_not_overlap(years: int) -> None:
    """Each year is in the one band whose ends are around it."""
    ends = [tuple(map(int, band.split("-"))) for band in AGE_BANDS[:-1]] + [(70, 120)]
    (index,) = [index for index, (low, high) in enumerate(ends) if low <= years <= high]
    assert parse_age(str(years)) == AGE_BANDS[index]


@pytest.mark.parametrize(
    ("value", "gender"),
    [
        ("F", "female"),
        (" Male ", "male"),
        ("female", "female"),
        ("", None),
        ("Prefer not to", None),
    ],
)
def test_gender(value: str, gender: str | None) -> None:
    assert parse_gender(value) == gender


def test_no_row_tells_of_race_or_religion() -> None:
    names = [field.name for field in fields(ManifestRow)]
    assert names == ["path", "identity", "gender", "age", "split", "nationality"]
