"""Trials are of speakers never trained on, the same in every condition, and measure an encoder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.store import Store
from voice2face.metrics.verification import eer, min_dcf
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.records import Recording
from voice2face.training.speaker.verification import CONDITIONS, SpeakerTrials, speaker_trials

FRONT_END = preset("wen2019")


@pytest.fixture(scope="module")
def trials(heard) -> SpeakerTrials:
    found = speaker_trials(heard, FRONT_END)
    assert found is not None
    return found


def with_voices(store: Store, **columns: list) -> Store:
    return dataclasses.replace(store, voices={**store.voices, **columns})


def test_trials_are_of_validation_speakers_and_one_recording_gives_halves(heard, trials):
    assert trials.split == "val"
    counts = {name: trials.identities.count(name) for name in trials.identities}
    assert sorted(counts.values()) == [2, 2, 3, 3]
    trained = {
        name
        for name, split in zip(heard.voices["identity"], heard.voices["split"], strict=True)
        if split == "train"
    }
    assert not trained & set(trials.identities)
    assert trials.is_target.sum() == 3 + 3 + 1 + 1
    assert len(trials.is_target) == 16


def test_conditions_are_of_the_same_recordings_and_always_the_same(heard, trials):
    assert set(trials.inputs) == set(CONDITIONS) == {"clean", "noisy", "disfluent"}
    assert {len(of) for of in trials.inputs.values()} == {len(trials.identities)}
    again = speaker_trials(heard, FRONT_END)
    for condition, inputs in trials.inputs.items():
        for bands, same in zip(inputs, again.inputs[condition], strict=True):
            np.testing.assert_array_equal(bands, same)
    lengths = {name: sum(map(len, of)) for name, of in trials.inputs.items()}
    assert lengths["disfluent"] > 1.1 * lengths["clean"]
    for other in ("noisy", "disfluent"):
        for clean, worse in zip(trials.inputs["clean"], trials.inputs[other], strict=True):
            assert clean.shape != worse.shape or not np.array_equal(clean, worse)


def test_a_half_is_a_recording_of_its_own(heard, trials):
    (name, *_) = [one for one in trials.identities if trials.identities.count(one) == 2]
    first, second = (i for i, one in enumerate(trials.identities) if one == name)
    whole = heard.waveform(heard.voices["identity"].index(name))
    for index, half in ((first, whole[: len(whole) // 2]), (second, whole[len(whole) // 2 :])):
        wanted = extract(Recording("", half, 16000), FRONT_END).log_mel
        np.testing.assert_array_equal(trials.inputs["clean"][index], wanted.astype(np.float16))
    # Without waveforms a half of the spectrogram is normalised anew.
    plain = speaker_trials(dataclasses.replace(heard, waveforms=None), FRONT_END)
    assert set(plain.inputs) == {"clean"}
    assert plain.identities == trials.identities
    half = plain.inputs["clean"][first].astype(np.float64)
    np.testing.assert_allclose(half.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(half.std(axis=0), 1, atol=5e-3)
    a, b = (len(plain.inputs["clean"][i]) for i in (first, second))
    assert a + b == heard.voices["frames"][heard.voices["identity"].index(name)]


def test_the_measure_is_that_of_cosines_one_recording_at_a_time(trials):
    torch.manual_seed(0)
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(8, 8, 8, 8)))
    encoder(torch.randn(4, 64, 100))  # leaves the mode that learns
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    scalars = trials.measure(encoder)
    assert encoder.training
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    encoder.eval()
    for condition, inputs in trials.inputs.items():
        embeddings = []
        for bands in inputs:
            whole = np.resize(bands.astype(np.float32), (max(1000, len(bands)), 64))
            with torch.no_grad():
                embeddings.append(encoder(torch.from_numpy(whole.T.copy())[None])[0])
        scores = [
            nn.functional.cosine_similarity(embeddings[a], embeddings[b], dim=0).item()
            for a, b in zip(trials.left, trials.right, strict=True)
        ]
        assert scalars[f"verification/{condition}_eer"] == pytest.approx(
            eer(scores, trials.is_target)
        )
        assert scalars[f"verification/{condition}_min_dcf"] == pytest.approx(
            min_dcf(scores, trials.is_target)
        )
    assert len(scalars) == 6


def test_an_encoder_that_knows_the_speakers_makes_no_error_and_a_blind_one_is_at_chance(trials):
    class Oracle(nn.Module):
        """Tells speakers by looking its input up."""

        def __init__(self, sees: bool) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1))
            self.names = sorted(set(trials.identities)) if sees else [""]
            self.known = {
                bands[:5].tobytes(): name if sees else ""
                for of in trials.inputs.values()
                for bands, name in zip(of, trials.identities, strict=True)
            }

        def forward(self, log_mel):
            keys = [one.T[:5].numpy().astype(np.float16).tobytes() for one in log_mel]
            return torch.stack([torch.eye(64)[self.names.index(self.known[key])] for key in keys])

    assert set(trials.measure(Oracle(True)).values()) == {0.0}
    blind = trials.measure(Oracle(False))
    assert {blind[f"verification/{name}_eer"] for name in CONDITIONS} == {0.5}
    assert {blind[f"verification/{name}_min_dcf"] for name in CONDITIONS} == {1.0}


def test_the_test_split_stands_in_and_too_few_speakers_give_none(heard):
    splits = heard.voices["split"]
    as_test = ["test" if split == "val" else split for split in splits]
    assert speaker_trials(with_voices(heard, split=as_test), FRONT_END).split == "test"
    assert speaker_trials(with_voices(heard, split=["train"] * len(splits)), FRONT_END) is None
    identities = heard.voices["identity"]
    one = ["val" if name == "table/spk05" else "train" for name in identities]
    assert speaker_trials(with_voices(heard, split=one), FRONT_END) is None
    # A recording of somebody who is trained on is never in a trial.
    leaking = [
        "train" if row == identities.index("table/spk05") else s for row, s in enumerate(splits)
    ]
    found = speaker_trials(with_voices(heard, split=leaking), FRONT_END)
    assert "table/spk05" not in found.identities


def test_a_recording_without_speech_is_in_no_trial(heard):
    waveforms = np.array(heard.waveforms)
    row = heard.voices["identity"].index("table/spk05")
    start = heard.voices["sample_start"][row]
    waveforms[start : start + heard.voices["samples"][row]] = 0
    found = speaker_trials(dataclasses.replace(heard, waveforms=waveforms), FRONT_END)
    assert found.identities.count("table/spk05") == 2
