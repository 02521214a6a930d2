"""Identity by seconds heard, of a system that knows a voice after five."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.evaluation.worlds import PixelJudge, constant_face, true_face

from voice2face.audio.log_mel import normalise_bands
from voice2face.evaluation.duration_section import cropped_store
from voice2face.evaluation.evaluate import EvaluationConfig, Judges, evaluate
from voice2face.evaluation.interfaces import Contenders
from voice2face.evaluation.trials import TrialSettings
from voice2face.reporting.evaluation_page import result_page

N_MELS = 4


@pytest.fixture(scope="module")
def heard(world):
    """Recordings of 3 s for one person in seven, of 12 s for the others."""
    people = sorted(set(world.voices["identity"]))
    short = set(people[::7])
    frames = [300 if one in short else 1200 for one in world.voices["identity"]]
    start = np.append(0, np.cumsum(frames)[:-1]).tolist()
    log_mels = np.random.default_rng(0).normal(2, 3, (sum(frames), N_MELS)).astype(np.float32)
    voices = {**world.voices, "start": start, "frames": frames}
    return dataclasses.replace(world, voices=voices, log_mels=log_mels)


class AfterFiveSeconds:
    """Draws the speaker after five seconds, and one face before."""

    name = "after five seconds"

    def generate(self, store, voice_rows, samples, seed):
        faces = [
            (true_face if store.voices["frames"][row] >= 500 else constant_face)(
                store, store.voices["identity"][row], int(row)
            )
            for row in voice_rows
        ]
        return np.repeat(np.stack(faces)[:, None], samples, axis=1)


def test_a_crop_is_what_a_recording_of_that_length_would_be(heard):
    """Normalised over the crop, bands do not tell how those of the whole were scaled."""
    rows = np.array([1, 5])
    cropped = cropped_store(heard, rows, 200)
    for row in rows:
        start, frames = cropped.voices["start"][row], cropped.voices["frames"][row]
        found = cropped.log_mels[start : start + frames]
        first = heard.voices["start"][row] + (heard.voices["frames"][row] - 200) // 2
        raw = heard.log_mels[first : first + 200] * [2, 0.5, 1, 3] + [1, 0, 4, -2]
        np.testing.assert_allclose(found, normalise_bands(raw.astype(np.float32)), atol=1e-4)
    assert heard.voices["frames"][1] != 200  # the store itself is as it was


def test_what_is_known_after_five_seconds_is_not_known_before(heard):
    result = evaluate(
        Contenders([AfterFiveSeconds()]),
        heard,
        "test",
        Judges(recognisers=[PixelJudge(heard)]),
        config=EvaluationConfig(settings=TrialSettings(rounds=20)),
    )
    section = result["duration"]["pixels"]
    told = {f["name"]: f for f in section["contenders"]["after five seconds"]["figures"]}
    for stratum in ("none", "gender"):
        for size in (2, 10):
            for seconds in (1, 2):
                figure = told[f"duration/{stratum}/1:{size}/{seconds} s"]
                assert figure["value"] == pytest.approx(100 / size, abs=1e-3)
                assert figure["chance"] == pytest.approx(100 / size)
        for seconds in (5, 10):
            assert told[f"duration/{stratum}/1:2/{seconds} s"]["value"] > 97
    assert section["lacking"] == [20]
    people = {name: f["n_identities"] for name, f in told.items()}
    assert people["duration/none/1:2/10 s"] <= people["duration/none/1:2/1 s"]
    page = result_page(result)
    assert "by seconds of speech used" in page
    assert "No trial has recordings of 20 s." in page


def test_a_store_that_tells_no_lengths_is_not_asked(world):
    judge = Judges(recognisers=[PixelJudge(world)])
    config = EvaluationConfig(settings=TrialSettings(rounds=2))
    result = evaluate(Contenders([AfterFive()]), world, "test", judge, config)
    assert result["duration"]["pixels"]["lacking"] == [1, 2, 5, 10, 20]


class AfterFive:
    """One face."""

    name = "one face"

    def generate(self, store, voice_rows, samples, seed):
        faces = np.stack([constant_face(store, "", 0) for _ in voice_rows])
        return np.repeat(faces[:, None], samples, axis=1)
