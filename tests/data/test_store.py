"""Reading a prepared store."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from voice2face.audio.settings import preset
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import Store, StoreSettings
from voice2face.errors import DataError
from voice2face.images.photographs import read_face
from voice2face.runtime.reading import read_features

SETTINGS = StoreSettings()


def made(data: Path, folder: Path) -> Store:
    voices = [f"duke:{data / 'duke'}", f"dspspeech:{data / 'dsp'}"]
    return prepare(
        [import_rows(spec, VOICES) for spec in voices],
        [import_rows(f"fairface:{data / 'fairface'}", FACES)],
        SETTINGS,
        folder,
        PairingSettings("gender"),
    )


@pytest.fixture(scope="module")
def store(subset, tmp_path_factory) -> Store:
    return made(subset, tmp_path_factory.mktemp("store"))


def test_arrays_are_mapped_and_not_read(store):
    assert isinstance(store.log_mels, np.memmap)
    assert isinstance(store.images, np.memmap)
    assert store.log_mels.dtype == np.float16
    assert store.images.shape == (30, 64, 64, 3)
    assert not store.log_mels.flags.writeable


def test_any_crop_and_any_face_are_what_the_front_end_and_the_reader_give(store):
    assert store.voices["start"][0] == 0
    ends = np.add(store.voices["start"], store.voices["frames"])
    np.testing.assert_array_equal(ends[:-1], store.voices["start"][1:])
    assert ends[-1] == len(store.log_mels)
    for row in (11, 4, 7):
        features = read_features(store.voices["file"][row], preset("wen2019"))
        start = store.voices["start"][row]
        crop = store.log_mels[start + 5 : start + 45]
        np.testing.assert_array_equal(crop, features.log_mel[5:45].astype(np.float16))
        assert store.voices["frames"][row] == len(features.log_mel)
        assert store.voices["speech_s"][row] == features.speech_s
    for row in (29, 0, 13):
        face = read_face(Path(store.faces["file"][row]), 64)
        np.testing.assert_array_equal(store.images[row], face)


def test_the_manifest_tells_what_the_data_sets_tell(store, subset):
    _, rows = import_rows(f"duke:{subset / 'duke'}", VOICES)
    for column in ("gender", "age", "nationality"):
        assert store.voices[column][:6] == [getattr(row, column) for row in rows]
    assert store.faces["split"] == ["train"] * 24 + ["test"] * 6
    assert set(store.voices["split"]) <= {"train", "test"}


def test_the_card_says_what_is_in_the_store(store):
    card = store.card
    assert card["n_recordings"] == card["voices"]["files_kept"] == 12
    assert card["n_speakers"] == 12
    assert card["n_faces"] == 30
    assert card["speech_hours"] == pytest.approx(sum(store.voices["speech_s"]) / 3600, abs=1e-3)
    fairface = card["sources"][2]
    assert fairface["licence"] == "CC BY 4.0"
    assert "Kärkkäinen" in fairface["attribution"]
    for name, stated in card["sha256"].items():
        assert hashlib.sha256((store.folder / name).read_bytes()).hexdigest() == stated
    assert set(card["sha256"]) == {path.name for path in store.folder.iterdir()} - {"store.json"}


def test_the_content_hash_changes_when_a_file_does(store, subset, tmp_path):
    data = shutil.copytree(subset, tmp_path / "data")
    other = data / "fairface/train/7.jpg"
    shutil.copy(data / "fairface/train/13.jpg", other)
    changed = made(data, tmp_path / "store").card
    assert changed["sha256"]["log_mels.npy"] == store.card["sha256"]["log_mels.npy"]
    assert changed["sha256"]["faces.npy"] != store.card["sha256"]["faces.npy"]
    assert changed["content_sha256"] != store.card["content_sha256"]


def test_an_unfinished_store_is_refused(store, tmp_path):
    folder = shutil.copytree(store.folder, tmp_path / "store")
    (folder / "store.json").unlink()
    with pytest.raises(DataError, match="is not a finished store"):
        Store.open(folder)
