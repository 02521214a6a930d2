import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from voice2face.errors import ConfigError, DataError
from voice2face.runtime.gender_evidence import GenderEvidence

DIM = 64


def unit(random: np.random.Generator) -> np.ndarray:
    vector = random.standard_normal(DIM)
    return vector / np.linalg.norm(vector)


def evidence(seed: int = 0, scale: float = 9.0, bias: float = -2.0, margin: float = 0.3):
    axis = tuple(unit(np.random.default_rng([seed, 1])).tolist())
    return GenderEvidence(axis, scale, bias, margin)


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.floats(0.1, 50), st.floats(-0.9, 0.9))
def test_probability_is_that_of_a_logistic_regression(seed, scale, share):
    about = evidence(seed, scale, share * scale)
    voice = unit(np.random.default_rng(seed))
    wanted = expit(scale * (np.array(about.axis) @ voice) + share * scale)
    assert about.probability_of_woman(voice) == pytest.approx(wanted, abs=1e-12)


def test_a_sure_voice_overflows_nowhere():
    about = evidence(scale=1e5, bias=0.0)
    axis = np.array(about.axis)
    assert about.probability_of_woman(axis) == 1.0
    assert about.probability_of_woman(-axis) == 0.0


@given(seeds, st.booleans(), st.floats(0.01, 0.5))
def test_a_moved_voice_is_of_unit_length_and_on_the_wanted_side(seed, woman, margin):
    about = evidence(seed, margin=margin)
    voice = unit(np.random.default_rng(seed)).astype(np.float32)
    moved = about.on_side(voice, woman)
    assert moved.dtype == np.float32
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-6)
    assert (about.probability_of_woman(moved) > 0.5) == woman


@given(seeds)
def test_a_voice_on_the_wanted_side_stays_as_it_is(seed):
    about = evidence(seed, margin=0.0)
    voice = unit(np.random.default_rng(seed))
    assert about.on_side(voice, about.probability_of_woman(voice) > 0.5) is voice


@given(seeds)
def test_a_moved_voice_has_the_opposite_odds_beyond_the_margin(seed):
    about = evidence(seed, scale=8.0, bias=-1.0, margin=0.0)
    voice = unit(np.random.default_rng(seed))
    before = about.probability_of_woman(voice)
    after = about.probability_of_woman(about.on_side(voice, before <= 0.5))
    assert after == pytest.approx(1 - before, abs=1e-9)


@pytest.mark.parametrize("along", [0.05, 0.2])
def test_a_doubtful_voice_is_brought_to_the_margin_and_keeps_what_is_not_gender(along):
    about = GenderEvidence((1.0, 0.0, 0.0), scale=4.0, bias=-0.4, margin=0.5)
    # Before and behind the boundary at 0.1; the rest points along (0, 3, 4).
    voice = np.array([along, *(np.array([0.6, 0.8]) * np.sqrt(1 - along**2))])
    moved = about.on_side(voice, woman=True)
    assert moved == pytest.approx([0.6, 0.48, 0.64])


def test_a_voice_on_the_axis_itself_goes_to_its_other_end():
    about = evidence()
    axis = np.array(about.axis)
    assert about.on_side(axis, woman=False) == pytest.approx(-axis)


def test_all_that_is_out_of_range_is_named():
    with pytest.raises(ConfigError, match=r"axis is of length 2.*scale is 0.*margin is -1"):
        GenderEvidence((2.0, 0.0), scale=0.0, bias=0.0, margin=-1.0)
    with pytest.raises(ConfigError, match=r"bias is 5.*less than the scale"):
        GenderEvidence((1.0, 0.0), scale=4.0, bias=5.0, margin=0.1)


def test_read_gives_what_was_written(tmp_path):
    about = evidence()
    path = tmp_path / "evidence.json"
    path.write_text(about.to_json())
    assert GenderEvidence.read(path) == about


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", json.dumps({"axis": [1.0], "scale": 1.0, "bias": 0.0, "more": 1})],
)
def test_read_names_the_file_that_holds_something_else(tmp_path, content):
    path = tmp_path / "evidence.json"
    path.write_text(content)
    with pytest.raises(
        DataError,
        match=r"evidence\.json: (is not a|cannot be read as JSON)",
    ):
        GenderEvidence.read(path)
