"""A trunk that learnt beforehand, through the real loop: frozen, fine-tuned, gone on with, told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.e2e.runs import assert_same_weights, command
from tests.e2e.test_several_processes import assert_two_compute_what_one_does
from tests.networks.test_pretrained import of_resnet

from voice2face.cli import main
from voice2face.files import sha256
from voice2face.networks.resnet import Resnet

TRUNK = "discriminator/trunk."


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet.pth"
    torch.save(of_resnet((8, 8, 8, 8), (1, 1, 1, 1), deep=False), path)
    return path


def settings(weights: Path, images: int, frozen: int | None) -> list[str]:
    sets = ["gan.discriminator=pretrained", f"gan.discriminator.weights={weights}",
            "gan.discriminator.size_px=64", "gan.discriminator.stride=16",
            f"gan.discriminator.frozen_images={frozen}", f"gan.images={images}",
            "gan.checkpoint_images=16"]  # fmt: skip
    return [word for one in sets for word in ("--set", one)]


@pytest.fixture(scope="module")
def straight(trained, weights, tmp_path_factory) -> Path:
    """Six steps, of which the first three leave the trunk as it was."""
    run = tmp_path_factory.mktemp("trunk") / "run"
    assert main(command(trained, run, *settings(weights, 48, 24))) == 0
    return run


def trunk_of(run: Path) -> dict[str, torch.Tensor]:
    state = load_file(run / "gan.safetensors")
    return {key.removeprefix(TRUNK): v for key, v in state.items() if key.startswith(TRUNK)}


def changed(run: Path, weights: Path) -> set[str]:
    before, after = Resnet(weights, 3).state_dict(), trunk_of(run)
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.long
def test_not_one_bit_of_the_trunk_changes_until_so_many_images(trained, weights, tmp_path):
    run = tmp_path / "run"
    for images, some_change in ((16, False), (24, False), (32, True)):
        assert main(command(trained, run, *settings(weights, images, 24))) == 0
        assert bool(changed(run, weights)) == some_change, images
    always = tmp_path / "always"
    assert main(command(trained, always, *settings(weights, 32, None))) == 0
    assert not changed(always, weights)
    never = tmp_path / "never"
    assert main(command(trained, never, *settings(weights, 16, 0))) == 0
    assert changed(never, weights) == set(trunk_of(never))


@pytest.mark.long
@pytest.mark.parametrize("stops", [(16,), (24,), (32,)])
def test_a_run_gone_on_with_ends_with_the_same_weights(trained, weights, straight, stops, tmp_path):
    """Stopped while the trunk is frozen, as it thaws, and afterwards."""
    for images in (*stops, 48):
        assert main(command(trained, tmp_path / "run", *settings(weights, images, 24))) == 0
    assert_same_weights(straight, tmp_path / "run")


@pytest.mark.long
def test_the_first_step_of_the_thawed_trunk_is_as_long_as_the_rate_allows(
    trained, weights, tmp_path
):
    """Adam's first step is the rate, however long the trunk was frozen: a tenth of the heads'."""
    assert main(command(trained, tmp_path / "run", *settings(weights, 32, 24))) == 0
    before, after = Resnet(weights, 3).state_dict(), trunk_of(tmp_path / "run")
    steps = torch.cat([(after[name] - before[name]).flatten().abs() for name in before])
    # The rate is 2e-4, a tenth of it 2e-5; a weight of order 1 is rounded to 1.2e-7.
    assert steps.max() < 2.1e-5
    assert steps.median() > 1.9e-5


@pytest.mark.long
def test_two_processes_compute_what_one_does(trained, weights, tmp_path):
    """Over the thaw: both then begin to share the trunk's gradients."""
    preset = ("--preset", "debug", *settings(weights, 32, 16))
    assert_two_compute_what_one_does("gan", trained, preset, tmp_path)


@pytest.mark.long
def test_settings_and_card_name_the_weights_by_content(trained, weights, straight, tmp_path):
    digest = sha256(weights)
    config = json.loads((straight / "config.json").read_text())
    assert config["gan_data"]["trunk_sha256"] == digest
    card = json.loads((straight / "bundle" / "model.json").read_text())["card"]
    said = card["trunk_of_discriminator_and_classifier"]
    assert digest in said
    assert "frozen for 24 images, then fine-tuned" in said
    assert digest in (straight / "bundle" / "MODEL_CARD.md").read_text()
    assert "--set gan.discriminator.weights=resnet.pth " in card["command"]
    assert str(weights.parent) not in (straight / "bundle" / "model.json").read_text()


@pytest.mark.long
def test_weights_may_move_but_not_change(trained, weights, straight, tmp_path, capsys):
    run = shutil.copytree(straight, tmp_path / "run")
    moved = Path(shutil.copy(weights, tmp_path / "moved.pth"))
    assert main(command(trained, run, *settings(moved, 48, 24))) == 0
    state = of_resnet((8, 8, 8, 8), (1, 1, 1, 1), deep=False)
    torch.save({**state, "bn1.bias": state["bn1.bias"] + 1}, moved)
    capsys.readouterr()
    assert main(command(trained, run, *settings(moved, 48, 24))) == 1
    assert "the data changed (gan.trunk_sha256 was" in capsys.readouterr().err
    moved.unlink()
    assert main(command(trained, run, *settings(moved, 48, 24))) == 1
    said = capsys.readouterr().err
    assert f"gan.discriminator.weights: {moved}: no such file; give 'efficientnet-lite0'" in said
