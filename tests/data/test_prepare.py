"""Preparing stores: settings, backends and people."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster
from PIL import Image
from tests.data.conftest import listed

from voice2face.cli import main
from voice2face.data import prepare as preparing
from voice2face.data import shards
from voice2face.data.backends import Workers
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import Store, StoreSettings
from voice2face.errors import ConfigError, DataError, MissingDependencyError, OutputError

ALIGNED = StoreSettings()


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards so small that a dozen files make several."""
    monkeypatch.setitem(shards.FILES_PER_SHARD, "voices", 3)
    monkeypatch.setitem(shards.FILES_PER_SHARD, "faces", 7)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """File names of the shards that are made, as they are handed to the backend."""
    names: list[str] = []
    run_tasks = preparing.run_tasks

    def heard(function, tasks, *more):
        tasks = list(tasks)
        names.extend(shard.file_name for shard, *_ in tasks)
        return run_tasks(function, tasks, *more)

    monkeypatch.setattr(preparing, "run_tasks", heard)
    return names


def test_nothing_but_its_own_files_is_removed(subset, tmp_path):
    mine = [tmp_path / "shards" / "sewing.txt", tmp_path / ".notes.tmp", tmp_path / "a.shard"]
    mine[0].parent.mkdir()
    for path in mine:
        path.write_text("mine")
    litter = [tmp_path / ".faces.npy.abc.tmp", tmp_path / "shards" / "voices-000000-0.shard"]
    for path in litter:
        path.write_text("left by a killed run")
    prepare(**listed(subset), settings=ALIGNED, folder=tmp_path, pairing=PairingSettings("gender"))
    assert all(path.read_text() == "mine" for path in mine)
    assert not any(path.exists() for path in litter)


# Settings


def test_an_unfinished_store_is_gone_on_with_and_what_changed_is_made_anew(
    subset, small_shards, made, tmp_path
):
    data = listed(subset)
    (tmp_path / "rejected.csv").mkdir()  # cannot be written, after all shards are made
    with pytest.raises(OutputError, match="rejected"):
        prepare(**data, settings=ALIGNED, folder=tmp_path, pairing=PairingSettings("gender"))
    assert len(made) == 4 + 5
    made.clear()
    larger = StoreSettings(image_size_px=128)
    with pytest.raises(OutputError, match="rejected"):
        prepare(**data, settings=larger, folder=tmp_path, pairing=PairingSettings("gender"))
    (tmp_path / "rejected.csv").rmdir()
    assert {name[:5] for name in made} == {"faces"}
    assert len(made) == 5
    made.clear()
    store = prepare(**data, settings=larger, folder=tmp_path, pairing=PairingSettings("gender"))
    assert made == []
    assert store.images.shape == (30, 128, 128, 3)
    assert not (tmp_path / "shards").exists()


def test_a_changed_file_is_read_again(subset, small_shards, made, tmp_path):
    data = shutil.copytree(subset, tmp_path / "data")
    (tmp_path / "store" / "rejected.csv").mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(OutputError):
            prepare(
                **listed(data),
                settings=ALIGNED,
                folder=tmp_path / "store",
                pairing=PairingSettings("gender"),
            )
        path = data / "fairface/train/7.jpg"
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert len(made) == 9 + 1


def test_a_finished_store_is_left_alone(subset, made, tmp_path):
    first = prepare(
        **listed(subset), settings=ALIGNED, folder=tmp_path, pairing=PairingSettings("gender")
    )
    before = contents(tmp_path)
    made.clear()
    # As a run leaves them that is killed between its last file and its end.
    (tmp_path / ".lock").touch()
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/faces-0000-0.shard").touch()
    again = prepare(
        **listed(subset), settings=ALIGNED, folder=tmp_path, pairing=PairingSettings("gender")
    )
    assert made == []
    assert again.card == first.card
    assert contents(tmp_path) == before
    for change in (
        {"pairing": PairingSettings("gender,age")},
        {"pairing": PairingSettings("gender", "hash:80/10/10")},
        {"settings": StoreSettings(image_size_px=128)},
    ):
        arguments = {"settings": ALIGNED, "pairing": PairingSettings("gender"), **change}
        with pytest.raises(ConfigError, match="finished store of other files or settings"):
            prepare(**listed(subset), folder=tmp_path, **arguments)
    assert contents(tmp_path) == before


# Backends


@pytest.mark.long
@pytest.mark.usefixtures("mtcnn_weights")
def test_a_dask_cluster_gives_what_the_serial_run_gives(
    subset, small_shards, tmp_path, monkeypatch
):
    monkeypatch.chdir(subset)
    relative = listed(Path())
    detected = StoreSettings(detector="dlib")
    arguments = {**relative, "settings": detected, "pairing": PairingSettings("gender")}
    prepare(**arguments, folder=Path("serial"))
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        prepare(
            **arguments,
            folder=Path("dask"),
            workers=Workers(backend="dask", scheduler=cluster.scheduler_address),
        )
    assert contents(subset / "serial") == contents(subset / "dask")
    assert Store.open(subset / "serial").voices["file"][0].startswith("duke/audio_data/")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": Workers(backend="lokal")}, "unknown backend 'lokal': did you mean 'local'?"),
        ({"workers": Workers(jobs=0)}, "jobs is 0; at least 1 is needed"),
        ({"workers": Workers(scheduler="tcp://127.0.0.1:1")}, "is not used by the backend local"),
        (
            {"pairing": PairingSettings("gender", "fzz")},
            "unknown split scheme 'fzz': did you mean 'fz'?",
        ),
        (
            {"pairing": PairingSettings("shoe size")},
            "give some of identity, gender, age, nationality",
        ),
    ],
)
def test_bad_arguments(options, message, subset, tmp_path):
    arguments = {"settings": ALIGNED, "pairing": PairingSettings("gender"), **options}
    with pytest.raises(ConfigError) as caught:
        prepare(**listed(subset), folder=tmp_path, **arguments)
    assert message in str(caught.value)


def test_ray_is_asked_for_where_it_is_absent(subset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="pip install ray"):
        prepare(
            **listed(subset),
            settings=ALIGNED,
            folder=tmp_path,
            pairing=PairingSettings("gender"),
            workers=Workers(backend="ray"),
        )


# People


def test_the_published_preprocessed_data_pair_by_name(tmp_path, capsys):
    """A tree of the layout of Wen et al., under names as both sides spell them."""
    random_source = np.random.default_rng(1)
    bands = {}
    for name in ("A.J._Buckley", "Chloe_Moretz", "Zoe_Saldana", "Fred_Only"):
        (tmp_path / "fbank" / name).mkdir(parents=True)
        bands[name] = random_source.normal(-6, 3, (120, 64)).astype(np.float32)
        np.save(tmp_path / "fbank" / name / "1.npy", bands[name])
    photos = {}
    for name in ("a_j_buckley", "Chloë_Moretz", "Zoe_Saldaña", "Freda_Only", "Gus_Gone"):
        (tmp_path / "VGG_ALL_FRONTAL" / name).mkdir(parents=True)
        photos[name] = random_source.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(photos[name]).save(tmp_path / "VGG_ALL_FRONTAL" / name / "1.png")
    store_folder = tmp_path / "store"
    spec = f"wen2019:{tmp_path}"
    assert main(["prepare", "--voices", spec, "--faces", spec, "--pair-by", "identity", "--split",
                 "fz", "--aligned", "--jobs", "1", "-o", str(store_folder)]) == 0  # fmt: skip
    said = capsys.readouterr().out
    assert "people: 3 with voice and face, 1 with voice only, 2 with face only" in said
    assert "1 pairs of names may be of one person" in said
    store = Store.open(store_folder)
    assert dict(zip(store.voices["identity"], store.voices["split"], strict=True)) == {
        "A.J._Buckley": "val",
        "Chloe_Moretz": "test",
        "Fred_Only": "train",
        "Zoe_Saldana": "train",
    }
    assert set(store.faces["identity"]) - set(store.voices["identity"]) == {
        "Freda_Only",
        "Gus_Gone",
    }
    assert store.card["splits"]["train"] == {"voices": 2, "faces": 3, "both_sides": 1}
    misses = (store_folder / "near_misses.csv").read_text().splitlines()
    assert misses[0] == "voice,face,likeness"
    assert misses[1].startswith("Fred_Only,Freda_Only,")
    # Images that have the size already are untouched; spectrograms are normalised band by band.
    for row, file in enumerate(store.faces["file"]):
        np.testing.assert_array_equal(store.images[row], photos[Path(file).parent.name])
    for row, name in enumerate(store.voices["identity"]):
        wanted = (bands[name] - bands[name].mean(0)) / bands[name].std(0)
        first = store.voices["start"][row]
        np.testing.assert_allclose(store.log_mels[first : first + 120], wanted, atol=3e-3)
        assert store.voices["speech_s"][row] == pytest.approx(1.2)


@pytest.mark.usefixtures("mtcnn_weights")
def test_true_pairs_of_grid_through_the_command(subset, tmp_path, capsys):
    folder = tmp_path / "store"
    assert main(["prepare", "--voices", f"grid:{subset / 'grid'}", "--faces",
                 f"grid:{subset / 'grid'}", "--pair-by", "identity", "--split",
                 "hash:100/0/0", "--jobs", "1", "-o", str(folder)]) == 0  # fmt: skip
    store = Store.open(folder)
    assert "people: 2 with voice and face, 0 with voice only" in capsys.readouterr().out
    assert set(store.voices["identity"]) == set(store.faces["identity"])
    # Clips of 3 s give a frame every half second.
    assert store.faces["time_s"][:6] == pytest.approx([0, 0.52, 1, 1.52, 2, 2.52], abs=0.05)
    assert len(store.images) == 12
    assert store.images.std(axis=(1, 2, 3)).min() > 20
    assert store.card["settings"]["detector"] == "mtcnn"


def test_people_of_two_sets_are_told_apart_unless_names_pair_them(subset, tmp_path):
    store = prepare(
        **listed(subset), settings=ALIGNED, folder=tmp_path, pairing=PairingSettings("gender")
    )
    assert {identity.split("/")[0] for identity in store.voices["identity"]} == {
        "duke",
        "dspspeech",
    }
    assert store.voices["data_set"] == ["duke"] * 6 + ["dspspeech"] * 6
    assert not (tmp_path / "near_misses.csv").exists()


def test_a_person_in_two_splits_is_refused(tmp_path):
    for side, split in (("voices", "train"), ("faces", "test")):
        table = f"path,identity,split\n{side}.bin,Ann,{split}\n"
        (tmp_path / f"{side}.csv").write_text(table)
    data = {
        "voices": [import_rows(f"table:{tmp_path / 'voices.csv'}", VOICES)],
        "faces": [import_rows(f"table:{tmp_path / 'faces.csv'}", FACES)],
    }
    with pytest.raises(DataError, match="'Ann' is in two splits"):
        prepare(
            **data, settings=ALIGNED, folder=tmp_path / "store", pairing=PairingSettings("identity")
        )
    assert not (tmp_path / "store").exists()


def test_spelling_variants_make_one_person_and_near_misses_do_not(example, tmp_path, shared_data):
    face = next((shared_data / "faces/fairface/val").glob("*.jpg"))
    for side, names, file in (
        ("voices", ("Zoe Saldana", "Bob Downey", "Anna Karenin"), example),
        ("faces", ("zo\u00eb_salda\u00f1a", "Robert_Downey", "Anna_Karenina"), face),
    ):
        for name in names:
            (tmp_path / side / name).mkdir(parents=True)
            shutil.copy(file, tmp_path / side / name)
    (tmp_path / "variants.csv").write_text("name,variant\nRobert Downey,Bob Downey\n")
    command = ["prepare", "--voices", f"folder:{tmp_path / 'voices'}", "--faces",
               f"folder:{tmp_path / 'faces'}", "--pair-by", "identity", "--aligned",
               "--jobs", "1"]  # fmt: skip
    shared = {}
    for name, more in (("plain", []), ("told", ["--variants", str(tmp_path / "variants.csv")])):
        assert main([*command, "-o", str(tmp_path / name), *more]) == 0
        store = Store.open(tmp_path / name)
        shared[name] = set(store.voices["identity"]) & set(store.faces["identity"])
        near = (tmp_path / name / "near_misses.csv").read_text()
        assert "Anna Karenin,Anna_Karenina" in near
    assert shared == {"plain": {"Zoe Saldana"}, "told": {"Zoe Saldana", "Bob Downey"}}


def test_the_bytes_do_not_depend_on_the_threads_of_matrix_products(subset, tmp_path):
    """Between one thread and two, the last bits of a product differ."""
    stores = {}
    for threads in ("1", "2"):
        store = tmp_path / threads
        command = [sys.executable, "-m", "voice2face", "prepare", "--aligned", "--jobs", "1",
                   "--voices", f"duke:{subset / 'duke'}", "--pair-by", "gender",
                   "--faces", f"fairface:{subset / 'fairface'}", "-o", str(store)]  # fmt: skip
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        stores[threads] = contents(store)
    assert stores["1"] == stores["2"]
