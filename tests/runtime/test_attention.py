"""A bundle whose encoder weighs the moments of speech tells the weights, and they are drawn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.test_export import SMALL
from voice2face import VoiceToFace
from voice2face.errors import BundleError
from voice2face.export import export_bundle
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import read_description
from voice2face.runtime.explain import picture
from voice2face.runtime.voices import divide, windows_of

BLUE = (0, 90, 181)


@pytest.fixture(scope="module")
def encoder() -> VoiceEncoder:
    """With statistics of its own, and weights over time that differ."""
    torch.manual_seed(0)
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(16, 16, 16, 16), pooling="attentive"))
    encoder(2 * torch.randn(8, 64, 100) + 1)
    with torch.no_grad():
        encoder.pooling.attention[2].weight.mul_(20)
    return encoder.eval()


@pytest.fixture(scope="module")
def attentive(encoder, networks, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("attentive") / "bundle"
    export_bundle(encoder, networks[1], folder, SMALL)
    return folder


@pytest.mark.parametrize("n_frames", [63, 1000])
def test_the_weights_are_those_of_torch(encoder, attentive, n_frames):
    log_mel = np.random.default_rng(0).normal(size=(n_frames, 64)).astype(np.float32)
    bundle = Bundle(attentive)
    weights = bundle.attention(log_mel)
    with torch.no_grad():
        given = torch.from_numpy(log_mel.T[None])
        wanted = encoder.pooling.weights(encoder.model(given))[0, 0].numpy()
        embedding = torch.nn.functional.normalize(encoder(given), dim=1).numpy()
    np.testing.assert_allclose(weights, wanted, atol=1e-5)
    assert np.ptp(wanted) > 0.3 / n_frames
    np.testing.assert_allclose(bundle.embed(log_mel[None]), embedding, atol=1e-5)


def test_only_a_bundle_that_weighs_moments_says_so(bundle, attentive, tmp_path):
    assert Bundle(bundle).attention(np.zeros((100, 64), np.float32)) is None
    assert (read_description(bundle).attention, read_description(attentive).attention) == (0, 1)
    copy = shutil.copytree(attentive, tmp_path / "copy")
    about = json.loads((copy / "model.json").read_text())
    for wrong, told in (
        ({"attention": False}, "voice_encoder.onnx: its output has shape"),
        ({"format": 5}, "has format 5, in which attention is unknown"),
    ):
        (copy / "model.json").write_text(json.dumps({**about, **wrong}))
        with pytest.raises(BundleError, match=told):
            Bundle(copy)


def heights(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each column: whether the first voice speaks, and the pixels of its bar."""
    is_blue = (picture == BLUE).all(axis=2)[:, 48:1248]
    top = int(np.flatnonzero(is_blue.sum(axis=1) > 300)[0])  # of the strip with a colour a voice
    return is_blue[top], is_blue[top + 14 : top + 14 + 40 + 121].sum(axis=0)


def test_bars_are_as_high_as_the_weights(bundle, example):
    """Of weights 1 and 3 the mean is 2, and the axis ends at 2: 30 and 90 of 120 pixels."""
    model = VoiceToFace.load(bundle)
    speech = model.read(example)
    log_mel, front_end = speech.features.log_mel, model.description.front_end
    division = divide(windows_of(log_mel, Bundle(bundle).embed), len(log_mel), 1)
    speaks, bars = heights(
        np.asarray(picture(speech, division, front_end, np.array([1, 3], np.float32)))
    )
    # Both ends of a bar are drawn.
    assert set(bars[speaks]) == {31, 91}
    assert (bars[speaks] == 31).mean() == pytest.approx(0.5, abs=0.01)
    assert (bars[~speaks] > 0).mean() < 0.05
    _, bars = heights(np.asarray(picture(speech, division, front_end)))
    assert bars.max() < 20  # the curve's line, where no bars are


def test_of_two_voices_the_one_who_speaks_most_has_bars(attentive, conversation):
    model = VoiceToFace.load(attentive)
    speech = model.read(conversation, speakers=2)
    speaks, bars = heights(np.asarray(model.explain(speech)))
    assert 0.5 < speaks.mean() < 0.8
    assert ((bars > 0) == speaks).mean() > 0.95
    weights = model.attention(speech.voices[0].log_mel)
    assert weights is not None
    highest = weights.max() / weights.mean()
    # Within the pixel in which a bar begins, and that in which it ends.
    assert bars.max() == pytest.approx(1 + 120 * highest / np.ceil(highest), abs=1)
