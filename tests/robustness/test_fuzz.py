"""A share of `benchmarks/fuzz.py`; the whole is in `docs/reliability.md`."""

from __future__ import annotations

import random

import pytest
from benchmarks.fuzz_cases import KINDS, SEEDS, attempt, mutate, recording

N_CASES = {"recordings": 250, "models": 150, "networks": 60, "stores": 120, "settings": 200}


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_inputs_are_used_or_refused_in_one_line(kind, tmp_path):
    told = []
    for number in range(N_CASES[kind]):
        (folder := tmp_path / str(number)).mkdir()
        told.append(attempt(kind, number, folder))
    # The mutations are neither too mild to find anything nor so wild that nothing is read.
    n_used = told.count("used")
    assert 0.02 < n_used / len(told) < 0.98
    assert len(set(told)) > 10


def test_what_is_mutated_is_right_before(tmp_path):
    for index, (suffix, *_) in enumerate(SEEDS):
        (tmp_path / f"{index}.{suffix}").write_bytes(recording(index))
    from voice2face.audio.settings import preset
    from voice2face.runtime.reading import read_features

    for path in tmp_path.iterdir():
        assert read_features(path, preset("wen2019")).speech_s > 1, path.name


def test_the_same_number_is_the_same_case():
    content = recording(0)
    one, other = (mutate(content, random.Random("recordings 7")) for _ in range(2))
    assert one == other != content
