"""The four networks have the shapes and sizes of the tables that define them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from voice2face.errors import MissingDependencyError
from voice2face.networks import DISCRIMINATORS, GENERATORS, VOICE_ENCODERS
from voice2face.networks.base_configs import (
    BaseClassGeneratorConfig,
    BaseClassifierConfig,
    BaseConditionalConfig,
    BaseNoiseGeneratorConfig,
    BaseVoiceEncoderConfig,
    BaseVoiceGeneratorConfig,
)
from voice2face.networks.discriminator import Discriminator, DiscriminatorConfig
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.initialise import initialise_he
from voice2face.networks.speech_detector import SpeechDetector, SpeechDetectorConfig
from voice2face.networks.voice_encoder import (
    AttentiveStatistics,
    Statistics,
    VoiceEncoder,
    VoiceEncoderConfig,
)
from voice2face.training.presets import preset


def shapes_of(network: nn.Module, layers: nn.Sequential, example: torch.Tensor, kinds) -> list:
    """Output shape of each layer of some kinds, without the batch axis."""
    found = []
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: found.append(tuple(out.shape[1:])))
        for layer in layers
        if isinstance(layer, kinds)
    ]
    network(example)
    for hook in hooks:
        hook.remove()
    return found


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("frames", [1000, 300, 37])
def test_voice_encoder_follows_the_table(frames):
    encoder = VoiceEncoder(VoiceEncoderConfig()).eval()
    assert n_parameters(encoder) == 2_670_720
    lengths = []
    for _ in range(5):
        lengths.append((lengths[-1] if lengths else frames) - 1)
        lengths[-1] = lengths[-1] // 2 + 1
    widths = [256, 384, 576, 864, 64]
    shapes = shapes_of(encoder, encoder.model, torch.zeros(2, 64, frames), nn.Conv1d)
    assert shapes == list(zip(widths, lengths, strict=True))
    assert encoder(torch.zeros(2, 64, frames)).shape == (2, 64)


def test_voice_encoder_averages_over_time():
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(8, 8, 8, 8))).eval()
    log_mel = torch.randn(1, 64, 200)
    by_hand = encoder.model(log_mel).sum(dim=2) / 7  # 200 -> 100 -> 50 -> 25 -> 13 -> 7
    torch.testing.assert_close(encoder(log_mel), by_hand)


def test_attentive_pooling_is_a_weighted_mean_and_deviation():
    torch.manual_seed(0)
    pool = AttentiveStatistics(6)
    maps = torch.randn(2, 6, 11)
    weights = pool.weights(maps)
    hidden, vector = pool.attention[0], pool.attention[2]
    scores = torch.tanh(torch.einsum("hm,bmt->bht", hidden.weight[:, :, 0], maps)
                        + hidden.bias[:, None])  # fmt: skip
    scores = torch.einsum("h,bht->bt", vector.weight[0, :, 0], scores)
    torch.testing.assert_close(weights[:, 0], scores.softmax(dim=1))
    for row in range(2):
        alpha, h = weights[row, 0].detach().numpy(), maps[row].numpy()
        mean = np.average(h, axis=1, weights=alpha)
        deviation = np.sqrt(np.average(h**2, axis=1, weights=alpha) - mean**2)
        wanted = pool.projection(torch.from_numpy(np.concatenate([mean, deviation])))
        torch.testing.assert_close(pool(maps)[row], wanted, rtol=1e-4, atol=1e-4)
    # Equal weights: mean and population deviation, whatever the order of the moments.
    nn.init.zeros_(pool.attention[2].weight)
    torch.testing.assert_close(pool.weights(maps), torch.full((2, 1, 11), 1 / 11))
    torch.testing.assert_close(pool(maps), pool(maps.flip(2)))


def test_pooling_by_statistics_is_the_mean_and_the_population_deviation():
    torch.manual_seed(0)
    pool, maps = Statistics(6), torch.randn(2, 6, 11)
    h = maps.numpy()
    wanted = pool.projection(torch.from_numpy(np.concatenate([h.mean(axis=2), h.std(axis=2)], 1)))
    torch.testing.assert_close(pool(maps), wanted, rtol=1e-4, atol=1e-4)


def test_attentive_pooling_takes_one_moment_and_can_learn_from_it():
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(8, 8, 8, 8), pooling="attentive")).eval()
    encoder(torch.randn(2, 64, 5)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())
    extra = {name for name in encoder.state_dict() if not name.startswith("model.")}
    assert {name.split(".")[1] for name in extra} == {"attention", "projection"}


def test_generator_follows_the_table():
    generator = Generator(GeneratorConfig())
    assert n_parameters(generator) == 12_191_875
    shapes = shapes_of(generator, generator.model, torch.zeros(1, 64), nn.ConvTranspose2d)
    assert shapes == [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64),
                      (3, 64, 64)]  # fmt: skip
    assert isinstance(generator.model[-1], nn.ConvTranspose2d)  # no output non-linearity
    assert GeneratorConfig().image_size_px == 64


@pytest.mark.parametrize(("variant", "kernel", "last_is_active"), [
    ("report", 3, True), ("authors", 4, False)
])  # fmt: skip
def test_discriminator_follows_the_table(variant, kernel, last_is_active):
    judge = Discriminator(DiscriminatorConfig(n_classes=(924, 3), variant=variant))
    shapes = shapes_of(judge, judge.trunk, torch.zeros(1, 3, 64, 64), nn.Conv2d)
    assert shapes == [(32, 64, 64), (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4),
                      (64, 1, 1)]  # fmt: skip
    kernels = [layer.kernel_size[0] for layer in judge.trunk if isinstance(layer, nn.Conv2d)]
    assert kernels == [1, *[kernel] * 4, 4]
    assert isinstance(judge.trunk[-1], nn.LeakyReLU) is last_is_active
    real, classes, further = judge(torch.zeros(5, 3, 64, 64))
    assert real.shape == (5,)
    assert classes.shape == (5, 924)
    assert further.shape == (5, 3)
    assert n_parameters(judge.heads.real) == 65


def test_parameter_names_are_those_of_the_published_files():
    voice = VoiceEncoder(VoiceEncoderConfig()).state_dict()
    assert {k.split(".")[1] for k in voice} == {"0", "1", "3", "4", "6", "7", "9", "10", "12"}
    assert "model.0.bias" not in voice
    assert "model.12.bias" in voice
    face = Generator(GeneratorConfig()).state_dict()
    assert sorted(face) == sorted(
        f"model.{n}.{kind}" for n in (0, 2, 4, 6, 8, 10) for kind in ("weight", "bias")
    )


def promised(config, n: int) -> tuple[tuple[torch.Tensor, ...], list[tuple[int, ...]]]:
    """What a network of some settings takes, for n faces or voices, and the shapes it gives."""
    faces = torch.zeros(n, 3, 64, 64)
    if isinstance(config, BaseVoiceEncoderConfig):
        return (torch.zeros(n, config.n_mels, 200),), [(n, config.embedding_dim)]
    if isinstance(config, BaseClassifierConfig):
        return (faces,), [(n,), *((n, labels) for labels in config.n_classes)]
    if isinstance(config, BaseConditionalConfig):
        return (faces, torch.zeros(n, 5, config.embedding_dim)), [(n, 5)]
    drawn = (n, 3, config.image_size_px, config.image_size_px)
    voices = torch.zeros(n, config.embedding_dim)
    if isinstance(config, BaseVoiceGeneratorConfig):
        return (voices,), [drawn]
    noise = torch.zeros(n, config.noise_dim)
    if isinstance(config, BaseNoiseGeneratorConfig):
        return (voices, noise), [drawn]
    assert isinstance(config, BaseClassGeneratorConfig)
    labels = torch.arange(n) % config.n_classes
    return (voices, noise, labels), [drawn, (n, config.n_classes)]


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        pytest.param(*entry, id=name)
        for registry in (VOICE_ENCODERS, GENERATORS, DISCRIMINATORS)
        for name, entry in registry.items()
        if name != "features"  # what the projected objective asks of it: test_frozen_features.py
    ],
)
def test_every_registered_network_gives_what_its_settings_promise(network, kind):
    try:
        built = network(kind())
    except MissingDependencyError as error:
        pytest.skip(str(error))
    taken, shapes = promised(kind(), 4)
    given = built(*taken)
    given = given if isinstance(given, tuple) else (given,)
    assert [tuple(tensor.shape) for tensor in given] == shapes


def test_settings_of_a_run_tell_which_voice_encoder_it_has():
    names = [set(kind.__dataclass_fields__) for _, kind in VOICE_ENCODERS.values()]
    assert not any(later <= one for i, one in enumerate(names) for later in names[i + 1 :])


def test_he_weights_keep_the_size_of_the_signal():
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(channels=(128, 64, 64, 64, 64)))
    initialise_he(generator, unit_input=True)
    faces = generator(nn.functional.normalize(torch.randn(64, 64), dim=1))
    assert 0.5 < faces.std() < 3
    judge = Discriminator(DiscriminatorConfig(channels=(64,) * 5))
    initialise_he(judge)
    embedding = judge.trunk(torch.randn(64, 3, 64, 64))
    assert 0.3 < embedding.std() < 3
    assert all((p == 0).all() for n, p in judge.named_parameters() if n.endswith("bias"))


def test_speech_detector_sees_how_much_its_maps_vary_and_judges_each_alone():
    torch.manual_seed(0)
    network = SpeechDetector(SpeechDetectorConfig()).eval()
    log_mel = torch.randn(3, 64, 150)
    maps = network.maps(log_mel)
    assert maps.shape == (3, 96, 19)
    deviation = (maps.var(2, correction=0) + 1e-5).sqrt()
    found = torch.cat([maps.mean(2), deviation], 1) @ network.decision.weight[0]
    assert torch.allclose(network(log_mel), found + network.decision.bias, atol=1e-4)
    assert torch.allclose(network(log_mel[1:2])[0], network(log_mel)[1], atol=1e-4)


def test_the_two_readings_of_the_voice_encoder_by_hand():
    """Weights, then two numbers a map of each batch normalisation; a bias only in the authors'."""
    widths = (64, 256, 384, 576, 864, 64)
    weights = sum(3 * n_in * n_out for n_in, n_out in pairwise(widths))
    authors = VoiceEncoder(VoiceEncoderConfig())
    report = VoiceEncoder(VoiceEncoderConfig(variant="report")).eval()
    assert n_parameters(authors) == weights + 2 * (256 + 384 + 576 + 864) + 64 == 2_670_720
    assert n_parameters(report) == weights + 2 * (256 + 384 + 576 + 864 + 64) == 2_670_784
    maps = report.model(torch.randn(2, 64, 320))
    assert maps.shape == (2, 64, 10)
    assert maps.min() == 0 < maps.max()
    assert authors.eval().model(torch.randn(2, 64, 320)).min() < 0


def test_the_heads_have_biases_or_not():
    def heads(biases: bool) -> nn.Module:
        config = DiscriminatorConfig(n_classes=(924,), head_biases=biases)
        return Discriminator(config).heads

    assert n_parameters(heads(False)) == 64 * 1 + 64 * 924
    assert n_parameters(heads(True)) == 64 * 1 + 1 + 64 * 924 + 924


def test_presets_name_both_readings():
    wen, report = preset("wen2019"), preset("report2022")
    assert (wen.speaker.encoder.variant, report.speaker.encoder.variant) == ("authors", "report")
    assert (wen.gan.discriminator.variant, wen.gan.discriminator.head_biases) == ("authors", False)
    assert (report.gan.discriminator.variant, report.gan.generator) == (
        "report",
        wen.gan.generator,
    )
