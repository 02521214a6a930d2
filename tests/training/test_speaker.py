"""The speaker stage learns, goes on exactly where it was stopped, and verifies after epochs."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from voice2face.audio.augment import AugmentSettings
from voice2face.errors import ConfigError, DataError
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.training.engine import Engine
from voice2face.training.presets import TrainSettings
from voice2face.training.speaker import stage as speaker
from voice2face.training.speaker.augmented_crops import (
    AugmentedBatches,
    CropPlan,
    StoredBatches,
    TrainingSpeakers,
)
from voice2face.training.speaker.settings import SpeakerSettings

WHEN = ("time", "throughput/steps_per_s")
AUGMENTED = AugmentSettings(noise=0.5, babble=0.5, disfluency=0.5)


def settings(**stage) -> TrainSettings:
    encoder = VoiceEncoderConfig(channels=(16, 16, 16, 16), pooling="attentive")
    defaults = {"encoder": encoder, "steps": 6, "batch_size": 6, "crop_frames": (60, 90),
                "loss": "aam", "augment": AUGMENTED}  # fmt: skip
    return TrainSettings(name="test", speaker=SpeakerSettings(**{**defaults, **stage}))


def logged(run) -> list[dict]:
    return [json.loads(line) for line in (run / "speaker.jsonl").read_text().splitlines()]


def test_resumed_with_augmentation_it_ends_with_the_same_weights(heard, tmp_path, monkeypatch):
    monkeypatch.setattr(speaker, "_CHECKPOINT_STEPS", 1)
    monkeypatch.setattr(speaker, "_LOG_STEPS", 1)
    speaker.train_speaker(heard, settings(), tmp_path / "straight", Engine())
    real, seen = speaker.speaker_step, [0]

    def stopped(*arguments):
        seen[0] += 1
        if seen[0] > 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(speaker, "speaker_step", stopped)
        speaker.train_speaker(heard, settings(), tmp_path / "other", Engine())
    assert seen == [4]
    encoder = speaker.train_speaker(heard, settings(), tmp_path / "other", Engine()).network
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())
    straight, resumed = (
        load_file(tmp_path / run / "speaker.safetensors") for run in ("straight", "other")
    )
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[key], resumed[key]) for key in straight)
    without_time = [
        [{k: v for k, v in line.items() if k not in WHEN} for line in logged(tmp_path / run)]
        for run in ("straight", "other")
    ]
    assert without_time[0] == without_time[1]


def test_trials_are_scored_after_each_epoch_and_at_the_end(heard, tmp_path):
    """Twelve recordings in batches of six: an epoch of two steps."""
    speaker.train_speaker(heard, settings(steps=5), tmp_path, Engine())
    lines = [line for line in logged(tmp_path) if "verification/clean_eer" in line]
    assert [line["step"] for line in lines] == [2, 4, 5]
    names = {f"verification/{condition}_{measure}"
             for condition in ("clean", "noisy", "disfluent")
             for measure in ("eer", "min_dcf")}  # fmt: skip
    assert all(names <= set(line) for line in lines)
    speakers = TrainingSpeakers.from_store(heard)
    assert speaker.steps_per_epoch(settings().speaker, speakers) == 2
    assert speaker.steps_per_epoch(settings(batch_size=5).speaker, speakers) == 3
    assert speaker.steps_per_epoch(settings(steps_per_epoch=70).speaker, speakers) == 70


def test_without_speakers_to_verify_it_says_so_once_and_trains(heard, tmp_path, capsys):
    everyone = {**heard.voices, "split": ["train"] * len(heard.voices["split"])}
    store = dataclasses.replace(heard, voices=everyone)
    speaker.train_speaker(store, settings(steps=3, augment=AugmentSettings()), tmp_path, Engine())
    said = capsys.readouterr()
    assert (said.out + said.err).count("verification is left out") == 1
    assert not any("verification" in name for line in logged(tmp_path) for name in line)


@pytest.mark.parametrize("loss", ["softmax", "aam"])
def test_it_learns_four_speakers(loss, heard, tmp_path):
    plain = settings(
        loss=loss,
        steps=80,
        batch_size=12,
        augment=AugmentSettings(),
        learning_rate=5e-3,
        steps_per_epoch=80,
        encoder=VoiceEncoderConfig(channels=(16, 16, 16, 16)),
    )
    speaker.train_speaker(heard, plain, tmp_path, Engine())
    last = [line for line in logged(tmp_path) if "speaker/accuracy" in line][-1]
    assert last["speaker/accuracy"] > 0.6, last  # chance is 0.25


def test_in_bf16_weights_stay_float32_and_the_loss_is_nearly_that_of_float32(heard, tmp_path):
    few = settings(steps=2, augment=AugmentSettings())
    losses = {}
    for precision in ("32", "bf16"):
        run = tmp_path / precision
        speaker.train_speaker(heard, few, run, Engine(precision, accelerator="cpu"))
        losses[precision] = logged(run)[0]["speaker/loss"]
        kept = load_file(run / "speaker.safetensors")
        assert all(value.dtype != torch.bfloat16 for value in kept.values())
    assert losses["bf16"] == pytest.approx(losses["32"], rel=0.02)
    assert losses["bf16"] != losses["32"]


def test_the_batches_are_as_the_settings_ask(heard, tmp_path):
    plan = CropPlan(TrainingSpeakers.from_store(heard), 6, (60, 90), 0, slice(None))
    with speaker.speaker_batches(heard, plan, settings(), tmp_path) as batches:
        assert isinstance(batches, AugmentedBatches)
    plain = settings(augment=AugmentSettings())
    without = dataclasses.replace(heard, waveforms=None)
    for store in (heard, without):
        with speaker.speaker_batches(store, plan, plain, tmp_path) as batches:
            assert isinstance(batches, StoredBatches)
    with (
        pytest.raises(DataError, match="prepare the store with --waveforms"),
        speaker.speaker_batches(without, plan, settings(), tmp_path),
    ):
        pass


def test_the_learning_rate_falls_along_half_a_cosine():
    stage = settings(steps=100, learning_rate=0.5).speaker
    rates = [speaker.learning_rate(stage, step) for step in (0, 50, 100)]
    assert rates == pytest.approx([0.5, 0.25, 0])


def test_an_unknown_loss_is_refused(heard, tmp_path):
    with pytest.raises(ConfigError, match="unknown speaker loss 'amm': did you mean 'aam'"):
        speaker.train_speaker(heard, settings(loss="amm"), tmp_path, Engine())
