"""What one data set tells of a person is known of that person everywhere; nothing is told late."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.importers.vox_meta import read_vox1
from voice2face.data.manifest import ManifestRow
from voice2face.data.pairing import pair
from voice2face.data.people import name_people
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.splits import assign_splits
from voice2face.data.store import Store, StoreSettings
from voice2face.errors import DataError

TABLE = (
    "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
    "id10001\tA.J._Buckley\tm\tIreland\tdev\n"
    "id10006\tAbbie_Cornish\tf\tAustralia\tdev\n"
    "id10309\tEzra_Miller\tm\tUSA\ttest\n"
)
PEOPLE = {"id10001": "a_j_buckley", "id10006": "ABBIE_Cornish", "id10309": "Ezra_Miller"}


@pytest.fixture
def tree(tmp_path: Path, example: Path) -> Path:
    """VoxCeleb1 and VGGFace of three people, in their published layouts."""
    (tmp_path / "vox1").mkdir()
    (tmp_path / "vox1" / "vox1_meta.csv").write_text(TABLE)
    generator = np.random.default_rng(0)
    for vox_id, name in PEOPLE.items():
        video = tmp_path / "vox1" / "wav" / vox_id / "1zcIwhmdeo4"
        video.mkdir(parents=True)
        shutil.copy(example, video / "00001.wav")
        (tmp_path / "vgg" / name).mkdir(parents=True)
        pixels = generator.integers(0, 255, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "vgg" / name / "1.png")
    return tmp_path


def made(root: Path, folder: Path, pair_by: str = "identity", split: str | None = None) -> Store:
    return prepare(
        [import_rows(f"voxceleb1:{root / 'vox1'}", VOICES)],
        [import_rows(f"vggface:{root / 'vgg'}", FACES)],
        StoreSettings(detector=None),
        folder,
        PairingSettings(pair_by, split),
    )


@pytest.mark.parametrize("pair_by", ["identity", "gender", "gender,nationality"])
def test_the_table_of_the_voices_labels_the_faces(tree, pair_by):
    store = made(tree, tree / "store", pair_by)
    names = [Path(file).parent.name for file in store.faces["file"]]
    told = dict(
        zip(names, zip(store.faces["gender"], store.faces["nationality"], strict=True), strict=True)
    )
    assert told == {
        "a_j_buckley": ("male", "Ireland"),
        "ABBIE_Cornish": ("female", "Australia"),
        "Ezra_Miller": ("male", "USA"),
    }
    for field, labels in (("gender", ("female", "male")), ("nationality", 3 * ("",))):
        assert len(pair(store, field, None).labels) == len(labels)


def test_two_sources_that_disagree_are_named():
    voices = [(VOICES["voxceleb1"][0], [ManifestRow(Path("a.wav"), "Ann", gender="female")])]
    faces = [(FACES["vggface"][0], [ManifestRow(Path("b.jpg"), "ann", gender="male")])]
    for by_name in (True, False):
        with pytest.raises(DataError, match=r"b\.jpg: gender of 'ann' is 'male', but by a\.wav"):
            name_people(voices, faces, by_name, None)


def test_people_of_other_data_sets_with_the_same_name_stay_apart():
    voices = [(VOICES["duke"][0], [ManifestRow(Path("a.wav"), "1", gender="female")])]
    faces = [(FACES["folder"][0], [ManifestRow(Path("b.jpg"), "1", gender="male")])]
    people = name_people(voices, faces, False, None)
    assert set(people.labels.values()) == {("female", None), ("male", None)}


def test_nobody_in_common_is_told_before_anything_is_decoded(tree):
    for path in (tree / "vgg").iterdir():
        path.rename(path.with_name(f"{path.name}son"))
    for file in (tree / "vox1").rglob("*.wav"):
        file.write_bytes(b"")  # decoding it would fail with another reason
    with pytest.raises(DataError, match=r"no identity is common .*Nearly alike are .*son"):
        made(tree, tree / "store")
    assert not (tree / "store").exists()


def test_where_the_data_lie_does_not_matter(tree, tmp_path, monkeypatch):
    first = made(tree, tmp_path / "one")
    moved = tmp_path / "elsewhere"
    for name in ("vox1", "vgg"):
        shutil.copytree(tree / name, moved / name)
    monkeypatch.chdir(moved)
    second = made(Path(), Path("two"))
    assert first.voices["file"] != second.voices["file"]
    assert first.card["content_sha256"] == second.card["content_sha256"]
    picture = next((moved / "vgg").rglob("*.png"))
    Image.new("RGB", (64, 64)).save(picture)
    assert made(Path(), Path("three")).card["content_sha256"] != first.card["content_sha256"]


def test_the_split_of_the_paper_on_the_real_table(shared_data):
    names = [who.identity for who in read_vox1(shared_data / "labels" / "vox1_meta.csv").values()]
    splits = list(assign_splits(names, "fz", {}).values())
    counts = {split: splits.count(split) for split in ("train", "val", "test")}
    assert counts == {"train": 942, "val": 116, "test": 193}


def test_a_part_of_the_people_of_dev_validates(shared_data):
    people = read_vox1(shared_data / "labels" / "vox1_meta.csv").values()
    splits = [who.split for who in people]
    assert splits.count("test") == 40
    assert 0.07 < splits.count("val") / 1211 < 0.13


def test_lists_of_addresses_are_told_from_photographs(tmp_path):
    (tmp_path / "files").mkdir()
    for name in ("A.J._Buckley", "Abbie_Cornish"):
        line = "00000001 http://example.org/a.jpg 136.18 29.58 332.41 225.81 3.00 4.06 1\n"
        (tmp_path / "files" / f"{name}.txt").write_text(line)
    with pytest.raises(DataError, match=r"lists of URLs for 2 people.*no photographs"):
        list(FACES["vggface"][1](tmp_path))
