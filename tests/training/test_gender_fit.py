"""The evidence of gender is a logistic regression, calibrated on speakers who were not learned."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.settings import preset
from voice2face.errors import DataError
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.gender_fit import (
    GenderCrops,
    calibrate,
    fit_gender,
    fit_logistic,
    gender_crops,
)

FRONT_END = preset("wen2019")
DIM = 8


def voices(n: int = 300, seed: int = 0, noise: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors whose first number tells of gender; a third are women."""
    random = np.random.default_rng(seed)
    woman = random.random(n) < 0.33
    found = noise * random.standard_normal((n, DIM))
    found[:, 0] += np.where(woman, 1.0, -0.6)
    return found / np.linalg.norm(found, axis=1, keepdims=True), woman


def test_the_fit_has_the_least_penalised_loss_with_both_genders_alike():
    embeddings, woman = voices()
    evidence = fit_logistic(embeddings, woman)
    weight = np.where(woman, 0.5 / woman.mean(), 0.5 / (~woman).mean())

    def loss(parameters: np.ndarray) -> float:
        logits = embeddings @ parameters[:-1] + parameters[-1]
        losses = np.logaddexp(0, np.where(woman, -logits, logits))
        return weight @ losses + 0.3 * (parameters[:-1] ** 2).sum() / 2

    best = minimize(loss, np.zeros(DIM + 1), tol=1e-10).x
    found = [*np.array(evidence.axis) * evidence.scale, evidence.bias]
    assert found == pytest.approx(best, abs=1e-3)
    assert loss(np.array(found)) <= loss(best) * (1 + 1e-9)


def test_voices_that_a_plane_divides_still_get_a_finite_answer():
    embeddings, woman = voices(noise=0.05)
    evidence = fit_logistic(embeddings, woman)
    assert evidence.axis[0] > 0.95
    assert 5 < evidence.scale < 1e4
    calibrated = calibrate(evidence, embeddings, woman)
    surest = max(calibrated.probability_of_woman(one) for one in embeddings)
    # Of n voices that were all told right, the next is wrong with probability 1 / (n + 2).
    assert 1 - 20 / (woman.sum() + 2) < surest < 1 - 1 / (10 * (woman.sum() + 2))


def test_calibration_takes_back_what_was_too_sure():
    embeddings, woman = voices(4000, noise=1.2)
    evidence = fit_logistic(embeddings, woman)
    too_sure = dataclasses.replace(evidence, scale=9 * evidence.scale, bias=3 * evidence.bias)
    calibrated = calibrate(too_sure, embeddings, woman)
    assert calibrated.axis == evidence.axis
    assert calibrated.scale == pytest.approx(evidence.scale, rel=0.02)
    assert calibrated.bias == pytest.approx(evidence.bias, abs=0.05)


def test_an_axis_that_tells_nothing_is_left_as_it_was():
    embeddings, woman = voices()
    wrong_way = GenderEvidence((-1.0, *[0.0] * (DIM - 1)), scale=4.0, bias=0.0)
    assert calibrate(wrong_way, embeddings, woman) == wrong_way


class FirstFrame(torch.nn.Module):
    """Its embedding is what a spectrogram begins with."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, log_mel):
        return self.gain * log_mel[:, :, 0]


def test_what_is_surely_told_and_wrong_of_one_kind_makes_all_less_sure():
    easy, hard = voices(400, noise=0.3), voices(400, seed=1, noise=0.3)
    # Of the hard kind a twentieth are of the other gender than they seem.
    hard = (hard[0], np.where(np.arange(400) % 20 == 0, ~hard[1], hard[1]))
    kinds = [
        GenderCrops([one[None].astype(np.float32) for one in found], woman)
        for found, woman in (easy, hard)
    ]
    evidence = fit_gender(FirstFrame(), kinds[0], kinds, 1)
    alone = fit_gender(FirstFrame(), kinds[0], kinds[:1], 1)
    assert evidence.axis == alone.axis
    assert evidence.scale < alone.scale
    told = np.array([evidence.probability_of_woman(one) for one in hard[0]])
    sure_and_wrong = (np.maximum(told, 1 - told) >= 0.9) & ((told > 0.5) != hard[1])
    assert sure_and_wrong.mean() <= 0.02
    # No more careful than needed: with a hundredth more, more than that would be.
    told = 1 / (1 + np.exp(-1.01 * np.log(told / (1 - told))))
    assert ((np.maximum(told, 1 - told) >= 0.9) & ((told > 0.5) != hard[1])).mean() > 0.02


@pytest.fixture
def both(heard):
    """Two women and two men to train on; a woman and a man, and more men, held out."""
    women = {"table/spk01", "table/spk02", "table/spk05"}
    gender = ["female" if name in women else "male" for name in heard.voices["identity"]]
    return dataclasses.replace(heard, voices={**heard.voices, "gender": gender})


def crops(store, split: str) -> GenderCrops:
    return gender_crops(store, split, AugmentSettings(noise=1.0), FRONT_END, seed=0)


def test_crops_are_of_every_length_and_of_each_speaker_alike(both):
    of_train = crops(both, "train")
    lengths = [len(one) for one in of_train.log_mels]
    assert sorted(set(lengths)) == [100, 200, 400, 800]
    assert len(set(map(lengths.count, lengths))) == 1
    assert of_train.woman.sum() == (~of_train.woman).sum() == 2 * 8
    again = crops(both, "train")
    assert all(map(np.array_equal, of_train.log_mels, again.log_mels))
    assert len(crops(both, "test").log_mels) == 0


def test_embeddings_come_in_the_order_of_the_crops_and_of_unit_length(both):
    torch.manual_seed(0)
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(8, 8, 8, 8))).eval()
    of_val = crops(both, "val").log_mels
    found = embedded(encoder, of_val, 150)
    for index in (0, 3, 9):
        bands = of_val[index]
        heard_of_it = np.resize(bands, (max(len(bands), 150), 64))
        alone = encoder(torch.from_numpy(heard_of_it.T[None].copy())).detach().numpy()[0]
        assert found[index] == pytest.approx(alone / np.linalg.norm(alone), abs=1e-5)


def test_the_margin_lies_among_the_distances_of_the_training_speakers(both):
    torch.manual_seed(0)
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(8, 8, 8, 8))).eval()
    of_train = crops(both, "train")
    evidence = fit_gender(encoder, of_train, [crops(both, "val")], 100)
    distances = np.abs(
        embedded(encoder, of_train.log_mels, 100) @ np.array(evidence.axis)
        + evidence.bias / evidence.scale
    )
    assert distances.min() <= evidence.margin <= distances.max()


def test_one_gender_alone_is_an_error_that_says_what_to_set(heard):
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(8, 8, 8, 8))).eval()
    of_train = crops(heard, "train")
    with pytest.raises(DataError, match=r"not of both genders.*speaker\.gender_weight=0"):
        fit_gender(encoder, of_train, [of_train], 100)
