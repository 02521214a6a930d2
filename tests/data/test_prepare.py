"""Preparing stores: killed and gone on with, bad files, backends, people and settings."""

from __future__ import annotations

import contextlib
import csv
import os
import pickle
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster
from PIL import Image
from tests.conftest import write_media
from tests.data.conftest import cut_fairface

from voice2face.cli import main
from voice2face.data import parts
from voice2face.data import prepare as preparing
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import prepare
from voice2face.data.store import Store, StoreSettings
from voice2face.data.store_card import kind_of_reason
from voice2face.errors import ConfigError, DataError, MissingDependencyError

ALIGNED = StoreSettings(face_crop=1.0)


def listed(subset: Path) -> dict:
    voices = [f"duke:{subset / 'duke'}", f"dspspeech:{subset / 'dsp'}"]
    return {
        "voices": [import_rows(spec, VOICES) for spec in voices],
        "faces": [import_rows(f"fairface:{subset / 'fairface'}", FACES)],
    }


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def rejected(folder: Path) -> dict[str, str]:
    with (folder / "rejected.csv").open(newline="") as file:
        return {Path(row["file"]).name: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that a dozen files make several."""
    monkeypatch.setitem(parts.FILES_A_PART, "voices", 3)
    monkeypatch.setitem(parts.FILES_A_PART, "faces", 7)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """File names of the parts that are made, as they are handed to the backend."""
    names: list[str] = []
    run_tasks = preparing.run_tasks

    def heard(function, tasks, *more):
        tasks = list(tasks)
        names.extend(part.file_name for part, *_ in tasks)
        return run_tasks(function, tasks, *more)

    monkeypatch.setattr(preparing, "run_tasks", heard)
    return names


# Killed, and gone on with


@pytest.fixture(scope="module")
def several_parts(shared_data, tmp_path_factory) -> Path:
    """200 recordings (4 parts) and 600 faces (3 parts)."""
    folder = tmp_path_factory.mktemp("several")
    for number in range(1, 11):
        name = f"spk{number:02d}"
        shutil.copytree(shared_data / "voices/dspspeech-20" / name, folder / "dsp" / name)
    cut_fairface(shared_data, folder / "fairface", 500, 100)
    (folder / "own.csv").write_text(
        "path,identity,gender\n"
        + "".join(
            f"{path.relative_to(folder)},{path.parent.name},{'male' if i % 2 else 'female'}\n"
            for i, path in enumerate(sorted((folder / "dsp").rglob("*.flac")))
        )
    )
    return folder


def start(data: Path, store: Path, *more: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "voice2face.cli", "prepare", "--voices",
               f"table:{data / 'own.csv'}", "--faces", f"fairface:{data / 'fairface'}",
               "--pair-by", "gender", "--aligned", "-o", str(store), *more]  # fmt: skip
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.fixture(scope="module")
def straight(several_parts, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("straight") / "store"
    process = start(several_parts, folder, "--jobs", "1")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "200 files seen" in out
    return contents(folder)


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_any_moment_and_started_again_it_ends_the_same(
    jobs, several_parts, straight, tmp_path
):
    store = tmp_path / "store"
    moments = random.Random(jobs)
    kills = kept = 0
    # At random moments after so many of the 7 parts are there; the last is while they are joined.
    for n_parts in (0, 1, 1, 3, 5, 7):
        before = {path: path.stat().st_mtime_ns for path in store.glob("parts/*.part")}
        process = start(several_parts, store, "--jobs", str(jobs))
        while process.poll() is None and (
            not (store / "parts").exists() or len(list(store.glob("parts/*.part"))) < n_parts
        ):
            time.sleep(0.002)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 0.03 if n_parts == 7 else 0.3))
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
        for path, changed in before.items():
            if path.exists():
                assert path.stat().st_mtime_ns == changed, f"{path.name} was made again"
                kept += 1
        assert (store / "parts").exists()
    process = start(several_parts, store, "--jobs", str(jobs))
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert kills >= 3
    assert kept >= 1
    assert contents(store) == straight


def test_a_full_disk_stops_cleanly_and_the_same_command_goes_on(several_parts, straight, tmp_path):
    """The system refuses files of over 2 MB: the parts of voices fit, those of faces do not."""
    store = tmp_path / "store"
    limit = (2_000_000, 2_000_000)
    process = start(
        several_parts,
        store,
        "--jobs",
        "1",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    _, err = process.communicate()
    assert process.returncode == 1
    last = err.splitlines()[-1]
    assert "cannot be written (File too large)" in last
    assert "once that is mended, the same command goes on" in last
    assert "Traceback" not in err
    assert len(list(store.glob("parts/voices-*.part"))) == 4
    process = start(several_parts, store, "--jobs", "1")
    process.communicate()
    assert process.returncode == 0
    assert contents(store) == straight


def test_nothing_but_its_own_files_is_removed(subset, tmp_path):
    mine = [tmp_path / "parts" / "sewing.txt", tmp_path / ".notes.tmp", tmp_path / "a.part"]
    mine[0].parent.mkdir()
    for path in mine:
        path.write_text("mine")
    litter = [tmp_path / ".faces.npy.abc.tmp", tmp_path / "parts" / "voices-000000-0.part"]
    for path in litter:
        path.write_text("left by a killed run")
    prepare(**listed(subset), settings=ALIGNED, folder=tmp_path, pair_by="gender")
    assert all(path.read_text() == "mine" for path in mine)
    assert not any(path.exists() for path in litter)


# Settings


def test_an_unfinished_store_is_gone_on_with_and_what_changed_is_made_anew(
    subset, small_parts, made, tmp_path
):
    data = listed(subset)
    with pytest.raises(DataError, match="no identity is common"):
        prepare(**data, settings=ALIGNED, folder=tmp_path, pair_by="identity")
    assert len(made) == 4 + 5
    made.clear()
    larger = StoreSettings(face_crop=1.0, image_size_px=128)
    with pytest.raises(DataError, match="no identity is common"):
        prepare(**data, settings=larger, folder=tmp_path, pair_by="identity")
    assert {name[:5] for name in made} == {"faces"}
    assert len(made) == 5
    made.clear()
    store = prepare(**data, settings=larger, folder=tmp_path, pair_by="gender")
    assert made == []
    assert store.images.shape == (30, 128, 128, 3)
    assert not (tmp_path / "parts").exists()


def test_a_changed_file_is_read_again(subset, small_parts, made, tmp_path):
    data = shutil.copytree(subset, tmp_path / "data")
    for _ in range(2):
        with pytest.raises(DataError):
            prepare(**listed(data), settings=ALIGNED, folder=tmp_path / "store", pair_by="identity")
        path = data / "fairface/train/7.jpg"
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert len(made) == 9 + 1


def test_a_finished_store_is_left_alone(subset, made, tmp_path):
    first = prepare(**listed(subset), settings=ALIGNED, folder=tmp_path, pair_by="gender")
    before = contents(tmp_path)
    made.clear()
    again = prepare(**listed(subset), settings=ALIGNED, folder=tmp_path, pair_by="gender")
    assert made == []
    assert again.card == first.card
    for change in (
        {"pair_by": "gender,age"},
        {"split": "hash:80/10/10"},
        {"settings": StoreSettings()},
    ):
        arguments = {"settings": ALIGNED, "pair_by": "gender", **change}
        with pytest.raises(ConfigError, match="finished store of other files or settings"):
            prepare(**listed(subset), folder=tmp_path, **arguments)
    assert contents(tmp_path) == before


# Backends


def test_a_dask_cluster_gives_what_the_serial_run_gives(subset, small_parts, tmp_path, monkeypatch):
    monkeypatch.chdir(subset)
    relative = listed(Path())
    detected = StoreSettings(detector="dlib")
    arguments = {**relative, "settings": detected, "pair_by": "gender"}
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
            backend="dask",
            scheduler=cluster.scheduler_address,
        )
    assert contents(subset / "serial") == contents(subset / "dask")
    assert Store.open(subset / "serial").voices["file"][0].startswith("duke/audio_data/")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "lokal"}, "unknown backend 'lokal': did you mean 'local'?"),
        ({"jobs": 0}, "jobs is 0; at least 1 is needed"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "is of no use to the backend local"),
        ({"split": "fzz"}, "unknown split scheme 'fzz': did you mean 'fz'?"),
        ({"pair_by": "shoe size"}, "give some of identity, gender, age, nationality"),
    ],
)
def test_bad_arguments(options, message, subset, tmp_path):
    arguments = {"settings": ALIGNED, "pair_by": "gender", **options}
    with pytest.raises(ConfigError) as caught:
        prepare(**listed(subset), folder=tmp_path, **arguments)
    assert message in str(caught.value)


def test_ray_is_asked_for_where_it_is_absent(subset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="pip install ray"):
        prepare(
            **listed(subset), settings=ALIGNED, folder=tmp_path, pair_by="gender", backend="ray"
        )


# Bad files


def png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


BAD_FACES = {
    "empty.jpg": "is empty (0 bytes)",
    "words.jpg": "is not an image of a known kind",
    "cut.jpg": "damaged image",
    "animation.jpg": "is GIF, not what .jpg says",
    "bomb.png": "has over 178,956,970 pixels",
    "dangling.jpg": "cannot be opened",
    "loop.jpg": "Too many levels of symbolic links",
    "vanished.jpg": "cannot be opened",
    "clip.mp4": "is a video",
}
BAD_VOICES = {
    "empty.wav": "not a recording that FFmpeg can read",
    "words.flac": "not a recording that FFmpeg can read",
    "silence.wav": "0.00 s of speech found in 2.00 s of sound; at least 0.4 s",
    "vanished.wav": "no such file",
    "short.npy": "0.39 s of speech found in 39 frames; at least 0.4 s",
    "bands.npy": "has the shape (100, 40); frames x 64 mel bands is needed",
    "nan.npy": "NaN or infinite",
    "whole.npy": "holds int64; an array of floats is needed",
    "pickled.npy": "not an array that NumPy can read",
    "lies.npy": "not an array that NumPy can read",
    "empty.npy": "not an array that NumPy can read",
}


def test_every_bad_file_has_a_reason_and_no_good_one_is_lost(subset, tmp_path):
    faces, voices = tmp_path / "faces" / "Ann", tmp_path / "voices"
    faces.mkdir(parents=True)
    voices.mkdir()
    good = (subset / "fairface/train/7.jpg").read_bytes()
    (faces / "good.jpg").write_bytes(good)
    (faces / "empty.jpg").touch()
    (faces / "words.jpg").write_text("not an image")
    (faces / "cut.jpg").write_bytes(good[: len(good) // 2])
    Image.new("L", (64, 64)).save(faces / "animation.jpg", "GIF")
    (faces / "bomb.png").write_bytes(png_of_size(60_000, 60_000))
    (faces / "dangling.jpg").symlink_to("nowhere.jpg")
    (faces / "loop.jpg").symlink_to("loop.jpg")
    (faces / "vanished.jpg").touch()
    (faces / "clip.mp4").write_text("any")

    random_bands = np.random.default_rng(0).normal(-5, 2, (100, 64)).astype(np.float32)
    np.save(voices / "good.npy", random_bands)
    np.save(voices / "enough.npy", random_bands[:40])
    np.save(voices / "short.npy", random_bands[:39])
    np.save(voices / "bands.npy", random_bands[:, :40])
    np.save(voices / "nan.npy", np.where(np.arange(64) == 3, np.nan, random_bands))
    np.save(voices / "whole.npy", np.ones((100, 64), np.int64))
    np.save(voices / "pickled.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    content = (voices / "good.npy").read_bytes()
    (voices / "lies.npy").write_bytes(content.replace(b"(100, 64)", b"(999, 64)"))
    (voices / "empty.npy").touch()
    (voices / "empty.wav").touch()
    (voices / "words.flac").write_text("not a recording")
    write_media(voices / "silence.wav", np.zeros((1, 32000)))
    (voices / "vanished.wav").touch()
    names = sorted(path.name for path in voices.iterdir())
    table = tmp_path / "voices.csv"
    table.write_text("path,identity\n" + "".join(f"voices/{name},Ann\n" for name in names))

    data = {
        "voices": [import_rows(f"table:{table}", VOICES)],
        "faces": [import_rows(f"folder:{tmp_path / 'faces'}", FACES)],
    }
    for path in (faces / "vanished.jpg", voices / "vanished.wav"):
        path.unlink()
    folder = tmp_path / "store"
    store = prepare(**data, settings=ALIGNED, folder=folder, pair_by="identity")
    reasons = rejected(folder)
    for name, reason in {**BAD_FACES, **BAD_VOICES}.items():
        assert reason in reasons.pop(name), name
    assert not reasons
    assert [Path(file).name for file in store.faces["file"]] == ["good.jpg"]
    assert [Path(file).name for file in store.voices["file"]] == ["enough.npy", "good.npy"]
    assert store.card["voices"]["files_seen"] == 2 + len(BAD_VOICES)
    assert store.card["faces"]["files_rejected"] == len(BAD_FACES)
    assert sum(store.card["voices"]["reasons"].values()) == len(BAD_VOICES)
    assert str(tmp_path) not in "".join(rejected(folder).values())


class Trap:
    """Unpickling this fails the test's process."""

    def __reduce__(self):
        return os._exit, (9,)


def test_the_trap_is_one():
    assert b"_exit" in pickle.dumps(Trap())


def test_a_decoder_that_fails_as_none_should_costs_only_its_file(subset, tmp_path, monkeypatch):
    read_face = parts.read_face

    def read(path, *more):
        if path.name == "13.jpg":
            raise RuntimeError(f"{path}: assertion failed\nin line 3")
        return read_face(path, *more)

    monkeypatch.setattr(parts, "read_face", read)
    store = prepare(**listed(subset), settings=ALIGNED, folder=tmp_path, pair_by="gender")
    reason = rejected(tmp_path)["13.jpg"]
    assert reason.startswith("cannot be decoded (RuntimeError: ")
    assert "\n" not in reason
    assert len(store.images) == 29


def test_nothing_usable_is_refused_with_the_first_reason(subset, tmp_path):
    (tmp_path / "faces" / "Ann").mkdir(parents=True)
    (tmp_path / "faces" / "Ann" / "a.jpg").touch()
    data = listed(subset) | {"faces": [import_rows(f"folder:{tmp_path / 'faces'}", FACES)]}
    with pytest.raises(DataError, match=r"no face image could be used.*is empty \(0 bytes\)"):
        prepare(**data, settings=ALIGNED, folder=tmp_path / "store", pair_by="gender")


def test_kinds_of_reasons_bring_measurements_together():
    one = kind_of_reason("0.12 s of speech found in 3.00 s of sound; at least 0.4 s is needed")
    other = kind_of_reason("0 s of speech found in 1,200.5 s of sound; at least 0.4 s is needed")
    assert one == other == "# s of speech found in # s of sound"


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
    assert "people: 3 on both sides, 1 only among voices, 2 only among faces" in said
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


def test_true_pairs_of_grid_through_the_command(subset, tmp_path, capsys):
    folder = tmp_path / "store"
    assert main(["prepare", "--voices", f"grid:{subset / 'grid'}", "--faces",
                 f"grid:{subset / 'grid'}", "--pair-by", "identity", "--split",
                 "hash:100/0/0", "--jobs", "1", "-o", str(folder)]) == 0  # fmt: skip
    store = Store.open(folder)
    assert "people: 2 on both sides, 0 only among voices" in capsys.readouterr().out
    assert set(store.voices["identity"]) == set(store.faces["identity"])
    # Clips of 3 s give a frame every half second.
    assert store.faces["time_s"][:6] == pytest.approx([0, 0.52, 1, 1.52, 2, 2.52], abs=0.05)
    assert len(store.images) == 12
    assert store.images.std(axis=(1, 2, 3)).min() > 20
    assert store.card["settings"]["detector"] == "mtcnn"


def test_people_of_two_sets_are_told_apart_unless_names_pair_them(subset, tmp_path):
    store = prepare(**listed(subset), settings=ALIGNED, folder=tmp_path, pair_by="gender")
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
        prepare(**data, settings=ALIGNED, folder=tmp_path / "store", pair_by="identity")
    assert not (tmp_path / "store").exists()
