"""Runs that several processes share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.e2e.runs import MODERN, steps

from voice2face.cli import main


def in_two_processes(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "voice2face", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def together(tmp_path: Path, *arguments: str) -> None:
    """Run a command in one process and in two that share the batch, into `one` and `two`."""
    ran = in_two_processes(*arguments, "-o", str(tmp_path / "two"))
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 1, "said by both"
    assert main([*arguments, "-o", str(tmp_path / "one")]) == 0


def assert_close_weights(folder: Path, file: str) -> None:
    one, two = (load_file(folder / name / file) for name in ("one", "two"))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-3, atol=2e-5, msg=key)


@pytest.mark.parametrize("preset", [("--preset", "debug"), (*MODERN, "--set", "gan.images=32")])
def test_two_processes_compute_what_one_does(trained, preset, tmp_path):
    """Each takes half of the batch; only the order of additions differs."""
    store, straight = trained
    together(tmp_path, "train", "gan", str(store), *preset, "--speaker", str(straight))
    assert_close_weights(tmp_path, "gan.safetensors")
    assert (tmp_path / "two" / "bundle" / "model.json").exists()
    logs = [steps(tmp_path / name / "gan.jsonl") for name in ("one", "two")]
    assert logs[0] == logs[1]


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
    together(tmp_path, "train", "speaker", str(trained[0]), "--preset", "debug")
    assert_close_weights(tmp_path, "speaker.safetensors")
    logs = [steps(tmp_path / name / "speaker.jsonl") for name in ("one", "two")]
    assert logs[0] == logs[1]
