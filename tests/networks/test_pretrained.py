"""Trunks that learnt beforehand: names and shapes of files, what they compute, and who refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from voice2face.errors import ConfigError, DataError, MissingDependencyError
from voice2face.networks.initialise import initialise_he
from voice2face.networks.pretrained_discriminator import (
    PretrainedDiscriminator,
    PretrainedDiscriminatorConfig,
)
from voice2face.networks.resnet import Resnet

State = dict[str, Tensor]


def of_resnet(widths: tuple[int, ...], blocks: tuple[int, ...], deep: bool) -> State:
    """A state dict with the names and proportions of torchvision's ResNets, written by hand."""
    random = torch.Generator().manual_seed(0)
    state: State = {}

    def layer(convolution: str, norm: str, n_out: int, n_in: int, kernel: int) -> None:
        draw = torch.randn(n_out, n_in, kernel, kernel, generator=random)
        state[f"{convolution}.weight"] = draw / (n_in * kernel**2) ** 0.5
        state[f"{norm}.weight"] = torch.rand(n_out, generator=random) + 0.5
        state[f"{norm}.bias"] = torch.randn(n_out, generator=random)
        state[f"{norm}.running_mean"] = torch.randn(n_out, generator=random)
        state[f"{norm}.running_var"] = torch.rand(n_out, generator=random) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("conv1", "bn1", widths[0], 3, 7)
    n_in = widths[0]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        n_out = 4 * width if deep else width
        for index in range(count):
            at = f"layer{stage}.{index}."
            shapes = [(width, n_in, 3), (width, width, 3)]
            if deep:
                shapes = [(width, n_in, 1), (width, width, 3), (n_out, width, 1)]
            for number, shape in enumerate(shapes, start=1):
                layer(f"{at}conv{number}", f"{at}bn{number}", *shape)
            if index == 0 and (stage > 1 or n_in != n_out):
                layer(f"{at}downsample.0", f"{at}downsample.1", n_out, n_in, 1)
            n_in = n_out
    state["fc.weight"], state["fc.bias"] = torch.zeros(1000, n_in), torch.zeros(1000)
    return state


def as_published(state: State, pixels: Tensor, deep: bool) -> Tensor:
    """The network by layers that fold nothing, in double precision."""
    state = {name: value.double() for name, value in state.items()}

    def layer(x: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{convolution}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        names = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{norm}.{name}"] for name in names), eps=1e-5)

    mean = torch.tensor([0.485, 0.456, 0.406]).double().view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).double().view(3, 1, 1)
    x = (pixels.double() / 255 - mean) / deviation
    x = F.max_pool2d(layer(x, "conv1", "bn1", 2).relu(), 3, 2, 1)
    for stage in range(1, 5):
        index = 0
        while f"layer{stage}.{index}.conv1.weight" in state:
            at = f"layer{stage}.{index}."
            stride = 2 if stage > 1 and index == 0 else 1
            strides = (1, stride, 1) if deep else (stride, 1)
            y = x
            for number, step in enumerate(strides, start=1):
                y = layer(y, f"{at}conv{number}", f"{at}bn{number}", step)
                y = y.relu() if number < len(strides) else y
            if f"{at}downsample.0.weight" in state:
                x = layer(x, f"{at}downsample.0", f"{at}downsample.1", stride)
            x = (x + y).relu()
            index += 1
    return x


@pytest.mark.parametrize(("deep", "prefix"), [(False, ""), (True, "module.")])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_resnet_of_a_file_computes_what_the_published_layers_do(deep, prefix, suffix, tmp_path):
    state = of_resnet((8, 12, 16, 20), (2, 1, 2, 1), deep)
    path = tmp_path / f"weights.{suffix}"
    write = torch.save if suffix == "pth" else save_file
    write({prefix + name: value for name, value in state.items()}, path)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        found = Resnet(path).maps(pixels)
    wanted = as_published(state, pixels, deep)
    assert found.shape == (2, 80 if deep else 20, 2, 2)
    # Some ten layers in float32, whose sums are of a hundred terms of order 1.
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4)


def test_resnet18_of_torchvision_has_its_published_size(tmp_path):
    """11,689,512, of which 513,000 are the classes', and a norm's gain is kept in the weights."""
    state = of_resnet((64, 128, 256, 512), (2, 2, 2, 2), deep=False)
    learnt = [n for n in state if not n.endswith(("running_mean", "running_var", "tracked"))]
    assert sum(state[name].numel() for name in learnt) == 11_689_512
    torch.save(state, tmp_path / "resnet18.pth")
    trunk = Resnet(tmp_path / "resnet18.pth")
    norms = sum(value.numel() for name, value in state.items() if name.endswith("running_var"))
    assert sum(p.numel() for p in trunk.parameters()) == 11_689_512 - 513_000 - norms


def deeper_stem(state: State) -> None:
    state["conv1.weight"] = torch.zeros(8, 3, 3, 3)


def grouped(state: State) -> None:
    state["layer1.0.conv2.weight"] = torch.zeros(8, 4, 3, 3)


def without_a_norm(state: State) -> None:
    del state["layer2.0.downsample.1.running_var"]


def of_another_kind(state: State) -> None:
    for name in [name for name in state if name.startswith("layer1")]:
        del state[name]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (deeper_stem, r"'conv1.weight': (8, 3, 3, 3), not (8, 3, 7, 7)"),
        (grouped, r"'layer1.0.conv2.weight': (8, 4, 3, 3), not (8, 8, 3, 3)"),
        (without_a_norm, r"'layer2.0.downsample.1.running_var': nothing, not (12,)"),
        (of_another_kind, "torchvision's or timm's resnet18, resnet34 or resnet50"),
    ],
)
def test_another_network_is_refused_by_the_tensor(
    spoil: Callable[[State], None], message, tmp_path
):
    state = of_resnet((8, 12, 16, 20), (1, 1, 1, 1), deep=False)
    spoil(state)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(DataError, match=re.escape(message)):
        Resnet(tmp_path / "weights.pth")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_of_no_tensors_is_refused(suffix, tmp_path):
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(b"no tensors at all")
    with pytest.raises(DataError, match=re.escape(str(path))):
        Resnet(path)


def a_discriminator(folder: Path, **settings) -> PretrainedDiscriminator:
    torch.save(of_resnet((8, 8, 8, 8), (1, 1, 1, 1), deep=False), folder / "weights.pth")
    torch.manual_seed(0)
    about = {"weights": str(folder / "weights.pth"), "n_classes": (3, 2), "stride": 16}
    return PretrainedDiscriminator(PretrainedDiscriminatorConfig(**about | settings))


def test_each_face_is_judged_alone_at_any_size_and_initial_weights_are_not_the_trunks(tmp_path):
    judge = a_discriminator(tmp_path, size_px=96)
    trunk = {name: value.clone() for name, value in judge.trunk.state_dict().items()}
    initialise_he(judge)
    assert all(torch.equal(value, judge.trunk.state_dict()[name]) for name, value in trunk.items())
    for size in (64, 96, 128):
        faces = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(2)) * 2 - 1
        together = judge.train()(faces)
        assert [tuple(one.shape) for one in together] == [(3,), (3, 3), (3, 2)]
        alone = judge.eval()(faces[1:2])
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one[1:2], other, rtol=1e-5, atol=1e-5)


def test_faces_are_enlarged_and_normalised_as_the_trunk_was_taught(tmp_path):
    """By the nearest four pixels, to which torch's own double precision is the reference."""
    judge = a_discriminator(tmp_path, size_px=128)
    faces = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1
    seen: list[Tensor] = []
    judge.trunk.stem.register_forward_hook(lambda _module, given, _out: seen.append(given[0]))
    judge(faces)
    at = (torch.arange(128) + 0.5) / 128 * 2 - 1
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=-1).expand(2, -1, -1, -1)
    large = F.grid_sample(faces.double(), grid.double(), padding_mode="border", align_corners=False)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    wanted = (large / 2 + 0.5 - mean) / deviation
    torch.testing.assert_close(seen[0].double(), wanted, rtol=0, atol=1e-4)


def test_a_frozen_trunk_passes_gradients_to_the_faces_only(tmp_path):
    judge = a_discriminator(tmp_path)
    assert judge.is_frozen
    faces = torch.rand(2, 3, 64, 64)
    judge(faces)[0].sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in judge.trunk.parameters())
    assert judge.last.weight.grad is not None
    assert judge.last.weight.grad.any()
    judge.requires_grad_(False)
    judge(faces.requires_grad_())[0].sum().backward()
    assert faces.grad is not None
    assert faces.grad.any()


@pytest.mark.parametrize(("stride", "width"), [(8, 40), (16, 112), (32, 320)])
def test_the_installed_trunk_is_cut_where_its_maps_have_the_stride(stride, width):
    try:
        judge = PretrainedDiscriminator(PretrainedDiscriminatorConfig(stride=stride, size_px=64))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    assert isinstance(judge.last, nn.Conv2d)
    assert judge.last.weight.shape == (64, width, 64 // stride, 64 // stride)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 10}, "stride is 8, 16 or 32, not 10"),
        ({"size_px": 100}, "size_px is a multiple of stride 32, not 100"),
        ({"frozen_images": -1, "trunk_rate": 0.0}, "frozen_images is 0.*trunk_rate is above 0"),
    ],
)
def test_settings_out_of_range_are_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        PretrainedDiscriminatorConfig(**settings)


def test_until_when_it_is_frozen():
    frozen = [
        [PretrainedDiscriminatorConfig(frozen_images=n).is_frozen(at) for at in (0, 15, 16)]
        for n in (0, 16, None)
    ]
    assert frozen == [[False] * 3, [True, True, False], [True] * 3]
