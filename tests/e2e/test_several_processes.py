"""Runs that several processes share.

What two processes compute differs from what one does by rounding only: sums in another order, and
other kernels, which are chosen by processor and shape of the batch. How much that is, after steps
of an optimiser that magnifies it where gradients are near 0, depends on the processor. So the
yardstick is measured where the test runs: what one process computes otherwise when each layer takes
the batch in shares, when it has another number of threads, and when the kernels are torch's own.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.e2e.runs import MODERN, steps
from torch import nn

from voice2face.cli import main
from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.training.engine import Engine
from voice2face.training.gan.stage import train_gan
from voice2face.training.run import run_speaker, settings_of
from voice2face.training.speaker.trained_encoder import trained_encoder

pytestmark = pytest.mark.long

# On AVX2 and SSE4.1, rounding moves weights by 1e-8 to 7e-7 of their length and moments by up to
# 2e-5, and two processes were up to 2.1 times as far off. What it does to a few weights with
# gradients near 0 is a matter of chance, so 50. Errors made on purpose (losses counted twice;
# gradients, data or statistics of a process its own) move moments by 0.2 and more; the least of
# them (running variances without n / (n - 1)) moves the encoder by 5e-5, a thousand times rounding.
_TIMES_ROUNDING = 50


def in_two_processes(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "voice2face", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def in_one_process(
    stage: str, trained: tuple[Path, Path], preset: Sequence[str], run: Path
) -> None:
    """Train without the export, which is not of interest here."""
    store, straight = Store.open(trained[0]), trained[1]
    settings = settings_of(preset[1], 0, list(preset[3::2]))
    if stage == "speaker":
        run_speaker(store, settings, run)
        return
    run.mkdir()
    encoder = trained_encoder(straight).network
    train_gan(store, pair(store, "identity", "train"), encoder, settings, run, Engine())


@contextlib.contextmanager
def layers_in_shares(n: int) -> Iterator[None]:
    """Compute each layer on one share of the batch after the other, as `n` processes would."""
    layers = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    with pytest.MonkeyPatch.context() as patch:
        for layer in layers:

            def forward(self, values, *more, whole=layer.forward):
                shares = values.split(math.ceil(len(values) / n))
                return torch.cat([whole(self, share, *more) for share in shares])

            patch.setattr(layer, "forward", forward)
        yield


@contextlib.contextmanager
def other_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(1 if usual > 1 else 2)
    yield
    torch.set_num_threads(usual)


OTHERWISE = {
    "halves": lambda: layers_in_shares(2),
    "singles": lambda: layers_in_shares(8),
    "threads": other_threads,
    "kernels": lambda: torch.backends.mkldnn.flags(enabled=False),
}


def distances(folder: Path, name: str, file: str) -> dict[str, float]:
    """How far a run is from `one`, as a share of the length of each network and its moments."""
    first, second = load_file(folder / "one" / file), load_file(folder / name / file)
    assert first.keys() == second.keys()
    parts: dict[str, list[str]] = {}
    for key, value in first.items():
        if value.is_floating_point():
            part, *_, field = key.split("/")
            parts.setdefault(f"{part}/{field}" if "optimizer" in part else part, []).append(key)
        else:
            assert torch.equal(value, second[key]), key
    return {part: _distance(first, second, keys) for part, keys in parts.items()}


def _distance(first: dict, second: dict, keys: list[str]) -> float:
    one, other = (torch.cat([of[k].double().flatten() for k in keys]) for of in (first, second))
    return float((one - other).norm() / one.norm())


def assert_two_compute_what_one_does(
    stage: str, trained: tuple[Path, Path], preset: Sequence[str], folder: Path
) -> None:
    arguments = ["train", stage, str(trained[0]), *preset, "-o", str(folder / "two")]
    if stage == "gan":
        arguments += ["--speaker", str(trained[1])]
    ran = in_two_processes(*arguments)
    assert ran.returncode == 0, ran.stderr
    told = ran.stdout.splitlines()
    assert len(told) == len(set(told)) == (2 if stage == "gan" else 1), "said by both"
    in_one_process(stage, trained, preset, folder / "one")
    rounding: dict[str, float] = {}
    for name, context in OTHERWISE.items():
        with context():
            in_one_process(stage, trained, preset, folder / name)
        for part, distance in distances(folder, name, f"{stage}.safetensors").items():
            rounding[part] = max(distance, rounding.get(part, 0.0))
    found = distances(folder, "two", f"{stage}.safetensors")
    print(
        *(f"{part}: {found[part]:.1e}, rounding {rounding[part]:.1e}" for part in found), sep="\n"
    )
    for part, distance in found.items():
        assert distance <= _TIMES_ROUNDING * rounding[part], part
    logs = [steps(folder / name / f"{stage}.jsonl") for name in ("one", "two")]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("preset", [("--preset", "debug"), (*MODERN, "--set", "gan.images=32")])
def test_two_processes_compute_what_one_does(trained, preset, tmp_path):
    """Each takes half of the batch."""
    assert_two_compute_what_one_does("gan", trained, preset, tmp_path)
    assert (tmp_path / "two" / "bundle" / "model.json").exists()


def test_what_goes_wrong_in_the_first_process_is_said_without_a_traceback(trained, tmp_path):
    """The first alone compares settings; the other waits for it, and is left alone."""
    store, _ = trained
    arguments = ("train", "speaker", str(store), "--preset", "debug", "-o", str(tmp_path / "run"))
    assert main(list(arguments)) == 0
    ran = in_two_processes(*arguments, "--set", "speaker.learning_rate=1e-9")
    assert ran.returncode != 0
    assert "learning_rate" in ran.stderr
    assert "another process of the run ended" in ran.stderr
    assert "[rank" not in ran.stderr


def test_two_processes_compute_what_one_does_in_the_speaker_stage(trained, tmp_path):
    """The statistics of batch normalisation are those of the whole batch, too."""
    assert_two_compute_what_one_does("speaker", trained, ("--preset", "debug"), tmp_path)
