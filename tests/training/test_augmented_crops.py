"""Batches of the speaker stage depend on seed and step alone, and are what the front end gives."""

from __future__ import annotations

import dataclasses
from contextlib import closing

import numpy as np
import pytest
import torch

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.errors import DataError
from voice2face.records import Recording
from voice2face.training.crops import VoiceCrops, crop_length, random_source, sample_indices
from voice2face.training.speaker.augmented_crops import (
    AugmentedBatches,
    CropPlan,
    StoredBatches,
    TrainingSpeakers,
    augmented_crop,
    other_speakers,
)

FRONT_END = preset("wen2019")
ALL = AugmentSettings(
    noise=0.5, babble=0.5, reverberation=0.5, telephone=0.5, disfluency=0.5, speed=0.5
)


def plan(store, seed: int = 7, share: slice = slice(None)) -> CropPlan:
    return CropPlan(TrainingSpeakers.from_store(store), 6, (80, 120), seed, share)


def batches(store, threads: int = 2, augmentation=ALL, **of_plan) -> closing[AugmentedBatches]:
    return closing(
        AugmentedBatches(store, plan(store, **of_plan), augmentation, FRONT_END, threads)
    )


def test_only_the_training_split_is_learned_from(heard):
    speakers = TrainingSpeakers.from_store(heard)
    assert speakers.names == tuple(f"table/spk{n:02d}" for n in range(1, 5))
    assert [heard.voices["identity"][row] for row in speakers.rows] == [
        speakers.names[label] for label in speakers.labels
    ]
    assert {heard.voices["split"][row] for row in speakers.rows} == {"train"}


def test_threads_and_order_change_nothing(heard):
    with batches(heard, threads=1) as one, batches(heard, threads=3) as three:
        straight = [one.batch(step) for step in range(4)]
        for step in (2, 3, 0, 3, 1):
            log_mel, labels = three.batch(step)
            assert torch.equal(log_mel, straight[step][0])
            assert torch.equal(labels, straight[step][1])
    lengths = {log_mel.shape[2] for log_mel, _ in straight}
    assert len(lengths) > 1
    assert all(80 <= length <= 120 for length in lengths)
    assert all(log_mel.shape[:2] == (6, 64) for log_mel, _ in straight)
    with batches(heard, seed=8) as other:
        assert not torch.equal(other.batch(0)[1], straight[0][1]) or not torch.equal(
            other.batch(0)[0], straight[0][0]
        )


def test_both_kinds_of_batches_are_of_the_same_recordings(heard):
    speakers = TrainingSpeakers.from_store(heard)
    stored = StoredBatches(heard, plan(heard))
    with batches(heard) as augmented:
        for step in range(3):
            plain, labels = stored.batch(step)
            worse, same_labels = augmented.batch(step)
            assert torch.equal(labels, same_labels)
            assert plain.shape == worse.shape
    random = random_source(7, "speaker", 2)
    chosen = torch.tensor(speakers.rows)[sample_indices(len(speakers.rows), 6, random)]
    length = crop_length((80, 120), 7, "speaker", 2)
    where = torch.rand(6, generator=random)
    assert torch.equal(plain, VoiceCrops(heard).crop(chosen, length, where))


@pytest.mark.parametrize("augmented", [False, True])
def test_processes_share_the_batch_of_one(heard, augmented):
    def batch(share: slice):
        if not augmented:
            return StoredBatches(heard, plan(heard, share=share)).batch(1)
        with batches(heard, share=share) as made:
            return made.batch(1)

    whole, *halves = (batch(share) for share in (slice(0, 6), slice(0, 3), slice(3, 6)))
    for part, first, second in zip(whole, *halves, strict=True):
        assert torch.equal(part, torch.cat([first, second]))
    names = plan(heard).people(1)
    assert [plan(heard).speakers.names[label] for label in whole[1]] == names


def test_a_crop_is_what_the_front_end_hears_of_a_stretch(heard):
    """Nothing switched on, and a recording shorter than the crop: its whole, cyclically."""
    row = heard.voices["identity"].index("table/spk02")
    bands = extract(Recording("", heard.waveform(row), 16000), FRONT_END).log_mel
    n_frames = 2 * len(bands) + 5
    random = np.random.default_rng(0)
    crop = augmented_crop(heard, row, n_frames, AugmentSettings(), [row], FRONT_END, random)
    shifts = [np.roll(bands, -shift, axis=0) for shift in range(len(bands))]
    assert any(np.array_equal(np.resize(shifted, crop.shape), crop) for shifted in shifts)
    # A long one: a stretch of it, from its own waveform, of unit variance before it is cut.
    row = heard.voices["samples"].index(max(heard.voices["samples"]))
    crops = [
        augmented_crop(
            heard, row, 100, AugmentSettings(), [row], FRONT_END, np.random.default_rng(seed)
        )
        for seed in (0, 1)
    ]
    assert all(crop.shape == (100, 64) and crop.dtype == np.float32 for crop in crops)
    assert not np.allclose(*crops)
    assert 0.7 < np.std(crops[0]) < 1.3


def test_where_no_speech_is_left_the_stored_spectrogram_is_taken(heard):
    """The waveforms are silenced: every crop falls back, and always to the same frames."""
    silent = dataclasses.replace(heard, waveforms=np.zeros_like(heard.waveforms))
    row = heard.voices["identity"].index("table/spk01")
    start, frames = heard.voices["start"][row], heard.voices["frames"][row]
    stored = heard.log_mels[start : start + frames]
    crop, again = (
        augmented_crop(silent, row, 40, ALL, [row], FRONT_END, np.random.default_rng(5))
        for _ in range(2)
    )
    np.testing.assert_array_equal(crop, again)
    assert any(np.array_equal(stored[first : first + 40], crop) for first in range(frames - 40 + 1))


def test_babble_is_never_of_the_speaker(heard):
    rows = range(len(heard.voices["identity"]))
    own = [row for row in rows if heard.voices["identity"][row] == "table/spk01"]
    for seed in range(5):
        others = other_speakers(heard, rows, own[0], 4, np.random.default_rng(seed))
        assert 0 < len(others) <= 4
        for other in others:
            assert not any(np.array_equal(other, heard.waveform(row)) for row in own)
    assert other_speakers(heard, own, own[0], 4, np.random.default_rng(0)) == []


def test_a_store_without_waveforms_is_refused(heard):
    with pytest.raises(DataError, match="augmentation needs; prepare the store with --waveforms"):
        batches(dataclasses.replace(heard, waveforms=None))
