"""Losses, batches, checkpoints and logs: the parts that the two stages are made of."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from voice2face.data.pairing import pair
from voice2face.data.store import Store, hash_split
from voice2face.errors import ConfigError, DataError
from voice2face.ranges import refuse_problems
from voice2face.scalar_log import read_log
from voice2face.training import checkpoint, presets
from voice2face.training.crops import VoiceCrops, crop_length, faces_to_tensor, random_source
from voice2face.training.gan import losses
from voice2face.training.gan.trainer import jittered, update_average
from voice2face.training.gan.wen2019 import Wen2019Settings
from voice2face.training.progress import ScalarLog

LOGITS = torch.tensor([-2.0, 0.0, 3.0])


def test_losses_are_the_equations():
    d = 1 / (1 + np.exp(-LOGITS.numpy()))
    by_hand = {
        losses.discriminator_real: -np.log(d).mean(),
        losses.discriminator_fake: -np.log(1 - d).mean(),
        losses.non_saturating: -np.log(d).mean(),
        losses.minimax: np.log(1 - d).mean(),
    }
    for loss, value in by_hand.items():
        assert loss(LOGITS).item() == pytest.approx(value, rel=1e-5)
    logits = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    value = -(2 - math.log(math.e + math.e**2) + 0 - math.log(1 + math.exp(-1))) / 2
    assert losses.classification(logits, torch.tensor([1, 0])).item() == pytest.approx(value)


def test_the_minimax_gradient_vanishes_where_the_other_does_not():
    """A sure discriminator (D(G) near 0) teaches nothing through log(1 - D)."""
    gradients = {}
    for name, loss in losses.GENERATOR_LOSSES.items():
        logits = torch.tensor([-8.0], requires_grad=True)
        loss(logits).backward()
        gradients[name] = abs(logits.grad.item())
    assert gradients["minimax"] < 1e-3
    assert gradients["non_saturating"] > 0.99
    with pytest.raises(ConfigError, match="did you mean 'minimax'"):
        refuse_problems(Wen2019Settings(generator_loss="minmax"))


def small_store(tmp_path) -> Store:
    """Two recordings of 5 and 400 frames whose values tell where they come from."""
    log_mels = np.arange(405, dtype=np.float16)[:, None].repeat(64, 1)
    return Store(
        folder=tmp_path,
        card={},
        voices={
            "identity": ["a", "b", "c"],
            "gender": ["female", "male", None],
            "age": ["20-29", None, None],
            "split": ["train", "train", "train"],
            "start": [0, 5, 0],
            "frames": [5, 400, 5],
        },
        faces={
            "identity": ["x", "y", "z"],
            "gender": ["male", "female", "female"],
            "age": ["20-29", "20-29", "30-39"],
            "split": ["train", "train", "test"],
        },
        log_mels=log_mels,
        images=np.zeros((3, 8, 8, 3), np.uint8),
    )


def test_crops_are_consecutive_frames_and_short_recordings_repeat(tmp_path):
    crops = VoiceCrops(small_store(tmp_path))
    lengths = set()
    starts = set()
    for step in range(60):
        rows = torch.tensor([0, 1])
        where = torch.rand(2, generator=random_source(0, "t", step))
        log_mel = crops.crop(rows, crop_length((300, 303), 0, "t", step), where)
        lengths.add(log_mel.shape[2])
        short, long = log_mel[0, 0].numpy(), log_mel[1, 0].numpy()
        np.testing.assert_array_equal(short, (short[0] + np.arange(len(short))) % 5)
        np.testing.assert_array_equal(np.diff(long), 1)
        assert long[0] >= 5
        assert long[-1] <= 404
        starts.add(short[0])
    assert lengths == {300, 301, 302, 303}
    assert starts == {0, 1, 2, 3, 4}


def test_random_numbers_depend_on_seed_stage_and_step_alone():
    def numbers(*arguments):
        return torch.rand(4, generator=random_source(*arguments)).tolist()

    assert numbers(1, "gan", 7) == numbers(1, "gan", 7)
    different = [numbers(*a) for a in ((1, "gan", 7), (2, "gan", 7), (1, "gan", 8), (1, "nag", 7))]
    assert len({tuple(n) for n in different}) == 4


def test_faces_are_scaled_and_mirrored():
    images = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 2, 1).expand(2, 2, 2, 3)
    faces = faces_to_tensor(images, torch.tensor([False, True]))
    assert faces[0, :, 0].tolist() == [[-1, 1]] * 3
    assert faces[1, :, 0].tolist() == [[1, -1]] * 3


def test_jitter_has_the_stated_size():
    embedding = 7 * nn.functional.normalize(torch.randn(2000, 64), dim=1)
    noise = torch.randn(embedding.shape, generator=random_source(0, "t", 0))
    torch.testing.assert_close(jittered(embedding, 0 * noise), embedding / 7)
    moved = jittered(embedding, 0.05 * noise)
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(2000))
    # E cos(e, normalise(e + n)) for 64 dimensions of deviation 0.05: 1 / sqrt(1 + 63 * 0.05^2).
    cosine = (moved * embedding / 7).sum(1).mean().item()
    assert cosine == pytest.approx(1 / math.sqrt(1 + 63 * 0.05**2), abs=0.005)


def test_average_follows_with_its_half_life():
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        average.weight.fill_(0)
        network.weight.fill_(1)
    for _ in range(10):
        update_average(average, network, 0.5 ** (1 / 10))
    assert average.weight.item() == pytest.approx(0.5)
    update_average(average, network, 0.0)
    assert average.weight.item() == 1


def trained(steps: int):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    for step in range(steps):
        data = torch.rand(8, 3, generator=random_source(0, "t", step))
        optimizer.zero_grad()
        network(data).pow(2).mean().backward()
        optimizer.step()
    return network, optimizer


def test_a_checkpoint_brings_everything_back_bit_for_bit(tmp_path):
    network, optimizer = trained(5)
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"network": network, "optimizer": optimizer}, {"step": 5})
    other, other_optimizer = trained(0)
    state = checkpoint.load(path, {"network": other, "optimizer": other_optimizer})
    assert state == {"step": 5}
    for one, two in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    for pair_of in ((network, optimizer), (other, other_optimizer)):
        pair_of[1].zero_grad()
        pair_of[0](torch.ones(2, 3)).sum().backward()
        pair_of[1].step()
    assert torch.equal(network[0].weight, other[0].weight)


@pytest.mark.parametrize("content", [b"", b"rubbish" * 99])
def test_a_damaged_checkpoint_is_told(tmp_path, content):
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a checkpoint of this run"):
        checkpoint.load(path, {"network": nn.Linear(1, 1)})
    checkpoint.save(path, {"network": nn.Linear(1, 1)}, {})
    with pytest.raises(DataError, match="not a checkpoint of this run"):
        checkpoint.load(path, {"network": nn.Linear(2, 2)})


def test_scalar_log_drops_what_the_checkpoint_does_not_have(tmp_path):
    path = tmp_path / "log.jsonl"
    with ScalarLog(path, 0) as log:
        for step in (1, 2, 3):
            log.write(step, {"a/b": step / 10})
    with path.open("a") as file:
        file.write('{"step": 4, "ti')  # killed while writing
    with ScalarLog(path, 2) as log:
        log.write(3, {"a/b": 9.0})
        with pytest.raises(DataError, match="a/b is nan at 4; the run has diverged"):
            log.write(4, {"a/b": math.nan})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["a/b"]) for line in lines] == [(1, 0.1), (2, 0.2), (3, 9.0)]


def test_seconds_leave_out_the_time_a_run_stood_still(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(json.dumps({"step": t, "time": t}) for t in (0, 10, 30, 9000, 9005)))
    assert read_log(path).seconds() == 35


def test_pairing_by_gender_and_more(tmp_path):
    store = small_store(tmp_path)
    pairing = pair(store, "gender", "train")
    assert pairing.labels == ("female", "male")
    assert pairing.voice_rows.tolist() == [0, 1]
    assert pairing.voice_labels.tolist() == [0, 1]
    assert pairing.face_rows.tolist() == [0, 1]
    assert pairing.face_labels.tolist() == [1, 0]
    finer = pair(store, "gender,age", "train")
    assert finer.labels == ("female/20-29",)
    assert finer.voice_rows.tolist() == [0]
    assert finer.face_rows.tolist() == [1]
    with pytest.raises(DataError, match="no identity is common to voices"):
        pair(store, "identity", "train")
    with pytest.raises(ConfigError, match="give some of identity, gender, age"):
        pair(store, "gendre", "train")


def test_hash_split_is_a_tenth_and_never_moves():
    splits = [hash_split(f"person {n}") for n in range(5000)]
    assert 0.08 < splits.count("test") / 5000 < 0.12
    assert hash_split("librispeech/4340") == hash_split("librispeech/3699") == "test"


def test_presets():
    wen = presets.preset("wen2019")
    assert wen.gan.batch_size == 128
    assert wen.gan.images == 50_000 * 128
    assert wen.gan.learning_rate == 2e-4
    assert wen.gan.betas == (0.5, 0.999)
    assert wen.gan.discriminator.variant == "authors"
    assert wen.gan.jitter == 0.05
    for name in presets.PRESETS:
        assert presets.preset(name).name == name
        settings = presets.preset(name)
        assert settings.gan.generator.image_size_px == settings.store.image_size_px
    with pytest.raises(ConfigError, match="did you mean 'starter'"):
        presets.preset("startr")


def narrow_and_wide() -> tuple[dict, dict]:
    """Networks of which the second has a layer of another width and one more."""
    torch.manual_seed(0)
    networks = (
        nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 1)),
    )
    both = []
    for network in networks:
        optimizer = torch.optim.Adam(network.parameters())
        network(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        both.append({"generator": network, "optimizer": optimizer})
    return both[0], both[1]


def test_networks_of_another_size_begin_with_the_layers_that_fit(tmp_path):
    narrow, wide = narrow_and_wide()
    checkpoint.save(tmp_path / "a", narrow, {"images": 7})
    assert checkpoint.restate(tmp_path / "a", tmp_path / "b", {"images": 0}) == {"images": 7}
    second = wide["generator"][1].weight.clone()
    state = checkpoint.load(tmp_path / "b", wide)
    assert state["unread"] == [
        f"generator/{layer}.{what}" for layer in (1, 2) for what in ("bias", "weight")
    ]
    assert torch.equal(wide["generator"][0].weight, narrow["generator"][0].weight)
    assert torch.equal(wide["generator"][1].weight, second)
    assert not wide["optimizer"].state  # its moments are of other weights
    # Of the same size, all is taken, the optimiser's moments too.
    _, equal = narrow_and_wide()
    equal["generator"] = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    equal["optimizer"] = torch.optim.Adam(equal["generator"].parameters())
    assert checkpoint.load(tmp_path / "b", equal)["unread"] == []
    assert torch.equal(equal["generator"][1].weight, narrow["generator"][1].weight)
    assert len(equal["optimizer"].state) == 4
    # A smaller one lacks nothing, but the moments are of other weights again.
    small: dict = {"generator": nn.Sequential(nn.Linear(3, 4))}
    small["optimizer"] = torch.optim.Adam(small["generator"].parameters())
    assert checkpoint.load(tmp_path / "b", small)["unread"] == []
    assert torch.equal(small["generator"][0].weight, narrow["generator"][0].weight)
    assert not small["optimizer"].state
    # A run's own checkpoint must fit wholly; networks of which nothing fits are others.
    with pytest.raises(DataError, match="not a checkpoint of this run"):
        checkpoint.load(tmp_path / "a", wide)
    with pytest.raises(DataError, match="no tensor of its generator has the shape of this run's"):
        checkpoint.load(tmp_path / "b", {"generator": nn.Linear(9, 9)})
