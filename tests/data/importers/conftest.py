"""Trees of the layout in which each data set is published, with empty files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from voice2face.data.importers import FACES, VOICES

VOX1 = (
    "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
    "id10001\tA.J._Buckley\tm\tIreland\tdev\n"
    "id10006\tAbbie_Cornish\tf\tAustralia\tdev\n"
    "id10170\tCliff_Curtis\tm\tNew Zealand\tdev\n"
    "id10309\tEzra_Miller\tm\tUSA\ttest\n"
)
# Every field of the published table is followed by a blank.
VOX2 = (
    "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n"
    "id00012 ,n000012 ,m ,dev \n"
    "id00017 ,n000017 ,m ,test \n"
    "id00022 ,n000022 ,f ,dev \n"
)


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def voxceleb1(root: Path) -> Path:
    put(
        root,
        "dev/wav/id10001/1zcIwhmdeo4/00002.wav",
        "dev/wav/id10001/1zcIwhmdeo4/00001.wav",
        "dev/wav/id10006/J9lHsKG98U8/00011.wav",
        "test/wav/id10309/0b1inHMAr6o/00001.wav",
    )
    (root / "vox1_meta.csv").write_text(VOX1)
    return root


def voxceleb2(root: Path) -> Path:
    put(
        root,
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        "dev/aac/id00022/2xIuZfWkNNE/00042.m4a",
        "test/aac/id00017/01dfn2spqyE/00001.m4a",
    )
    (root / "vox2_meta.csv").write_text(VOX2)
    return root


def vggface(root: Path) -> Path:
    put(
        root,
        "a_j_buckley/00000001.jpg",
        "a_j_buckley/00000012.JPG",
        "ABBIE_cornish/00000003.png",
        "Zooey_Deschanel/1.jpg",
    )
    return root


def wen2019(root: Path) -> Path:
    put(
        root,
        "fbank/id10001/1zcIwhmdeo4/00001.npy",
        "fbank/id10309/0b1inHMAr6o/00001.npy",
        "VGG_ALL_FRONTAL/A.J._Buckley/00000001.jpg",
        "VGG_ALL_FRONTAL/Ezra_Miller/00000002.jpg",
        "VGG_ALL_FRONTAL/Zooey_Deschanel/00000003.jpg",
    )
    (root / "vox1_meta.csv").write_text(VOX1)
    return root


def audiomnist(root: Path) -> Path:
    put(
        root,
        "data/01/0_01_0.wav",
        "data/01/9_01_49.wav",
        "data/12/3_12_7.wav",
        "data/45/1_45_1.wav",
    )
    speakers = {
        "01": {"accent": "german", "age": 30, "gender": "male", "native speaker": "no"},
        "12": {"accent": "German", "age": "26", "gender": "female", "native speaker": "no"},
        "45": {"accent": "German", "age": "1234", "gender": "male", "native speaker": "no"},
    }
    (root / "data" / "audioMNIST_meta.txt").write_text(json.dumps(speakers, indent=4))
    return root


def grid(root: Path) -> Path:
    put(root, "s1/bbaf2n.mpg", "s1/video/mpg_6000/bbaf3s.mpg", "s34/bbaf2n.mpg")
    return root


def ravdess(root: Path) -> Path:
    put(
        root,
        "Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav",
        "Video_Speech_Actor_01/Actor_01/01-01-01-01-01-01-01.mp4",
        "Video_Speech_Actor_01/Actor_01/02-01-01-01-01-01-01.mp4",
        "Video_Song_Actor_02/Actor_02/01-02-03-01-02-01-02.mp4",
    )
    return root


def folder(root: Path) -> Path:
    put(
        root,
        "Anna Maria/a.wav",
        "Anna Maria/old/b.MP3",
        "Anna Maria/portrait.jpg",
        "王明/clip.mp4",
    )
    return root


def table(root: Path) -> Path:
    path = root / "list.csv"
    path.write_text(
        "path,identity,gender,age,nationality,split\n"
        "b/2.wav,Anna,female,34,Ireland,train\n"
        "a/1.wav,Ben,M,,,test\n"
        f"{root.as_posix()}/c.wav,Cy,,twenties,,validation\n"
    )
    return path


def duke(root: Path) -> Path:
    put(root, "audio_data/Names/R_2b.flac", "audio_data/Names/R_1a.flac")
    put(root, "audio_data/Numbers/R_1a.flac")
    (root / "metadata.csv").write_text(
        "Response_ID,file_name,Age,Gender,Nationality\n"
        "R_1a,audio_data/Names/R_1a.wav,24,Female,Indian \n"
        "R_1a,audio_data/Numbers/R_1a.wav,24,Female,Indian\n"
        "R_2b,audio_data/Names/R_2b.wav,,Prefer not to say,\n"
    )
    return root


def librispeech(root: Path) -> Path:
    put(root, "train-clean-100/103/1240/103-1240-0000.flac")
    put(root, "dev-clean/84/121123/84-121123-0000.flac")
    (root / "SPEAKERS.TXT").write_text(
        ";ID  |SEX| SUBSET           |MINUTES| NAME\n"
        "84   | F | dev-clean        |  8.02 | Christie Nowak\n"
        "103  | F | train-clean-100  | 20.14 | |CBW|Simon\n"
    )
    return root


def dspspeech(root: Path) -> Path:
    put(root, "spk01/00-01.flac", "spk10/19-20.flac", "spk02/07-03.flac")
    return root


def picovoice(root: Path) -> Path:
    put(root, "a2c.opus", "b1d.opus", "more/c.wav")
    return root


def fairface(root: Path) -> Path:
    put(root, "train/1.jpg", "train/2.jpg", "val/1.jpg")
    (root / "fairface_label_train.csv").write_text(
        "file,age,gender,race,service_test\n"
        "train/1.jpg,3-9,Male,East Asian,True\n"
        "train/2.jpg,50-59,Female,Indian,False\n"
    )
    (root / "fairface_label_val.csv").write_text(
        "file,age,gender,race,service_test\nval/1.jpg,more than 70,Male,Black,True\n"
    )
    return root


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    build.__name__: build
    for build in (
        audiomnist,
        dspspeech,
        duke,
        fairface,
        folder,
        grid,
        librispeech,
        picovoice,
        ravdess,
        table,
        vggface,
        voxceleb1,
        voxceleb2,
        wen2019,
    )
}


@pytest.fixture
def layout(tmp_path: Path) -> Callable[[str], Path]:
    """Build the tree of a data set."""

    def build(name: str) -> Path:
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        return LAYOUTS[name](folder)

    return build


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `importer` over every entry of both registries."""
    if "importer" in metafunc.fixturenames:
        entries = [
            (side, name)
            for side, registry in (("voices", VOICES), ("faces", FACES))
            for name in sorted(registry)
        ]
        metafunc.parametrize("importer", entries, ids=["-".join(entry) for entry in entries])
