"""Each data set's published layout, to rows worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from voice2face.data.importers import (
    audiomnist,
    dspspeech,
    duke,
    fairface,
    folder,
    grid,
    librispeech,
    ravdess,
    vggface,
    voxceleb1,
    voxceleb2,
    wen2019,
)
from voice2face.data.manifest import ManifestRow
from voice2face.errors import DataError

Layout = Callable[[str], Path]
Told = tuple[str, str, str | None, str | None, str | None, str | None]


def told(root: Path, rows: Iterator[ManifestRow]) -> list[Told]:
    """Rows as (path below root, identity, gender, age, split, nationality)."""
    return [
        (
            row.path.relative_to(root).as_posix(),
            row.identity,
            row.gender,
            row.age,
            row.split,
            row.nationality,
        )
        for row in rows
    ]


def test_voxceleb1(layout: Layout) -> None:
    root = layout("voxceleb1")
    buckley = ("A.J._Buckley", "male", None, "train", "Ireland")
    assert told(root, voxceleb1.rows(root)) == [
        ("dev/wav/id10001/1zcIwhmdeo4/00001.wav", *buckley),
        ("dev/wav/id10001/1zcIwhmdeo4/00002.wav", *buckley),
        (
            "dev/wav/id10006/J9lHsKG98U8/00011.wav",
            *("Abbie_Cornish", "female", None, "train", "Australia"),
        ),
        (
            "test/wav/id10309/0b1inHMAr6o/00001.wav",
            *("Ezra_Miller", "male", None, "test", "USA"),
        ),
    ]


@pytest.mark.parametrize("start", [".", "dev", "dev/wav"])
def test_voxceleb1_finds_its_table_in_the_folder_or_above(layout: Layout, start: str) -> None:
    rows = list(voxceleb1.rows(layout("voxceleb1") / start))
    assert {row.identity for row in rows} >= {"A.J._Buckley", "Abbie_Cornish"}


def test_voxceleb1_in_one_tree(tmp_path: Path, layout: Layout) -> None:
    """dev and test unpacked over each other, as the two archives do."""
    root = layout("voxceleb1")
    for person in [*root.glob("dev/wav/*"), *root.glob("test/wav/*")]:
        (root / "wav").mkdir(exist_ok=True)
        person.rename(root / "wav" / person.name)
    splits = {row.identity: row.split for row in voxceleb1.rows(root / "wav")}
    assert splits == {"A.J._Buckley": "train", "Abbie_Cornish": "train", "Ezra_Miller": "test"}


def test_voxceleb1_refusals(layout: Layout) -> None:
    root = layout("voxceleb1")
    table = root / "vox1_meta.csv"
    text = table.read_text()

    def refused(content: str, match: str) -> None:
        table.write_text(content)
        with pytest.raises(DataError, match=match):
            list(voxceleb1.rows(root))

    refused(text.replace("Gender", "Sex"), r"vox1_meta.csv: has no column Gender; .*Sex")
    refused(text.replace("id10006\t", "id99999\t"), "vox1_meta.csv: has no row for id10006")
    refused(text.replace("id10006\t", "10006\t"), "line 3: VoxCeleb1 ID '10006'")
    refused(text.replace("Abbie_Cornish", ""), "line 3: is empty in column VGGFace1 ID")
    refused(text.replace("Australia\tdev", "Australia\tval"), "line 3: Set is 'val'")
    refused(text.replace("\tAustralia", ""), "line 3: has 4 fields, and the header has 5")
    refused(text + "id10006\tSomeone\tf\tUK\tdev\n", "id10006 is in line 3 and in line 6")
    table.unlink()
    with pytest.raises(DataError, match=r"vox1_meta\.csv: not found, nor in the two folders"):
        list(voxceleb1.rows(root))


def test_voxceleb1_stray_recording(layout: Layout) -> None:
    root = layout("voxceleb1")
    (root / "noise").mkdir()
    (root / "noise" / "door.wav").touch()
    with pytest.raises(DataError, match=r"door\.wav: is not in a folder idXXXXX"):
        list(voxceleb1.rows(root))


def test_voxceleb2_with_blanks_in_its_header(layout: Layout) -> None:
    root = layout("voxceleb2")
    assert told(root, voxceleb2.rows(root)) == [
        ("dev/aac/id00012/21Uxsk56VDQ/00001.m4a", "n000012", "male", None, "train", None),
        ("dev/aac/id00022/2xIuZfWkNNE/00042.m4a", "n000022", "female", None, "train", None),
        ("test/aac/id00017/01dfn2spqyE/00001.m4a", "n000017", "male", None, "test", None),
    ]


def test_vggface(layout: Layout) -> None:
    root = layout("vggface")
    assert told(root, vggface.rows(root)) == [
        ("ABBIE_cornish/00000003.png", "ABBIE_cornish", None, None, None, None),
        ("Zooey_Deschanel/1.jpg", "Zooey_Deschanel", None, None, None, None),
        ("a_j_buckley/00000001.jpg", "a_j_buckley", None, None, None, None),
        ("a_j_buckley/00000012.JPG", "a_j_buckley", None, None, None, None),
    ]


def test_wen2019(layout: Layout) -> None:
    root = layout("wen2019")
    buckley = ("A.J._Buckley", "male", None, "train", "Ireland")
    miller = ("Ezra_Miller", "male", None, "test", "USA")
    voices = [
        ("fbank/id10001/1zcIwhmdeo4/00001.npy", *buckley),
        ("fbank/id10309/0b1inHMAr6o/00001.npy", *miller),
    ]
    assert told(root, wen2019.voice_rows(root)) == voices
    assert told(root, wen2019.voice_rows(root / "fbank")) == voices
    assert told(root, wen2019.face_rows(root)) == [
        ("VGG_ALL_FRONTAL/A.J._Buckley/00000001.jpg", *buckley),
        ("VGG_ALL_FRONTAL/Ezra_Miller/00000002.jpg", *miller),
        ("VGG_ALL_FRONTAL/Zooey_Deschanel/00000003.jpg", *("Zooey_Deschanel", *[None] * 4)),
    ]


def test_wen2019_with_folders_by_name(layout: Layout) -> None:
    root = layout("wen2019")
    (root / "fbank" / "id10001").rename(root / "fbank" / "a_j_BUCKLEY")
    assert [row.identity for row in wen2019.voice_rows(root)] == ["A.J._Buckley", "Ezra_Miller"]
    (root / "fbank" / "id10309").rename(root / "fbank" / "Ezra Miller")
    (root / "vox1_meta.csv").unlink()
    rows = list(wen2019.voice_rows(root))
    assert [(row.identity, row.gender) for row in rows] == [
        ("Ezra Miller", None),
        ("a_j_BUCKLEY", None),
    ]


def test_wen2019_refusals(layout: Layout) -> None:
    root = layout("wen2019")
    (root / "fbank" / "id10001").rename(root / "fbank" / "id10002")
    with pytest.raises(DataError, match=r"vox1_meta\.csv: has no row for 'id10002'"):
        list(wen2019.voice_rows(root))
    (root / "vox1_meta.csv").unlink()
    with pytest.raises(DataError, match=r"names people by id \(id10002\), and vox1_meta\.csv"):
        list(wen2019.voice_rows(root))
    with pytest.raises(DataError, match="has no folder 'fbank'"):
        list(wen2019.voice_rows(root / "VGG_ALL_FRONTAL"))


def test_audiomnist(layout: Layout) -> None:
    """Ages are published as numbers and as text; 1234 stands for not told."""
    root = layout("audiomnist")
    rows = [
        ("data/01/0_01_0.wav", "01", "male", "30-39", None, None),
        ("data/01/9_01_49.wav", "01", "male", "30-39", None, None),
        ("data/12/3_12_7.wav", "12", "female", "20-29", None, None),
        ("data/45/1_45_1.wav", "45", "male", None, None, None),
    ]
    assert told(root, audiomnist.rows(root)) == rows
    assert told(root, audiomnist.rows(root / "data")) == rows


def test_audiomnist_refusals(layout: Layout) -> None:
    root = layout("audiomnist")
    table = root / "data" / "audioMNIST_meta.txt"
    text = table.read_text()

    def refused(content: str, match: str) -> None:
        table.write_text(content)
        with pytest.raises(DataError, match=match):
            list(audiomnist.rows(root))

    refused(text.replace('"12": {', '"13": {'), "has no speaker '12'")
    refused(text.replace('"gender": "female"', '"sex": "female"'), "'12' has no field gender")
    refused(text[:-3], "is not JSON")
    refused("[]", "is not a JSON object")
    table.write_text(text)
    (root / "data" / "01" / "0_12_3.wav").touch()
    with pytest.raises(DataError, match=r"0_12_3\.wav: is not of the form"):
        list(audiomnist.rows(root))


def test_grid(layout: Layout) -> None:
    root = layout("grid")
    assert told(root, grid.rows(root)) == [
        ("s1/bbaf2n.mpg", *("s1", *[None] * 4)),
        ("s1/video/mpg_6000/bbaf3s.mpg", *("s1", *[None] * 4)),
        ("s34/bbaf2n.mpg", *("s34", *[None] * 4)),
    ]
    assert {row.identity for row in grid.rows(root / "s1")} == {"s1"}
    (root / "extras").mkdir()
    (root / "extras" / "clip.mpg").touch()
    with pytest.raises(DataError, match=r"clip\.mpg: is not in a talker's folder"):
        list(grid.rows(root))


def test_ravdess(layout: Layout) -> None:
    """Odd actors are men, even ones women; modality 02 has no sound, 03 no picture."""
    root = layout("ravdess")
    assert told(root, ravdess.voice_rows(root)) == [
        (
            "Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav",
            *("Actor_01", "male", None, None, None),
        ),
        (
            "Video_Song_Actor_02/Actor_02/01-02-03-01-02-01-02.mp4",
            *("Actor_02", "female", None, None, None),
        ),
        (
            "Video_Speech_Actor_01/Actor_01/01-01-01-01-01-01-01.mp4",
            *("Actor_01", "male", None, None, None),
        ),
    ]
    assert [row.path.name for row in ravdess.face_rows(root)] == [
        "01-02-03-01-02-01-02.mp4",
        "01-01-01-01-01-01-01.mp4",
    ]


@pytest.mark.parametrize(
    "name", ["03-01-01-01-01-01-02.wav", "speech.wav", "04-01-01-01-01-01-01.wav"]
)
def test_ravdess_misplaced_file(layout: Layout, name: str) -> None:
    root = layout("ravdess")
    (root / "Audio_Speech_Actors_01-24" / "Actor_01" / name).touch()
    with pytest.raises(DataError, match=f"{name}: is not of the form"):
        list(ravdess.voice_rows(root))


def test_folder(layout: Layout) -> None:
    root = layout("folder")
    assert told(root, folder.voice_rows(root)) == [
        ("Anna Maria/a.wav", *("Anna Maria", *[None] * 4)),
        ("Anna Maria/old/b.MP3", *("Anna Maria", *[None] * 4)),
        ("王明/clip.mp4", *("王明", *[None] * 4)),
    ]
    assert told(root, folder.face_rows(root)) == [
        ("Anna Maria/portrait.jpg", *("Anna Maria", *[None] * 4)),
        ("王明/clip.mp4", *("王明", *[None] * 4)),
    ]


def test_folder_refusals(tmp_path: Path) -> None:
    for name in ("voices/Anna/a.wav", "faces/Anna/a.jpg", "voices/loose.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(
        DataError, match=f"give folder:{tmp_path}/voices or folder:{tmp_path}/faces"
    ):
        list(folder.voice_rows(tmp_path))
    with pytest.raises(DataError, match=r"loose\.wav: is not in a person's folder"):
        list(folder.voice_rows(tmp_path / "voices"))
    assert [row.identity for row in folder.face_rows(tmp_path / "faces")] == ["Anna"]


def test_duke(layout: Layout) -> None:
    root = layout("duke")
    assert told(root, duke.rows(root)) == [
        ("audio_data/Names/R_1a.flac", "R_1a", "female", "20-29", None, "Indian"),
        ("audio_data/Names/R_2b.flac", "R_2b", None, None, None, None),
        ("audio_data/Numbers/R_1a.flac", "R_1a", "female", "20-29", None, "Indian"),
    ]
    table = root / "metadata.csv"
    text = table.read_text()
    table.write_text(text.replace("Numbers/R_1a.wav,24", "Numbers/R_1a.wav,25"))
    with pytest.raises(DataError, match="lines 2 and 3 differ on R_1a"):
        list(duke.rows(root))
    table.write_text(text.replace("R_2b", "R_9z"))
    with pytest.raises(DataError, match=r"has no row for the speaker of .*R_2b\.flac"):
        list(duke.rows(root))


def test_librispeech(layout: Layout) -> None:
    root = layout("librispeech")
    assert told(root, librispeech.rows(root)) == [
        ("dev-clean/84/121123/84-121123-0000.flac", "84", "female", None, None, None),
        ("train-clean-100/103/1240/103-1240-0000.flac", "103", "female", None, None, None),
    ]
    table = root / "SPEAKERS.TXT"
    text = table.read_text()
    table.write_text(text + "\nwho is this?\n")
    with pytest.raises(DataError, match=r"SPEAKERS\.TXT, line 5: is not of the form"):
        list(librispeech.rows(root))
    table.write_text(text.replace("84   |", "85   |"))
    with pytest.raises(DataError, match=r"has no line for the speaker of .*84-121123-0000"):
        list(librispeech.rows(root))


def test_dspspeech(layout: Layout) -> None:
    root = layout("dspspeech")
    assert [row.identity for row in dspspeech.rows(root)] == ["spk01", "spk02", "spk10"]
    (root / "other").mkdir()
    (root / "other" / "a.flac").touch()
    with pytest.raises(DataError, match=r"a\.flac: is not in a speaker's folder"):
        list(dspspeech.rows(root))


def test_fairface_leaves_minors_out(layout: Layout) -> None:
    root = layout("fairface")
    assert told(root, fairface.rows(root)) == [
        ("train/2.jpg", "fairface-train-2", "female", "50-59", "train", None),
        ("val/1.jpg", "fairface-val-1", "male", "more than 70", "test", None),
    ]
    table = root / "fairface_label_train.csv"
    table.write_text(table.read_text().replace("3-9", "three"))
    with pytest.raises(DataError, match=r"fairface_label_train\.csv, line 2: age is 'three'"):
        list(fairface.rows(root))
