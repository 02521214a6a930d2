"""Stores that hold waveforms too: what is in them, and that stopping changes nothing."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from voice2face.audio.decode import decode
from voice2face.data import prepare as preparing
from voice2face.data import shards
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import Store, StoreSettings
from voice2face.errors import ConfigError, DataError, OutputError

WITH = StoreSettings(waveforms=True)
WITHOUT = StoreSettings()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that a dozen files make several."""
    monkeypatch.setitem(shards.FILES_PER_SHARD, "voices", 3)


def made(data: Path, folder: Path, settings: StoreSettings = WITH) -> Store:
    voices = [f"duke:{data / 'duke'}", f"dspspeech:{data / 'dsp'}"]
    return prepare(
        [import_rows(spec, VOICES) for spec in voices],
        [import_rows(f"fairface:{data / 'fairface'}", FACES)],
        settings,
        folder,
        PairingSettings("gender"),
    )


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def straight(subset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(shards.FILES_PER_SHARD, "voices", 3)
        made(subset, folder)
    return folder


def test_a_store_holds_the_waveforms_as_they_are_decoded(straight):
    store = Store.open(straight)
    assert isinstance(store.waveforms, np.memmap)
    assert store.waveforms.dtype == np.int16
    for row, file in enumerate(store.voices["file"]):
        np.testing.assert_array_equal(store.waveform(row), decode(Path(file), file).waveform)
    ends = np.add(store.voices["sample_start"], store.voices["samples"])
    assert store.voices["sample_start"] == [0, *ends[:-1]]
    assert ends[-1] == len(store.waveforms)
    assert "waveforms.npy" in store.card["sha256"]
    assert store.card["settings"]["waveforms"] is True
    assert not (straight / "shards").exists()


def test_all_else_is_as_without_them(straight, subset, tmp_path):
    plain = made(subset, tmp_path, WITHOUT)
    assert plain.waveforms is None
    with pytest.raises(DataError, match="holds no waveforms; prepare the store with --waveforms"):
        plain.waveform(0)
    assert "waveforms" not in plain.card["settings"]
    without, with_them = contents(tmp_path), contents(straight)
    assert set(with_them) - set(without) == {"waveforms.npy"}
    for name in ("log_mels.npy", "faces.npy", "faces.parquet", "rejected.csv"):
        assert without[name] == with_them[name]
    more = pq.read_table(straight / "voices.parquet")
    assert more.drop_columns(["sample_start", "samples"]).equals(
        pq.read_table(tmp_path / "voices.parquet")
    )
    with pytest.raises(ConfigError, match="finished store of other files or settings"):
        made(subset, tmp_path, WITH)


@pytest.mark.parametrize("n_made", [0, 2])
def test_stopped_and_started_again_it_ends_the_same(n_made, straight, subset, tmp_path):
    """It is stopped between a shard's two files, with a third one half written."""
    real, seen = preparing.make_shard, []

    def stop(shard, base, folder):
        if shard.side == "voices" and len(seen) == n_made:
            real(shard, base, folder)
            (folder / shard.file_name).unlink()
            (folder / f".{shard.waveform_file}.abc.tmp").write_bytes(b"half")
            raise KeyboardInterrupt
        seen.append(shard)
        return real(shard, base, folder)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparing, "make_shard", stop)
        made(subset, tmp_path)
    there = sorted(path.suffix for path in (tmp_path / "shards").glob("[!.]*"))
    assert there == [".shard"] * n_made + [".waves"] * (n_made + 1)
    if n_made:
        # One that is there without its waveforms is made again, and a short one is not taken.
        next((tmp_path / "shards").glob("voices-000000-*.waves")).unlink()
        short = next((tmp_path / "shards").glob("voices-000001-*.waves"))
        short.write_bytes(short.read_bytes()[:-2])
        with pytest.raises(DataError, match="damaged; remove it"):
            made(subset, tmp_path)
        short.with_suffix(".shard").unlink()
    made(subset, tmp_path)
    assert contents(tmp_path) == contents(straight)


def test_a_full_disk_stops_it_and_rejects_no_recording(straight, subset, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"\.waves: cannot be written .*run the same command"):
            made(subset, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    made(subset, tmp_path)
    assert contents(tmp_path) == contents(straight)


def test_without_them_after_all(straight, subset, tmp_path):
    """An unfinished store that was begun with waveforms is finished without."""
    made(subset, tmp_path, WITH)
    (tmp_path / "store.json").unlink()
    made(subset, tmp_path, WITHOUT)
    assert not (tmp_path / "waveforms.npy").exists()
    assert Store.open(tmp_path).waveforms is None


def test_a_spectrogram_has_no_waveform(subset, tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).normal(size=(200, 64)).astype(np.float32))
    for settings, n_kept in ((WITH, 0), (WITHOUT, 1)):
        (shard,) = shards.plan_shards("voices", [str(path)], settings)
        shards.make_shard(shard, Path(), tmp_path)
        index = shards.read_index(tmp_path / shard.file_name, 128)
        assert len(index.rows) == n_kept
    (shard,) = shards.plan_shards("voices", [str(path)], WITH)
    ((_, reason),) = shards.read_index(tmp_path / shard.file_name, 128).rejected
    assert reason == "is a spectrogram, not a sound; leave --waveforms out"
