"""The real data sets, against what data/README.md and a count of their files say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from voice2face.data.importers import FACES, VOICES, import_rows


def genders(rows: list) -> Counter:
    return Counter(gender for _, gender in {(row.identity, row.gender) for row in rows})


def test_duke(shared_data: Path) -> None:
    _, rows = import_rows(f"duke:{shared_data}/voices/duke-alphanumeric", VOICES)
    assert len(rows) == 209
    assert genders(rows) == {"female": 37, "male": 31, None: 2}
    assert {row.age for row in rows} == {"20-29", "30-39", None}
    # The table spells one nationality with and without a blank after it.
    people = {(row.identity, row.nationality) for row in rows}
    assert Counter(nationality for _, nationality in people)["Indian"] == 48
    assert all(row.path.is_file() for row in rows)


def test_librispeech(shared_data: Path) -> None:
    _, rows = import_rows(f"librispeech:{shared_data}/voices/librispeech-100", VOICES)
    assert len(rows) == 251
    assert genders(rows) == {"female": 125, "male": 126}


def test_dspspeech(shared_data: Path) -> None:
    _, rows = import_rows(f"dspspeech:{shared_data}/voices/dspspeech-20", VOICES)
    assert Counter(Counter(row.identity for row in rows).values()) == {20: 34}
    assert genders(rows) == {None: 34}


def test_picovoice_tells_nobody_apart(shared_data: Path) -> None:
    _, rows = import_rows(f"picovoice:{shared_data}/voices/picovoice-commands", VOICES)
    assert len({row.identity for row in rows}) == len(rows) == 619
    assert {(row.gender, row.split) for row in rows} == {(None, "train")}


def test_fairface(shared_data: Path) -> None:
    _, rows = import_rows(f"fairface:{shared_data}/faces/fairface", FACES)
    assert Counter(row.split for row in rows) == {"train": 16016, "test": 1960}
    assert Counter(row.gender for row in rows) == {"male": 8038 + 984, "female": 7978 + 976}
    assert Counter(row.age for row in rows)["more than 70"] == 234 + 21
    assert len({row.identity for row in rows}) == 17976
    on_disk = set((shared_data / "faces" / "fairface").rglob("*.jpg"))
    assert {row.path for row in rows} == on_disk


def test_grid_shows_ten_people_in_eleven_clips(shared_data: Path) -> None:
    _, voices = import_rows(f"grid:{shared_data}/pairs/grid", VOICES)
    _, faces = import_rows(f"grid:{shared_data}/pairs/grid", FACES)
    assert voices == faces
    assert len(voices) == 11
    clips = Counter(row.identity for row in voices)
    assert len(clips) == 10
    assert clips["id2_vcd_swwp2s"] == 2
    (same,) = [row for row in voices if row.path.stem == "pwij3p"]
    assert same.identity == "id2_vcd_swwp2s"
