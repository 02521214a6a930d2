"""A small real subset to prepare stores from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from voice2face.data.importers import FACES, VOICES, import_rows


def cut_fairface(shared_data: Path, folder: Path, n_train: int, n_val: int) -> None:
    """Copy the first images of FairFace, with their tables."""
    fairface = shared_data / "faces/fairface"
    for part, count in (("train", n_train), ("val", n_val)):
        (folder / part).mkdir(parents=True)
        table = f"fairface_label_{part}.csv"
        lines = (fairface / table).read_text().splitlines()[: count + 1]
        (folder / table).write_text("\n".join(lines))
        for line in lines[1:]:
            file = line.split(",")[0]
            shutil.copy(fairface / file, folder / file)


@pytest.fixture(scope="module")
def subset(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six recordings of Duke and of DSPSpeech each, 30 faces of FairFace, two clips of GRID."""
    folder = tmp_path_factory.mktemp("subset")
    names = folder / "duke/audio_data/Names"
    names.mkdir(parents=True)
    duke = shared_data / "voices/duke-alphanumeric"
    shutil.copy(duke / "metadata.csv", folder / "duke")
    for path in sorted((duke / "audio_data/Names").glob("*.flac"))[:6]:
        shutil.copy(path, names)
    for path in sorted((shared_data / "voices/dspspeech-20").glob("*/*.flac"))[:120:20]:
        (folder / "dsp" / path.parent.name).mkdir(parents=True)
        shutil.copy(path, folder / "dsp" / path.parent.name)
    cut_fairface(shared_data, folder / "fairface", 24, 6)
    (folder / "grid").mkdir()
    for path in sorted((shared_data / "pairs/grid").glob("*.mpg"))[:2]:
        shutil.copy(path, folder / "grid")
    return folder


def listed(subset: Path) -> dict:
    """Arguments of `prepare` for the small data set."""
    voices = [f"duke:{subset / 'duke'}", f"dspspeech:{subset / 'dsp'}"]
    return {
        "voices": [import_rows(spec, VOICES) for spec in voices],
        "faces": [import_rows(f"fairface:{subset / 'fairface'}", FACES)],
    }
