"""A store with variants of its recordings: rows beside theirs, made once and kept in parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from voice2face.audio.variants import VariantSettings
from voice2face.errors import DataError
from voice2face.training.speaker import variants
from voice2face.training.speaker.variants import original_recordings, with_variants

TWO = VariantSettings(each=2)


@pytest.fixture
def varied(heard):
    return with_variants(heard, TWO, "train")


def test_each_recording_of_the_split_is_followed_by_its_variants(heard, varied):
    trained = []
    for row, split in enumerate(heard.voices["split"]):
        of_speaker = [heard.voices["identity"][one] for one in trained]
        if split == "train" and of_speaker.count(heard.voices["identity"][row]) < 3:
            trained.append(row)
    of = np.array(varied.originals)
    assert len(of) == len(heard.voices["identity"]) + 2 * len(trained)
    for row in range(len(heard.voices["identity"])):
        rows = np.flatnonzero(of == row).tolist()
        assert rows == list(range(rows[0], rows[0] + len(rows)))
        assert [varied.numbers[one] for one in rows] == ([0, 1, 2] if row in trained else [0])
        assert {varied.voices["identity"][one] for one in rows} == {heard.voices["identity"][row]}
        assert np.array_equal(varied.waveform(rows[0]), heard.waveform(row))
        for one in rows[1:]:
            assert not np.array_equal(varied.waveform(one), heard.waveform(row))
        assert np.array_equal(varied.log_mel(rows[-1]), heard.log_mel(row))


def test_a_variant_is_taught_as_its_recording(heard, varied):
    base, rows = original_recordings(varied, [2, 1, 0])
    assert base is heard
    assert rows == [varied.originals[2], varied.originals[1], varied.originals[0]]
    assert original_recordings(heard, [2, 1]) == (heard, [2, 1])


def test_they_are_made_once_and_a_part_that_is_missing_is_made_again(heard, varied, monkeypatch):
    parts = sorted({path for path in varied.parts if path})
    before = {path: path.read_bytes() for path in parts}
    parts[0].unlink()
    made = []
    real = variants.variants_of
    monkeypatch.setattr(variants, "variants_of", lambda *given: made.append(1) or real(*given))
    again = with_variants(heard, TWO, "train")
    assert {path: path.read_bytes() for path in parts} == before
    assert 0 < len(made) <= variants._TOGETHER
    made.clear()
    assert with_variants(heard, TWO, "train").parts == again.parts
    assert not made


def test_other_settings_are_other_variants_and_another_content(heard, varied):
    other = with_variants(heard, dataclasses.replace(TWO, seed=1), "train")
    assert other.card["content_sha256"] != varied.card["content_sha256"]
    assert not np.array_equal(other.waveform(1), varied.waveform(1))


def test_none_asked_for_leaves_the_store_as_it_is(heard):
    same = with_variants(heard, VariantSettings(), "train")
    assert same.voices == heard.voices
    assert same.card == heard.card
    silent = dataclasses.replace(heard, waveforms=None)
    assert with_variants(silent, VariantSettings(), "train").voices == heard.voices
    with pytest.raises(DataError, match="--waveforms"):
        with_variants(silent, TWO, "train")


def test_variants_alone_leave_the_recordings_out(varied):
    alone = varied.variants_alone("train")
    kept = [row for row, split in enumerate(alone.voices["split"]) if split == "train"]
    assert kept
    assert all(alone.numbers[row] for row in kept)
