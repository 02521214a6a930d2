"""The detector of speech that ships hears speech, and some of what is none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from voice2face.audio.front_end import extract
from voice2face.audio.settings import FrontEnd
from voice2face.records import Recording
from voice2face.runtime.reading import read_features
from voice2face.runtime.shipped_detector import shipped_detector
from voice2face.synthetic.sounds import measuring_sound

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "speech_detector.json"


@pytest.fixture(scope="module")
def logit():
    path, decision = shipped_detector(FrontEnd())
    assert path is not None and decision is not None
    assert path.stat().st_size <= 300_000
    session = onnxruntime.InferenceSession(path)

    def above(log_mel: np.ndarray) -> float:
        (found,) = session.run(None, {"log_mel": log_mel.T[None].astype(np.float32)})
        return float(np.asarray(found)[0]) - decision.threshold

    return above


def test_a_person_speaking_is_heard(logit, example):
    assert logit(read_features(str(example), FrontEnd()).log_mel) > 0


def test_noise_and_tones_are_no_speech(logit):
    refused = 0
    kinds = ("white noise", "pink noise", "musical tones")
    for kind in kinds:
        waveform = measuring_sound(kind, 4.0, seed=3)
        log_mel = extract(Recording(kind, waveform, 16000), FrontEnd()).log_mel
        refused += logit(log_mel) < 0
    assert refused == len(kinds)


def test_it_belongs_to_one_front_end():
    assert shipped_detector(dataclasses.replace(FrontEnd(), n_mels=40)) == (None, None)


def test_its_error_rates_are_those_of_its_benchmark():
    _, decision = shipped_detector(FrontEnd())
    assert decision is not None
    measured = json.loads(RESULT.read_text())["sets"]
    assert decision.false_refusal == measured["all speech as recorded"]["after"]
    assert decision.false_acceptance == measured["all other sounds"]["after"]
