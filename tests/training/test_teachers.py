"""What the student is to answer, and what a stage with a teacher and genders leaves behind."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.variants import VariantSettings
from voice2face.errors import ConfigError, DataError, MissingDependencyError
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.engine import Engine
from voice2face.training.presets import TrainSettings
from voice2face.training.speaker import stage as speaker
from voice2face.training.speaker import teachers
from voice2face.training.speaker.augmented_crops import UNKNOWN, TrainingSpeakers
from voice2face.training.speaker.identifier import Identifier
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.targets import Targets
from voice2face.training.speaker.teachers import principal_directions, teacher_targets
from voice2face.training.speaker.variants import with_variants


class Loudness:
    """A teacher in NumPy: the level of each of 32 stretches of a recording."""

    heard = 0

    def embed_many(self, waveforms):
        Loudness.heard += len(waveforms)
        levels = [
            [np.abs(part.astype(np.float32)).mean() + 1 for part in np.array_split(one, 32)]
            for one in waveforms
        ]
        found = np.log(np.array(levels, np.float32))
        return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def loudness(monkeypatch):
    monkeypatch.setitem(teachers.TEACHERS, "loudness", Loudness)
    monkeypatch.setattr(Loudness, "heard", 0)
    return "loudness"


def test_directions_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((40, 10)) @ np.diag(np.arange(10, 0, -1.0))
    mean, directions = principal_directions(torch.from_numpy(embeddings), 4)
    theirs = PCA(4).fit(embeddings)
    assert mean.numpy() == pytest.approx(theirs.mean_)
    products = (directions.T.numpy() * theirs.components_).sum(axis=1)
    assert np.abs(products) == pytest.approx(np.ones(4))
    assert all(one[one.abs().argmax()] > 0 for one in directions.T)


def test_where_there_are_fewer_directions_the_rest_are_zeros():
    embeddings = torch.randn(5, 10, generator=torch.Generator().manual_seed(0))
    _, directions = principal_directions(embeddings, 8)
    assert directions.shape == (10, 8)
    assert not directions[:, 5:].any()


def test_each_recording_is_heard_once_and_told_in_the_order_asked(heard, tmp_path, loudness):
    rows = [4, 2, 7, 2]
    targets = teacher_targets(tmp_path, heard, rows, loudness, 2)
    assert Loudness.heard == 3
    assert torch.equal(targets[1], targets[3])
    assert targets.norm(dim=1).tolist() == pytest.approx([1] * 4)
    alone = Loudness().embed_many([heard.waveform(row)[:128000] for row in (2, 4, 7)])
    theirs = PCA(2).fit_transform(alone)
    cosines = theirs @ theirs.T / np.outer(*[np.linalg.norm(theirs, axis=1)] * 2)
    ours = targets[torch.tensor([1, 0, 2])]
    assert (ours @ ours.T).numpy() == pytest.approx(cosines, abs=1e-4)
    Loudness.heard = 0
    assert torch.equal(teacher_targets(tmp_path, heard, rows, loudness, 2), targets)
    assert Loudness.heard == 0


def test_an_unknown_teacher_and_a_store_without_waveforms_are_told(heard, tmp_path, loudness):
    with pytest.raises(ConfigError, match="resemblyzer"):
        teacher_targets(tmp_path, heard, [0], "resemblizer", 2)
    with pytest.raises(DataError, match="prepare the store with --waveforms"):
        teacher_targets(tmp_path, dataclasses.replace(heard, waveforms=None), [0], loudness, 2)


def test_without_its_package_the_message_says_what_to_install(heard, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "resemblyzer", raising=False)
    with pytest.raises(MissingDependencyError, match="pip install --no-deps Resemblyzer"):
        teacher_targets(tmp_path, heard, [0], "resemblyzer", 2)


def settings(**stage) -> TrainSettings:
    encoder = VoiceEncoderConfig(channels=(16, 16, 16, 16), embedding_dim=8)
    defaults = {"encoder": encoder, "steps": 6, "batch_size": 6, "crop_frames": (60, 90),
                "augmented_each": 2, "teacher": "loudness", "gender_weight": 1.0,
                "augment": AugmentSettings(noise=0.5), "steps_per_epoch": 3}  # fmt: skip
    return TrainSettings(name="test", speaker=SpeakerSettings(**{**defaults, **stage}))


@pytest.fixture
def both(heard):
    women = {"table/spk01", "table/spk02", "table/spk05"}
    gender = ["female" if name in women else "male" for name in heard.voices["identity"]]
    gender[0] = None
    return dataclasses.replace(heard, voices={**heard.voices, "gender": gender})


def test_resumed_with_a_teacher_it_ends_with_the_same_weights(
    both, tmp_path, monkeypatch, loudness
):
    monkeypatch.setattr(speaker, "_CHECKPOINT_STEPS", 1)
    monkeypatch.setattr(speaker, "_LOG_STEPS", 1)
    speaker.train_speaker(both, settings(), tmp_path / "straight", Engine())
    real, seen = speaker.speaker_step, [0]

    def stopped(*arguments):
        seen[0] += 1
        if seen[0] > 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(speaker, "speaker_step", stopped)
        speaker.train_speaker(both, settings(), tmp_path / "other", Engine())
    trained = speaker.train_speaker(both, settings(), tmp_path / "other", Engine())
    assert trained.choice.endswith(
        "trained with the teacher loudness, which must not judge this model"
    )
    straight, resumed = (
        load_file(tmp_path / run / "speaker.safetensors") for run in ("straight", "other")
    )
    assert {"gender/weight", "gender/bias", "head/weight"} <= straight.keys()
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[key], resumed[key]) for key in straight)
    first, second = (
        GenderEvidence.read(tmp_path / run / "gender_evidence.json")
        for run in ("straight", "other")
    )
    assert first == second
    assert len(first.axis) == 8


def test_it_comes_near_to_the_teacher_and_tells_gender(both, tmp_path, loudness):
    """Speakers count nothing here, so that only the teacher and the labels of gender teach."""
    long = settings(speaker_weight=0.0, steps=240, steps_per_epoch=240, learning_rate=5e-3)
    speaker.train_speaker(both, long, tmp_path, Engine())
    lines = [json.loads(line) for line in (tmp_path / "speaker.jsonl").read_text().splitlines()]
    told = [line for line in lines if "speaker/teacher_cosine" in line]
    assert told[-1]["speaker/teacher_cosine"] > 0.6
    assert told[-1]["speaker/teacher_cosine"] > told[0]["speaker/teacher_cosine"] + 0.2
    assert told[-1]["speaker/gender_loss"] < 0.3 < told[0]["speaker/gender_loss"]


def test_what_a_variant_or_a_recording_without_labels_is_taught(both, tmp_path, loudness):
    varied = with_variants(both, VariantSettings(each=1), "train")
    speakers = TrainingSpeakers.from_store(varied)
    found = Targets.from_store(varied, speakers, settings().speaker, tmp_path)
    gender = varied.voices["gender"]
    assert found.teacher is not None and found.woman is not None
    for index, row in enumerate(speakers.rows):
        if varied.numbers[row]:
            assert torch.equal(found.teacher[index], found.teacher[index - varied.numbers[row]])
        if gender[row]:
            assert found.woman[index] == (gender[row] == "female")
    untold = torch.tensor([gender[row] is None for row in speakers.rows])
    assert untold.any()
    known, target = found.teacher[~untold].numpy(), found.woman[~untold].numpy() == 1
    theirs = LogisticRegression(C=100, class_weight="balanced", tol=1e-10, max_iter=10_000)
    wanted = theirs.fit(known, target).predict_proba(found.teacher[untold].numpy())[:, 1]
    assert found.woman[untold].numpy() == pytest.approx(wanted, abs=1e-4)


def test_who_speaks_counts_only_where_it_is_known():
    stage = settings(teacher="", gender_weight=0.0).speaker
    torch.manual_seed(0)
    network = Identifier(stage, 3)
    log_mel, labels = torch.randn(4, 64, 70), torch.tensor([0, 2, UNKNOWN, UNKNOWN])
    network.eval()
    loss, told = network(log_mel, labels)
    alone, of_known = network(log_mel[:2], labels[:2])
    assert loss.item() == pytest.approx(alone.item(), rel=1e-5)
    assert told["accuracy"] == of_known["accuracy"]


def test_a_run_with_variants_and_sets_without_labels_leaves_evidence(both, tmp_path, loudness):
    some = settings(variants=VariantSettings(each=1), unlabelled=("other",), held_out_percent=30)
    sets = list(both.voices["data_set"])
    of_train = [row for row, split in enumerate(both.voices["split"]) if split == "train"]
    for row in of_train[-2:]:
        sets[row] = "other"
    store = dataclasses.replace(both, voices={**both.voices, "data_set": sets})
    speaker.train_speaker(store, some, tmp_path, Engine())
    assert len(GenderEvidence.read(tmp_path / "gender_evidence.json").axis) == 8


def test_the_encoder_is_chosen_by_speakers_and_gender_together(both, tmp_path, loudness):
    many = settings(steps=8, steps_per_epoch=2, learning_rate=1e-2)
    trained = speaker.train_speaker(both, many, tmp_path, Engine())
    lines = [json.loads(line) for line in (tmp_path / "speaker.jsonl").read_text().splitlines()]
    scores = {
        line["step"]: line["verification/clean_eer"] + line["gender/held_out_loss"]
        for line in lines
        if "gender/held_out_loss" in line
    }
    assert sorted(scores) == [2, 4, 6, 8]
    best = max(step for step, score in scores.items() if score == min(scores.values()))
    assert f"step {best} " in trained.choice
    assert "log loss of gender" in trained.choice
