"""When a second voice is heard is calibrated on speakers held back, each of whom speaks alone."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.audio.variants import VariantSettings
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.records import Recording
from voice2face.runtime.voices import HOP_FRAMES, LEAST_FRAMES, WINDOW_FRAMES, cluster
from voice2face.training.engine import Engine
from voice2face.training.presets import TrainSettings
from voice2face.training.speaker import stage as speaker
from voice2face.training.speaker import two_voices_fit
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.two_voices_fit import lone_speakers, threshold_of

FRONT_END = preset("modern")


def settings(**stage) -> TrainSettings:
    encoder = VoiceEncoderConfig(channels=(16, 16, 16, 16), embedding_dim=8)
    defaults = {"encoder": encoder, "steps": 2, "batch_size": 4, "crop_frames": (60, 90)}
    return TrainSettings(name="test", speaker=SpeakerSettings(**{**defaults, **stage}))


@pytest.fixture
def lone(heard):
    """Three held-out speakers: of one recording, of seven, and of three that are too short."""
    names = heard.voices["identity"]
    first, second = sorted({name for name in names if "spk" not in name})
    whose = {first: "one", second: "seven", "table/spk05": "seven", "table/spk06": "seven"}
    whose |= {"table/spk04": "short"}
    voices = {**heard.voices, "identity": [whose.get(name, name) for name in names]}
    voices["split"] = [
        "val" if name == "short" else split
        for name, split in zip(voices["identity"], voices["split"], strict=True)
    ]
    return dataclasses.replace(heard, voices=voices)


def test_of_each_kind_of_recording_two_in_a_hundred_may_be_wrong():
    """By hand: of 100, two lie below .317; of 40 none may, and the lowest is .2549."""
    many = np.array([0.101, 0.205, 0.317, *np.linspace(0.4, 1, 97)])
    few = np.array([0.2549, *np.linspace(0.3, 1, 39)])
    assert threshold_of([many]) == 0.31
    assert threshold_of([many[::-1], few]) == 0.25
    assert threshold_of([few, np.array([])]) is None
    assert threshold_of([few, np.full(10, 0.9)]) == 0.25


def test_all_that_a_speaker_says_is_one_recording(lone):
    """Joined by hand; the pauses go before, as at each recording's own border."""
    rows = [row for row, name in enumerate(lone.voices["identity"]) if name == "seven"]
    assert len(rows) == 7
    found = lone_speakers(lone, "val", settings().speaker, FRONT_END)
    assert list(found) == ["as recorded"]
    alone = [extract(Recording("a", lone.waveform(row), 16000), FRONT_END).log_mel for row in rows]
    n_frames = sum(map(len, alone))
    assert n_frames >= LEAST_FRAMES + 7
    bands = found["as recorded"]["seven"]
    assert abs(len(bands) - n_frames) <= 7
    assert bands.mean(axis=0) == pytest.approx(np.zeros(64), abs=1e-4)
    # Up to their normalisation, the frames are those of the recordings.
    own = bands[: len(alone[0]) - 3]
    for mel in (5, 30, 60):
        assert np.corrcoef(own[:, mel], alone[0][: len(own), mel])[0, 1] > 0.99
    unlabelled = SpeakerSettings(unlabelled=("table",))
    assert lone_speakers(lone, "val", unlabelled, FRONT_END) == {"as recorded": {}}


def test_who_says_too_little_is_left_out_and_variants_are_kinds_of_their_own(lone):
    stage = SpeakerSettings(variants=VariantSettings(each=1))
    found = lone_speakers(lone, "val", stage, FRONT_END)
    plain, like, beyond = found.values()
    assert list(found)[1:] == ["with variants like training", "with variants beyond"]
    assert set(plain) == set(like) == {"one", "seven"}
    # One variant of a stretch of five seconds; three of them.
    assert len(plain["one"]) + 150 < len(like["one"]) < len(plain["one"]) + 700
    assert len(like["one"]) + 150 < len(beyond["one"]) < len(plain["one"]) + 2000


def test_the_stage_leaves_the_threshold_and_keeps_one_that_is_there(lone, tmp_path, monkeypatch):
    file = tmp_path / "two_voices.json"
    trained = speaker.train_speaker(lone, settings(), tmp_path, Engine())
    # Three held-out speakers are too few to tell.
    assert json.loads(file.read_text()) == {"threshold": None}
    monkeypatch.setattr(two_voices_fit, "_LEAST_RECORDINGS", 2)
    speaker.train_speaker(lone, settings(), tmp_path, Engine())
    assert json.loads(file.read_text()) == {"threshold": None}
    file.unlink()
    speaker.train_speaker(lone, settings(), tmp_path, Engine())
    cosines = []
    for bands in lone_speakers(lone, "val", settings().speaker, preset("wen2019"))[
        "as recorded"
    ].values():
        starts = range(0, len(bands) - WINDOW_FRAMES + 1, HOP_FRAMES)
        cut = [bands[start : start + WINDOW_FRAMES] for start in starts]
        cut = [(one - one.mean(axis=0)) / one.std(axis=0) for one in cut]
        embeddings = embedded(trained.network, cut, 0)
        labels = cluster(embeddings, 2)
        first, second = (embeddings[labels == one].sum(axis=0) for one in range(2))
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        cosines.append(cosine if labels.mean() >= 0.12 else 1.0)
    found = json.loads(file.read_text())["threshold"]
    assert len(cosines) == 2
    assert found <= min(cosines) < found + 0.01 + 1e-4


def test_without_waveforms_it_is_not_told(lone, tmp_path, monkeypatch):
    monkeypatch.setattr(two_voices_fit, "_LEAST_RECORDINGS", 2)
    plain = dataclasses.replace(lone, waveforms=None)
    speaker.train_speaker(plain, settings(), tmp_path, Engine())
    assert json.loads((tmp_path / "two_voices.json").read_text()) == {"threshold": None}
