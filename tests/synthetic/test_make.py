"""A planted world as a store."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pyarrow.parquet as pq
import pytest

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset as front_end_preset
from voice2face.cli import main
from voice2face.data.backends import Workers
from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError
from voice2face.records import Recording
from voice2face.synthetic.latents import WorldSettings, sample_person
from voice2face.synthetic.world import World, make_world, regenerate, world_settings
from voice2face.synthetic.write import LATENTS_FILE
from voice2face.training.engine import Engine
from voice2face.training.gan.stage import train_gan
from voice2face.training.presets import preset
from voice2face.training.speaker.stage import train_speaker

SETTINGS = WorldSettings(duration_s=(1.5, 2.0), correlation=0.9)
PEOPLE = 30


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("planted") / "store"
    return make_world(folder, World(PEOPLE, 7, SETTINGS, 2, 3, keep_waveforms=True))


def test_the_bytes_do_not_depend_on_the_number_of_jobs(store, tmp_path):
    again = make_world(
        tmp_path / "store", World(PEOPLE, 7, SETTINGS, 2, 3, keep_waveforms=True), Workers(jobs=2)
    )
    names = {path.name for path in store.folder.iterdir()}
    assert names == {path.name for path in again.folder.iterdir()}
    for name in names:
        assert (store.folder / name).read_bytes() == (again.folder / name).read_bytes(), name


def test_people_do_not_depend_on_how_many_there_are(store, tmp_path):
    few = make_world(tmp_path / "few", World(9, 7, SETTINGS, 2, 3))
    assert not (few.folder / "waveforms.npy").exists()
    assert "samples" not in few.voices
    n_frames = len(few.log_mels)
    np.testing.assert_array_equal(few.log_mels, store.log_mels[:n_frames])
    np.testing.assert_array_equal(few.images, store.images[: len(few.images)])
    other = make_world(tmp_path / "other", World(9, 8, SETTINGS, 2, 3))
    assert (other.images != few.images).any(axis=(1, 2, 3)).all()


def test_the_store_holds_what_its_manifests_say(store):
    assert store.card["n_recordings"] == 2 * PEOPLE
    assert store.images.shape == (3 * PEOPLE, 64, 64, 3)
    ends = np.add(store.voices["start"], store.voices["frames"])
    np.testing.assert_array_equal(ends[:-1], store.voices["start"][1:])
    assert ends[-1] == len(store.log_mels)
    assert store.card["sources"][0]["licence"].startswith("CC0")
    for name, stated in store.card["sha256"].items():
        assert hashlib.sha256((store.folder / name).read_bytes()).hexdigest() == stated
    assert set(store.card["sha256"]) == {p.name for p in store.folder.iterdir()} - {"store.json"}


def test_a_row_can_be_made_again_from_its_file_name(store):
    settings = world_settings(store)
    assert settings == SETTINGS
    waveforms = np.load(store.folder / "waveforms.npy")
    for row in (0, 17, 59):
        waveform = regenerate(store.voices["file"][row], settings)
        at = store.voices["sample_start"][row]
        np.testing.assert_array_equal(waveforms[at : at + len(waveform)], waveform)
        assert store.voices["samples"][row] == len(waveform)
        features = extract(Recording("again", waveform, 16000), front_end_preset("wen2019"))
        start = store.voices["start"][row]
        held = store.log_mels[start : start + store.voices["frames"][row]]
        # Here as many threads as there are share the work, which moves the last bit of some.
        np.testing.assert_allclose(held, features.log_mel, atol=0.006)
    for row in (0, 44, 89):
        image = regenerate(store.faces["file"][row], settings)
        np.testing.assert_array_equal(store.images[row], image)
    with pytest.raises(DataError, match="is not a file of a planted world"):
        regenerate("somewhere/voice.wav", settings)


def test_splits_are_disjoint_by_identity_and_the_same_on_both_sides(store):
    splits: dict[str, set[str]] = {}
    for side in (store.voices, store.faces):
        for identity, split in zip(side["identity"], side["split"], strict=True):
            splits.setdefault(identity, set()).add(split)
    assert len(splits) == PEOPLE
    assert all(len(found) == 1 for found in splits.values())
    assert {"train", "test"} <= {split for found in splits.values() for split in found}
    assert (
        len(pair(store, "identity", "train").labels) == store.card["splits"]["train"]["both_sides"]
    )


def test_the_truth_stands_beside_the_store(store):
    truth = pq.read_table(store.folder / LATENTS_FILE).to_pylist()
    assert len(truth) == PEOPLE
    for number in (0, 13, 29):
        person, row = sample_person(7, number, SETTINGS), truth[number]
        assert row["identity"] == f"planted/{number:06d}"
        assert row["gender"] == person.gender
        for side in ("voice", "face"):
            told = {name.split("/")[1]: row[name] for name in row if name.startswith(f"{side}/")}
            assert told == getattr(person, side)
        assert row["shared/pitch_jaw"] == person.shared[0]
    by_name = {row["identity"]: row for row in truth}
    for side in (store.voices, store.faces):
        for identity, gender, split in zip(
            side["identity"], side["gender"], side["split"], strict=True
        ):
            assert (by_name[identity]["gender"], by_name[identity]["split"]) == (gender, split)


def test_the_same_world_is_not_made_twice_and_another_not_over_it(store):
    before = (store.folder / "log_mels.npy").stat().st_mtime_ns
    make_world(store.folder, World(PEOPLE, 7, SETTINGS, 2, 3, keep_waveforms=True))
    assert (store.folder / "log_mels.npy").stat().st_mtime_ns == before
    for seed, settings in ((8, SETTINGS), (7, dataclasses.replace(SETTINGS, correlation=0.5))):
        with pytest.raises(ConfigError, match="holds a finished store of other"):
            make_world(store.folder, World(PEOPLE, seed, settings, 2, 3, keep_waveforms=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_identities": 0}, "identities is 0"),
        ({"seed": -1}, "seed -1"),
        ({"faces_each": 0}, "faces each is 0"),
        ({"split": "80/30/10"}, "80/30/10"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        make_world(tmp_path / "s", World(**{"n_identities": 2, "seed": 0, **arguments}))
    assert not (tmp_path / "s").exists()


def test_the_command_makes_the_world_that_is_asked_for(tmp_path, capsys):
    order = [
        "planted",
        "-o",
        str(tmp_path / "s"),
        "--identities",
        "9",
        "--seed",
        "4",
        "--jobs",
        "1",
    ]
    order += ["--recordings", "1", "--faces", "2", "--shared", "2", "--correlation", "0.5"]
    assert main([*order, "--split", "hash:50/0/50"]) == 0
    assert "9 recordings" in capsys.readouterr().out
    store = Store.open(tmp_path / "s")
    assert (len(store.voices["file"]), len(store.faces["file"])) == (9, 18)
    assert world_settings(store) == WorldSettings(n_shared=2, correlation=0.5)
    assert set(store.voices["split"]) == {"train", "test"}
    same = make_world(
        store.folder, World(9, 4, WorldSettings(n_shared=2, correlation=0.5), 1, 2, split="50/0/50")
    )
    assert same.card == store.card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shared", "7"], "n_shared is 7; 0 to 6 is needed"),
        (["--correlation", "-0.1"], "correlation is -0.1; 0 to 1 is needed"),
        (["--correlation", "nan"], "correlation is nan; 0 to 1 is needed"),
        (["--recordings", "0"], "recordings each is 0"),
        (["--split", "80/20"], "80/20"),
    ],
)
def test_what_the_command_cannot_make_is_said_in_a_line(arguments, message, tmp_path, capsys):
    assert main(["planted", "-o", str(tmp_path / "s"), "--identities", "2", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "s").exists()


def test_silence_is_rejected_with_its_reason(tmp_path):
    """Speech far below the noise: what the front end refuses is listed, not dropped in silence."""
    settings = WorldSettings(duration_s=(1, 1), snr_db=(-20, -20))
    try:
        store = make_world(tmp_path / "s", World(3, 0, settings, 2, 1))
    except DataError as error:
        assert "no recording has speech" in str(error)
        return
    lines = (store.folder / "rejected.csv").read_text().splitlines()
    assert len(lines) - 1 == store.card["n_rejected"] == 6 - store.card["n_recordings"]


def test_it_trains(store, tmp_path):
    settings = preset("debug")
    encoder = train_speaker(store, settings, tmp_path, Engine()).network
    pairing = pair(store, "identity", "train")
    generator = train_gan(store, pairing, encoder, settings, tmp_path, Engine())
    assert all(bool(parameter.isfinite().all()) for parameter in generator.parameters())
