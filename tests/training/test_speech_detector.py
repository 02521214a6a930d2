"""Speech is told from synthetic sounds; what the front end refuses stays refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.settings import preset
from voice2face.errors import ConfigError
from voice2face.export import export_network, parity_error
from voice2face.networks.speech_detector import SpeechDetector, SpeechDetectorConfig
from voice2face.synthetic.sounds import TRAINING_SOUNDS, training_sound
from voice2face.training.speech import (
    Clip,
    clip_of,
    clips_of_file,
    logits_of,
    set_threshold,
    train_detector,
)

FRONT_END = preset("wen2019")


@pytest.fixture(scope="module")
def clips(request) -> list[Clip]:
    heard = request.getfixturevalue("heard")
    speech = [
        clip_of(heard.waveform(row), "speech", True, FRONT_END)
        for row in range(len(heard.voices["split"]))
    ]
    other = [
        clip_of(training_sound(kind, 3.0, 0, index), kind, False, FRONT_END)
        for kind in TRAINING_SOUNDS
        for index in range(3)
    ]
    return speech + other


@pytest.fixture(scope="module")
def trained(clips) -> SpeechDetector:
    return train_detector(clips, steps=60, batch_size=16)


def test_what_it_learned_from_it_tells_apart(clips, trained):
    logits = logits_of(trained, clips)
    heard = [index for index, clip in enumerate(clips) if clip.log_mel is not None]
    right = [(logits[index] > 0).item() == clips[index].is_speech for index in heard]
    assert np.mean(right) > 0.9


def test_training_is_repeatable(clips):
    first, second = (train_detector(clips, steps=2, batch_size=4) for _ in range(2))
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_silence_passes_no_detector(trained):
    silent = clip_of(np.zeros(32000, np.int16), "silence", False, FRONT_END)
    assert silent.log_mel is None
    assert logits_of(trained, [silent]).item() == -np.inf


def test_short_sounds_are_told_apart_as_they_are_repeated_in_use(clips, trained):
    short = [
        Clip(clip.set, clip.is_speech, clip.log_mel[20:80])
        for clip in clips
        if clip.log_mel is not None and len(clip.log_mel) >= 80
    ]
    right = [
        (logit > 0).item() == clip.is_speech
        for logit, clip in zip(logits_of(trained, short), short, strict=True)
    ]
    assert np.mean(right) > 0.8


def test_the_threshold_lets_through_as_much_as_is_allowed(clips, trained):
    network = SpeechDetector(SpeechDetectorConfig()).eval()
    network.load_state_dict(trained.state_dict())
    silent = clip_of(np.zeros(32000, np.int16), "silence", False, FRONT_END)
    several = [*clips, *[silent] * 10]
    is_speech = np.array([clip.is_speech for clip in several])
    before = logits_of(network, several).numpy()
    threshold = set_threshold(network, several, accepted=0.2)
    after = logits_of(network, several).numpy()
    heard = np.isfinite(before)
    assert after[heard] == pytest.approx(before[heard] - threshold, abs=1e-5)
    # What the front end refuses is among the 80 % that are not accepted.
    assert (after[~is_speech] > 0).sum() == int(0.2 * (~is_speech).sum())
    assert (before[~is_speech] > threshold - 0.01).sum() > (after[~is_speech] > 0).sum()


def test_one_side_alone_cannot_be_learned_from(clips):
    with pytest.raises(ConfigError, match="no sounds other than speech"):
        train_detector([clip for clip in clips if clip.is_speech], steps=1)


def test_files_are_heard_in_stretches(shared_data):
    path = max(
        (shared_data / "voices/librispeech-100").rglob("*.flac"), key=lambda p: p.stat().st_size
    )
    clips = clips_of_file(path, "libri", True, FRONT_END, seconds=2.0, most=3)
    assert len(clips) == 3
    assert all(clip.log_mel is not None and len(clip.log_mel) < 200 for clip in clips)
    changed = AugmentSettings(speed=1, speed_factors=(0.8, 0.8)), AugmentSettings()
    more = clips_of_file(path, "libri", True, FRONT_END, 2.0, 3, changed)
    assert len(more) == 9
    for index, clip in enumerate(clips):
        first, slower, same = (one.log_mel for one in more[3 * index : 3 * index + 3])
        assert first is not None and slower is not None and same is not None
        assert clip.log_mel is not None
        assert np.array_equal(first, clip.log_mel)
        assert np.array_equal(same, clip.log_mel)
        assert len(slower) > len(same)
    assert clips_of_file(path.parent / "absent.wav", "none", True, FRONT_END) == []


@pytest.mark.long
def test_the_exported_one_takes_any_length_and_tells_the_same(tmp_path, trained):
    path, example = tmp_path / "speech_detector.onnx", torch.randn(2, 64, 300)
    export_network(trained, example, path, ("log_mel", "speech_logit"), {0: "batch", 2: "frames"})
    assert path.stat().st_size < 300_000
    assert parity_error(trained, path, example) < 1e-4
    assert parity_error(trained, path, torch.randn(3, 64, 137)) < 1e-4
