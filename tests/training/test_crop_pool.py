"""Augmented recordings that are made once; speakers held back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.log_mel import normalise_bands
from voice2face.audio.settings import preset
from voice2face.errors import DataError
from voice2face.training.speaker.augmented_crops import (
    UNKNOWN,
    CropPlan,
    TrainingSpeakers,
)
from voice2face.training.speaker.crop_pool import PooledBatches, balanced, make_pool
from voice2face.training.speaker.held_out import hold_out

FRONT_END = preset("wen2019")
NOISY = AugmentSettings(noise=1.0, babble=0.5)


def speakers() -> TrainingSpeakers:
    return TrainingSpeakers(("a", "b"), rows=(3, 5, 6, 9), labels=(0, 1, 0, 0))


def test_every_speaker_gets_as_many_recordings_by_turns():
    found = balanced(speakers(), 4)
    assert found.names == ("a", "b")
    assert found.rows == (3, 6, 9, 3, 5, 5, 5, 5)
    assert found.labels == (0, 0, 0, 0, 1, 1, 1, 1)
    assert balanced(speakers(), 2).rows == (3, 6, 5, 5)


def test_recordings_of_nobody_known_are_there_as_often_as_asked():
    some = TrainingSpeakers(("a",), rows=(3, 5, 6, 9), labels=(0, UNKNOWN, 0, UNKNOWN))
    found = balanced(some, 3, of_unknown=2)
    assert sorted(zip(found.rows, found.labels, strict=True)) == sorted(
        [(3, 0), (6, 0), (3, 0), (5, UNKNOWN), (5, UNKNOWN), (9, UNKNOWN), (9, UNKNOWN)]
    )
    assert balanced(some, 3).rows == (3, 6, 3)


def pool(heard, folder, seed: int = 0, augmentation: AugmentSettings = NOISY):
    of_each = balanced(TrainingSpeakers.from_store(heard), 2)
    return make_pool(folder, heard, of_each, 120, augmentation, FRONT_END, seed), of_each


def test_a_pool_is_the_same_when_made_again_and_another_for_other_settings(heard, tmp_path):
    first, _ = pool(heard, tmp_path / "one")
    second, _ = pool(heard, tmp_path / "two")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    before = first.stat().st_mtime_ns
    assert pool(heard, tmp_path / "one")[0].stat().st_mtime_ns == before
    others = {
        pool(heard, tmp_path / "one", seed=1)[0].name,
        pool(heard, tmp_path / "one", augmentation=AugmentSettings(noise=0.9))[0].name,
    }
    assert first.name not in others
    assert len(others) == 2


def test_batches_are_stretches_of_the_pool_normalised_as_the_front_end_does(heard, tmp_path):
    path, of_each = pool(heard, tmp_path)
    plan = CropPlan(of_each, 6, (60, 90), 0, slice(None))
    log_mel, labels = PooledBatches(path, plan).batch(4)
    sample, whole = plan.sample(4), np.load(path).astype(np.float32)
    assert whole.shape == (8, 120, 64)
    for index, one in enumerate(sample.chosen.tolist()):
        start = int(sample.where[index] * (120 - sample.n_frames + 1))
        wanted = normalise_bands(whole[one, start : start + sample.n_frames])
        assert log_mel[index].T.numpy() == pytest.approx(wanted, abs=1e-4)
        assert labels[index] == of_each.labels[one]
    part = PooledBatches(path, dataclasses.replace(plan, share=slice(2, 4))).batch(4)
    assert torch.equal(part[0], log_mel[2:4])
    assert torch.equal(part[1], labels[2:4])


def test_without_waveforms_the_message_says_how_to_prepare(heard, tmp_path):
    with pytest.raises(DataError, match="prepare the store with --waveforms"):
        pool(dataclasses.replace(heard, waveforms=None), tmp_path)


def test_held_out_speakers_leave_the_training_split_whole(heard):
    many = {
        "identity": [f"person {n // 2}" for n in range(2000)],
        "split": ["test" if n % 10 < 2 else "train" for n in range(2000)],
        "data_set": 1000 * ["table", "other"],
    }
    store = dataclasses.replace(heard, voices=many)
    held = hold_out(store, 20).voices["split"]
    moved = [n for n in range(2000) if held[n] != many["split"][n]]
    assert {many["split"][n] for n in moved} == {"train"}
    assert {held[n] for n in moved} == {"val"}
    # 800 people: 160 expected, deviation 11.
    assert 120 < len(moved) / 2 < 200
    of_person = {}
    for name, split in zip(many["identity"], held, strict=True):
        assert of_person.setdefault(name, split) == split
    assert hold_out(store, 0) is store
    # Who speaks in a set without labels is not known, so that none of it can be held out.
    told = zip(hold_out(store, 20, ["other"]).voices["split"], many["data_set"], strict=True)
    assert {data_set for split, data_set in told if split == "val"} == {"table"}
