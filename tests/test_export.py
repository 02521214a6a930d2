"""Exported networks compute what torch does, and a bundle is made whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from voice2face.audio.settings import preset
from voice2face.errors import BundleError, ConfigError, OutputError
from voice2face.export import (
    PARITY,
    export_bundle,
    export_network,
    parity_error,
    round_weights,
    write_card,
)
from voice2face.files import sha256
from voice2face.networks.artifact_critic import ArtifactCritic
from voice2face.networks.discriminator import Discriminator, DiscriminatorConfig
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.bundle_file import ARTIFACT_CRITIC_FILE
from voice2face.runtime.description import (
    ModelDescription,
    Redraw,
    SpeechDecision,
    read_description,
)
from voice2face.runtime.network import Network

SMALL = ModelDescription(
    name="small",
    front_end=preset("wen2019"),
    embedding_dim=64,
    image_size_px=64,
    crop_frames=150,
    jitter=0.05,
    pixel_range="fixed",
    card={"a": "b"},
)


def published(name: str):
    """A network at its published size, an input, and the names of its inputs and outputs."""
    torch.manual_seed(1)
    if name.startswith("voice_encoder"):
        pooling = name.partition("-")[2] or "average"
        encoder = VoiceEncoder(VoiceEncoderConfig(pooling=pooling)).train()
        encoder(3 * torch.randn(4, 64, 64))
        return encoder.eval(), torch.randn(2, 64, 1000), ("log_mel", "speaker_embedding")
    if name == "generator":
        return Generator(GeneratorConfig()), torch.randn(3, 64), ("speaker_embedding", "faces")
    config = DiscriminatorConfig(n_classes=(7,), variant=name.split("-")[1])
    return Discriminator(config), torch.randn(2, 3, 64, 64), ("faces", "real", "classes")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("voice_encoder", marks=pytest.mark.long),
        pytest.param("voice_encoder-attentive", marks=pytest.mark.long),
        pytest.param("voice_encoder-statistics", marks=pytest.mark.long),
        pytest.param("generator", marks=pytest.mark.long),
        "discriminator-report",
        "discriminator-authors",
    ],
)
def test_onnx_and_torch_agree(name, tmp_path):
    network, example, names = published(name)
    path = tmp_path / "network.onnx"
    is_voice = name.startswith("voice_encoder")
    axes = {0: "batch", 2: "frames"} if is_voice else {0: "batch"}
    export_network(network, example, path, names, axes)
    assert parity_error(network, path, example) < PARITY
    # Other lengths of the free axes, down to the shortest.
    for batch, frames in ((1, 2), (1, 5), (4, 1777)):
        other = torch.randn(batch, *example.shape[1:])
        if is_voice:
            other = torch.randn(batch, 64, frames)
        assert parity_error(network, path, other) < PARITY


def test_a_network_with_two_inputs(noisy_generator, tmp_path):
    random = torch.Generator().manual_seed(0)
    path = tmp_path / "g.onnx"
    inputs = [torch.randn(n, dim, generator=random) for n in (3, 1, 7) for dim in (64, 5)]
    names = ("speaker_embedding", "noise", "faces")
    export_network(noisy_generator, (inputs[0], inputs[1]), path, names, {0: "batch"})
    for voice, noise in zip(inputs[::2], inputs[1::2], strict=True):
        assert parity_error(noisy_generator, path, (voice, noise)) < PARITY
    with torch.no_grad():
        noisy_generator.model.weight[:, -1] += 0.1  # the noise is compared too
    assert parity_error(noisy_generator, path, (inputs[0], inputs[1])) > PARITY
    with torch.no_grad():
        noisy_generator.model.weight[:, -1] -= 0.1


def test_weights_of_8_bits_are_those_rounded_to_127_steps_of_the_largest_in_their_row(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.Unflatten(1, (25, 2, 2)))
    network.append(torch.nn.ConvTranspose2d(25, 24, 3))
    with torch.no_grad():
        network[0].weight[3] = 0  # a row without a largest weight
        network[0].weight[4] *= 1e-3  # its steps are as much finer
    example, path = torch.randn(3, 64), tmp_path / "g.onnx"
    export_network(network, example, path, ("speaker_embedding", "faces"), {0: "batch"})
    whole = path.stat().st_size
    round_weights(path)
    assert parity_error(network, path, example) > 10 * PARITY
    with torch.no_grad():
        for weight in (network[0].weight, network[2].weight):
            for row in weight:
                if step := row.abs().max() / 127:
                    row.copy_((row / step).round() * step)
    assert parity_error(network, path, example) < PARITY
    n = 64 * 100 + 25 * 24 * 9
    assert n < path.stat().st_size < whole - 3 * n + 5_000
    Network(path, sha256(path), {"speaker_embedding": (None, 64)}, ((None, 24, 4, 4),))


def test_a_speech_detector_is_checked(networks, tmp_path):
    said = SpeechDecision(0.0, 0.01, 0.02, "on a test")
    detector = tmp_path / "detector.onnx"

    def export(detector, speech):
        export_bundle(*networks, tmp_path / "b", replace(SMALL, speech=speech), detector)

    for one, other in ((None, said), (detector, None)):
        with pytest.raises(ConfigError, match="speech_detector and speech: one is given without"):
            export(one, other)
    with pytest.raises(BundleError, match=r"detector\.onnx: cannot be read"):
        export(detector, said)
    detector.write_bytes(b"0" * 300_001)
    with pytest.raises(BundleError, match="has 300 kB; a speech detector has at most 300 kB"):
        export(detector, said)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("said", [{"embedding_dim": 63}, {"image_size_px": 128}])
def test_networks_of_other_sizes_than_the_description_says_are_refused(said, networks, tmp_path):
    with pytest.raises(BundleError, match="json says"):
        export_bundle(*networks, tmp_path / "b", replace(SMALL, **said))
    assert not (tmp_path / "b").exists()


def test_the_card_tells_of_speech_gender_and_noise(noisy_bundle, bundle):
    told = (noisy_bundle / "MODEL_CARD.md").read_text()
    assert "- Made up for a test." in told
    assert "1.0% of speech recordings are rejected, and 4.0% of other sounds are accepted" in told
    assert "gives the probability of each gender" in told
    assert "64 numbers, and 5 of noise" in told
    plain = (bundle / "MODEL_CARD.md").read_text()
    assert not any(word in plain for word in ("Speech detection", "## Gender", "of noise"))


def test_a_bundle_with_redraw_has_the_critic_that_ships(networks, noisy_generator, tmp_path):
    class Enlarged(torch.nn.Module):
        def forward(self, speaker_embedding, noise):
            faces = noisy_generator(speaker_embedding, noise)
            return torch.nn.functional.interpolate(faces, scale_factor=8.0)

    critic, faces = ArtifactCritic.trained(), torch.rand(5, 3, 128, 128) * 2 - 1
    wanted = critic(faces).detach().numpy()
    sizes = {}
    for bits in (32, 8):
        folder, said = tmp_path / str(bits), Redraw(threshold=0.5, most=2)
        about = replace(SMALL, noise_dim=5, image_size_px=128, redraw=said)
        export_bundle(networks[0], Enlarged(), folder, about, weight_bits=bits)
        assert read_description(folder).redraw == said
        assert (
            "is generated again with other noise, at most 2 times"
            in (folder / "MODEL_CARD.md").read_text()
        )
        sizes[bits] = (folder / ARTIFACT_CRITIC_FILE).stat().st_size
        logits = Bundle(folder).artifact_logits(faces.numpy())
        assert logits is not None
        if bits == 32:
            assert np.abs(logits - wanted).max() < PARITY
    assert sizes[8] < sizes[32] / 3
    assert np.abs(logits - wanted).max() > 0  # the last has 8 bits


def test_parity_sees_a_difference(tmp_path):
    network, example, names = published("generator")
    export_network(network, example, tmp_path / "g.onnx", names, {0: "batch"})
    with torch.no_grad():
        network.model[0].weight[0, 0] += 1
    assert parity_error(network, tmp_path / "g.onnx", example) > PARITY


def test_a_bundle_tells_nothing_of_the_machine_it_was_made_on(bundle):
    for path in bundle.iterdir():
        assert b"/home" not in path.read_bytes()
        assert b"site-packages" not in path.read_bytes()
    model = onnx.load(bundle / "voice_encoder.onnx")
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


@pytest.mark.long
def test_export_is_deterministic_and_replaces_only_bundles(bundle, networks, tmp_path):
    def export(folder):
        export_bundle(*networks, folder, SMALL)

    target = tmp_path / "bundle"
    export(target)
    first = {path.name: path.read_bytes() for path in target.iterdir()}
    # What a killed process left, in it and beside it, goes.
    (target / ".model.json.0f0f0f0f.tmp").touch()
    (tmp_path / ".bundle.tmp").mkdir()
    export(target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    occupied = tmp_path / "mine"
    occupied.mkdir()
    (occupied / "thesis.txt").write_text("precious")
    (occupied / "model.json").touch()  # even so
    with pytest.raises(OutputError, match="and is not a bundle"):
        export(occupied)
    assert (occupied / "thesis.txt").read_text() == "precious"
    for name in ("generator.onnx", "thesis.tmp"):  # somebody's own, and no bundle
        (alone := tmp_path / f"with {name}").mkdir()
        (alone / name).write_text("precious")
        with pytest.raises(OutputError, match=f"holds {name} and is not a bundle"):
            export(alone)
        assert (alone / name).read_text() == "precious"


@pytest.mark.long
def test_the_card_can_be_rewritten_and_the_bundle_still_verifies(bundle, networks, tmp_path):
    export_bundle(*networks, tmp_path / "b", SMALL)
    write_card(tmp_path / "b", {"quality": {"n": 3}})
    assert read_description(tmp_path / "b").card == {"quality": {"n": 3}}
    assert "- n: 3" in (tmp_path / "b" / "MODEL_CARD.md").read_text()
    Bundle(tmp_path / "b")
    assert json.loads((tmp_path / "b" / "model.json").read_text())["front_end"]["n_mels"] == 64
