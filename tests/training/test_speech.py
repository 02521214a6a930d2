"""The speech stage: its clips, its crops, its threshold, and that it tells speech apart."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tests.conftest import write_media

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.settings import preset
from voice2face.audio.variants import VariantSettings
from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError
from voice2face.networks.speech_detector import SpeechDetector, SpeechDetectorConfig
from voice2face.runtime.shipped_detector import shipped_detector
from voice2face.synthetic.sounds import TRAINING_SOUNDS
from voice2face.training.engine import Engine
from voice2face.training.run import run_speech, settings_of
from voice2face.training.speech.clips import Clip, ClipPool, Sources, make_clip, make_clips
from voice2face.training.speech.crops import Crops
from voice2face.training.speech.settings import SpeechSettings
from voice2face.training.speech.stage import (
    choose_threshold,
    compute_logits,
    error_rates,
    train_detector,
)

FRONT_END = preset("wen2019")
SETTINGS = SpeechSettings(
    steps=60, batch_size=16, synthetic_each=3, clip_s=3.0, worse_each=0, held_out_percent=30,
    steps_per_epoch=60, false_acceptance=0.2,
)  # fmt: skip


@pytest.fixture(scope="module")
def pool(heard: Store, tmp_path_factory) -> ClipPool:
    sources = Sources((heard,), (), ())
    folder = tmp_path_factory.mktemp("clips")
    return ClipPool.read(make_clips(folder, sources, SETTINGS, FRONT_END, seed=0))


@pytest.fixture(scope="module")
def trained(pool, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("speech")
    return train_detector(pool, SETTINGS, run, Engine(accelerator="cpu"), "wen2019", seed=0)


def clips_like(kinds: dict[str, int]) -> list[Clip]:
    bands = np.zeros((120, 64), np.float16)
    return [Clip(kind, kind, True, bands) for kind, count in kinds.items() for _ in range(count)]


def test_clips_hold_all_kinds_and_no_test_speaker(pool, heard):
    kinds = {clip.kind for clip in pool.clips}
    assert kinds == {"speech", "synthetic"}
    assert {clip.set for clip in pool.clips if clip.kind == "synthetic"} == set(TRAINING_SOUNDS)
    n_speech = sum(clip.is_speech for clip in pool.clips)
    assert n_speech == sum(split != "test" for split in heard.voices["split"])
    assert {clip.is_held_out for clip in pool.clips if clip.is_speech} == {True, False}


def test_clips_of_folders_are_held_out_by_whole_files(shared_data, tmp_path):
    """Every clip of a file, its worse versions and its variants are on one side."""
    speech, animals = tmp_path / "people", tmp_path / "sounds" / "animals"
    speech.mkdir()
    animals.mkdir(parents=True)
    recordings = sorted((shared_data / "voices/librispeech-100").glob("*.flac"))[:12]
    for path in recordings:
        shutil.copy(path, speech)
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(24000) / 16000)
    write_media(animals / "tone.wav", tone[None])
    (animals / "broken.wav").write_bytes(b"no sound")
    sources = Sources.open([speech], [tmp_path / "sounds"])
    settings = dataclasses.replace(
        SETTINGS, synthetic_each=0, clips_a_file=2, clip_s=1.0, worse_each=2,
        variants=VariantSettings(each=1),
    )  # fmt: skip
    pool = ClipPool.read(make_clips(tmp_path, sources, settings, FRONT_END, seed=0))
    of_speech = [clip for clip in pool.clips if clip.is_speech]
    # Two stretches of each of the twelve, each as it is, twice made worse, and once in a mood.
    assert len(of_speech) == 12 * 2 * 4
    of_files = np.array([clip.is_held_out for clip in of_speech]).reshape(12, 8)
    assert (of_files == of_files[:, :1]).all()
    assert len(np.unique(of_files)) == 2
    assert [clip.set for clip in of_speech[:4]] == ["people"] * 3 + ["people, variants"]
    assert all(len(clip.log_mel) <= 100 for clip in of_speech[::4] if clip.log_mel is not None)
    assert [clip.kind for clip in pool.clips[len(of_speech) :]] == ["animals"] * 3
    again = make_clips(tmp_path, sources, settings, FRONT_END, seed=0)
    other = make_clips(tmp_path, sources, settings, FRONT_END, seed=1)
    assert again != other
    assert not np.array_equal(ClipPool.read(other).clips[1].log_mel, pool.clips[1].log_mel)
    assert np.array_equal(ClipPool.read(other).clips[0].log_mel, pool.clips[0].log_mel)


def test_sources_that_cannot_be_used_are_named(tmp_path, heard):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        Sources.open([tmp_path / "nowhere"], [])
    with pytest.raises(DataError, match="holds no recording"):
        Sources.open([tmp_path], [])
    facts = Sources((heard,), (), ()).facts()
    (tmp_path / "a.wav").write_bytes(b"12")
    before = Sources((heard,), (tmp_path,), ()).facts()
    (tmp_path / "a.wav").write_bytes(b"123")
    assert facts != before != Sources((heard,), (tmp_path,), ()).facts()
    damaged = tmp_path / "speech.clips-0.npz"
    damaged.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match=r"speech\.clips-0\.npz: is damaged"):
        ClipPool.read(damaged)


def test_silence_passes_no_detector():
    silent = make_clip(np.zeros(32000, np.int16), "noise", "silence", False, FRONT_END)
    assert silent.log_mel is None
    network = SpeechDetector(SpeechDetectorConfig(channels=(8,)))
    assert compute_logits(network, [silent]).item() == -np.inf


def test_a_batch_follows_from_its_step_and_is_shared_between_processes(pool):
    crops = Crops(pool.part(False), SETTINGS, seed=0)
    whole = crops.batch(5, slice(None))
    assert whole.log_mel.shape[:2] == (16, 64)
    assert torch.equal(whole.log_mel, Crops(pool.part(False), SETTINGS, 0).batch(5, slice(None))[0])
    shares = [crops.batch(5, part) for part in (slice(0, 8), slice(8, 16))]
    assert torch.equal(whole.log_mel, torch.cat([one.log_mel for one in shares]))
    assert whole.is_speech.tolist() == [1, 0] * 8
    assert [name.startswith("speech") for name in whole.names] == [True, False] * 8
    lengths = {crops.batch(step, slice(0, 2)).log_mel.shape[2] for step in range(30)}
    assert min(lengths) == 100
    assert 100 < max(lengths) <= 300


def test_kinds_weigh_alike_and_sets_by_the_root_of_their_size():
    """Of 8,000 other sounds half are animals; of these two thirds of the set that is four times."""
    bands = np.zeros((100, 64), np.float16)
    clips = [Clip("speech", "a", False, bands)]
    clips += [Clip("animals", "dogs", False, bands)] * 40
    clips += [Clip("animals", "cats", False, bands)] * 10
    clips += [Clip("noise", "rain", False, bands)] * 500
    crops = Crops(clips, dataclasses.replace(SETTINGS, batch_size=160), seed=0)
    names = [name for step in range(100) for name in crops.names(step)[1::2]]
    share = {name: names.count(name) / len(names) for name in set(names)}
    # 4 standard errors of a share of half of 8,000.
    assert share["noise: rain"] == pytest.approx(1 / 2, abs=0.023)
    assert share["animals: dogs"] == pytest.approx(1 / 3, abs=0.023)
    assert share["animals: cats"] == pytest.approx(1 / 6, abs=0.023)


def test_one_side_alone_cannot_be_learned_from(pool):
    with pytest.raises(ConfigError, match="no sounds other than speech"):
        Crops([clip for clip in pool.clips if clip.is_speech], SETTINGS, 0)


def test_the_threshold_lets_as_many_of_each_kind_through_as_is_allowed():
    clips = clips_like({"speech": 4, "animals": 10, "noise": 5})
    animals = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, -np.inf]
    noise = [6.5, 0.5, 0.4, -np.inf, -np.inf]
    logits = torch.tensor([10.0, 7.5, 3.0, -np.inf, *animals, *noise])
    clips[3] = dataclasses.replace(clips[3], log_mel=None)  # a pause, perhaps: not counted
    # Two of ten animals may pass, and one of five noises: so it stands just above 7, not 0.5.
    threshold = choose_threshold(logits, clips, 0.2)
    assert 7 < threshold < 7.01
    assert error_rates(logits - threshold, clips) == {
        "false_refusal": pytest.approx(1 / 3),
        "false_acceptance": pytest.approx(2 / 15),
        "false_acceptance/animals": pytest.approx(2 / 10),
        "false_acceptance/noise": 0,
    }
    # Of four animals none may pass; all noises were refused before.
    few = clips_like({"animals": 4, "noise": 2})
    assert 9 < choose_threshold(torch.tensor([9.0, 1, 2, 3, -np.inf, -np.inf]), few, 0.2) < 9.01


def test_it_tells_apart_what_it_learned_from_and_the_export_does_too(pool, trained):
    path, decision = shipped_detector(FRONT_END, trained)
    assert path is not None and decision is not None
    assert path.stat().st_size <= 300_000
    session = onnxruntime.InferenceSession(path)
    heard = [clip for clip in pool.part(False) if clip.log_mel is not None]
    passes: dict[bool, list[bool]] = {True: [], False: []}
    for clip in heard:
        assert clip.log_mel is not None
        bands = np.take(clip.log_mel, np.arange(max(100, len(clip.log_mel))), axis=0, mode="wrap")
        (logit,) = session.run(None, {"log_mel": bands.T[None].astype(np.float32)})
        passes[clip.is_speech].append(float(np.asarray(logit)[0]) > decision.threshold)
    # Balanced accuracy; 0.5 would be chance.
    assert np.mean(passes[True]) - np.mean(passes[False]) > 2 * 0.8 - 1, passes
    # What is allowed of each kind of the held-out sounds holds for all of them.
    assert decision.false_acceptance <= SETTINGS.false_acceptance
    last = json.loads((trained.parent / "speech.jsonl").read_text().splitlines()[-1])
    assert last["held_out/false_refusal"] == pytest.approx(decision.false_refusal, abs=1e-4)


def test_the_preset_that_ships_uses_moods_and_settings_are_checked(heard, tmp_path):
    assert settings_of("modern-64", 0, []).speech.variants.each
    with pytest.raises(ConfigError, match=r"speech\.crop_frames is 50: give"):
        settings_of("debug", 0, ["speech.crop_frames=50,90"])
    with pytest.raises(ConfigError, match=r"speech\.batch_size is 7: give an even number"):
        settings_of("debug", 0, ["speech.batch_size=7"])
    with pytest.raises(ConfigError, match=r"variants\.f0_factors is used only if each is set"):
        settings_of("debug", 0, ["speech.variants.f0_factors=1,2"])
    settings = settings_of("debug", 0, ["speech.synthetic_each=0"])
    with pytest.raises(DataError, match="holds out no speech, or no other sounds"):
        run_speech(Sources((heard,), (), ()), settings, tmp_path / "run")
    assert AugmentSettings() == SpeechSettings(augment=AugmentSettings()).augment
