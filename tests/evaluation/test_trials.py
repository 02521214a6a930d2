"""Trial lists: fair, complete, repeatable, and refused where they do not fit."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest

from voice2face.errors import ConfigError, DataError
from voice2face.evaluation.keys import row_keys
from voice2face.evaluation.trial_files import read_trials, write_trials
from voice2face.evaluation.trials import ATTRIBUTES, TrialSettings, make_trials

SETTINGS = TrialSettings(rounds=6, gallery=15)


@pytest.fixture(scope="module")
def trials(world):
    return make_trials(world, "test", SETTINGS)


def test_every_protocol_stratum_and_size_is_there(trials):
    found = {(g.protocol, g.stratum, g.size) for g in trials.lists}
    for stratum in ("none", "gender"):
        assert {("matching", stratum, size) for size in range(2, 11)} <= found
        assert ("verification", stratum, 2) in found
    assert {("matching", stratum, 2) for stratum in ("nationality", "age", "all")} <= found
    assert {("retrieval", "none", 15), ("retrieval", "none", 40)} <= found
    assert sum(protocol == "retrieval" and s == "gender" for protocol, s, _ in found) == 1


def test_people_of_a_group_differ_share_the_stratum_and_own_what_they_are_asked_with(trials):
    for groups in trials.lists:
        assert all(len(set(row)) == groups.size for row in groups.person.tolist())
        np.testing.assert_array_equal(trials.recording_person[groups.recording], groups.person)
        np.testing.assert_array_equal(trials.face_person[groups.face], groups.person)
        for attribute in ATTRIBUTES if groups.stratum == "all" else (groups.stratum,):
            if attribute != "none":
                values = np.array(trials.attributes[attribute])[groups.person]
                assert (values == values[:, :1]).all()


def test_people_are_asked_about_alike_and_their_recordings_too(trials):
    groups = next(
        g for g in trials.lists if (g.protocol, g.stratum, g.size) == ("matching", "none", 4)
    )
    assert set(Counter(groups.person.ravel().tolist()).values()) == {SETTINGS.rounds}
    # Six rounds over eight recordings: none twice.
    assert max(Counter(groups.recording.ravel().tolist()).values()) == 1
    assert len(np.unique(groups.person[:, 0])) > 10  # groups are not the same in each round


def test_only_the_split_and_at_most_so_many_rows_are_used(world):
    few = make_trials(world, "train", TrialSettings(recordings=3, faces=2, rounds=2))
    assert few.people == [f"person {one:03}" for one in range(40, 60)]
    assert set(Counter(few.recording_person.tolist()).values()) == {3}
    assert set(Counter(few.face_person.tolist()).values()) == {2}
    for row, person in zip(few.recording_rows, few.recording_person, strict=True):
        assert world.voices["identity"][row] == few.people[person]


def test_the_same_seed_draws_the_same_and_a_list_does_not_depend_on_the_others(world, trials):
    again = make_trials(world, "test", SETTINGS)
    other = make_trials(world, "test", dataclasses.replace(SETTINGS, seed=1))
    fewer = make_trials(world, "test", dataclasses.replace(SETTINGS, sizes=(5,)))
    of = {(g.protocol, g.stratum, g.size): g for g in trials.lists}
    for groups in again.lists:
        np.testing.assert_array_equal(
            groups.person, of[groups.protocol, groups.stratum, groups.size].person
        )
    five = ("matching", "none", 5)
    found = next(g for g in fewer.lists if (g.protocol, g.stratum, g.size) == five)
    np.testing.assert_array_equal(found.face, of[five].face)
    found = next(g for g in other.lists if (g.protocol, g.stratum, g.size) == five)
    assert (found.person != of[five].person).any()


def test_a_store_of_different_people_on_both_sides_asks_nothing_about_identity(world):
    faces = {**world.faces, "identity": [f"other {one}" for one in world.faces["identity"]]}
    trials = make_trials(dataclasses.replace(world, faces=faces), "test")
    assert trials.lists == ()
    assert len(trials.people) == 80
    assert not trials.paired.any()


def test_what_is_written_is_read_again_byte_for_byte_the_same(trials, world, tmp_path):
    first = write_trials(trials, tmp_path / "a")
    assert write_trials(trials, tmp_path / "b") == first
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    back = read_trials(tmp_path / "a", world)
    assert back.header == json.loads(json.dumps(trials.header))
    assert back.people == trials.people
    assert back.attributes == trials.attributes
    assert back.recording_keys == trials.recording_keys
    np.testing.assert_array_equal(back.face_rows, trials.face_rows)
    assert len(back.lists) == len(trials.lists)
    for one, other in zip(back.lists, trials.lists, strict=True):
        assert (one.protocol, one.stratum, one.size) == (
            other.protocol,
            other.stratum,
            other.size,
        )
        for name in ("person", "recording", "face"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_lists_of_one_group_each_stay_apart_on_disk(world, tmp_path):
    """Groups are numbered from 0 in each list, also where a list has only one."""
    trials = make_trials(world, "test", TrialSettings(rounds=1, gallery=40, sizes=(2,)))
    write_trials(trials, tmp_path)
    shapes = [g.person.shape for g in read_trials(tmp_path, world).lists]
    assert shapes == [g.person.shape for g in trials.lists]


def _drawn_on(content: str) -> dict[str, str]:
    return {"store_content_sha256": content}


def test_lists_of_another_store_or_changed_ones_are_refused(trials, world, tmp_path):
    write_trials(trials, tmp_path)
    moved = dataclasses.replace(world, card={"content_sha256": "v2:" + "1" * 64})
    assert read_trials(tmp_path, moved).recording_keys == trials.recording_keys
    newer = dataclasses.replace(trials, header={**trials.header, **_drawn_on("v2:" + "2" * 64)})
    write_trials(newer, tmp_path / "newer")
    with pytest.raises(DataError, match=r"drawn on the store v2:222222222, and world is v2:11"):
        read_trials(tmp_path / "newer", moved)
    turned = {name: values[::-1] for name, values in world.faces.items()}
    other = dataclasses.replace(moved, faces=turned)
    with pytest.raises(DataError, match=r"drawn on another store: they ask about person_\d+__"):
        read_trials(tmp_path, other)
    groups = tmp_path / "groups.parquet"
    groups.write_bytes(groups.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"groups.parquet was changed"):
        read_trials(tmp_path, world)
    (tmp_path / "trials.json").write_text('{"format": 99, "sha256": {}}')
    with pytest.raises(DataError, match=r"trials.json: has format 99"):
        read_trials(tmp_path, world)
    (tmp_path / "trials.json").write_text("[]")
    with pytest.raises(DataError, match="cannot be read as the header"):
        read_trials(tmp_path, world)
    with pytest.raises(DataError, match=r"is .* a folder of trials"):
        read_trials(tmp_path / "nowhere", world)


def test_a_split_without_recordings_and_settings_that_ask_nothing_are_refused(world):
    with pytest.raises(DataError, match="'val'"):
        make_trials(world, "val")
    with pytest.raises(ConfigError, match=r"rounds is 0; .* the least of sizes is 1"):
        TrialSettings(rounds=0, sizes=(1, 2))


def test_keys_are_unique_and_fit_for_file_names():
    columns = {
        "identity": ["a/b", "a/b", "a", "a", "a__1"],
        "file": ["x/1 2.wav", "y/1 2.wav", "/z/1.wav", "/w/1.flac", "1.wav"],
    }
    keys = row_keys(columns)
    assert len(set(keys)) == 5
    assert keys[0] == "a_b__1_2__1"
    assert all("/" not in key and " " not in key for key in keys)
    assert keys[4] == "a__1__1"  # nobody else takes the name that is this row's own
