"""Short runs through the real command, and what is asked of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

SHORT = ("--preset", "debug", "--set", "gan.images=320", "--set", "gan.checkpoint_images=80")


# The modern game in as little.
MODERN = (
    "--preset", "modern-64", "--set", "gan.batch_size=8", "--set", "gan.group=4",
    "--set", "gan.penalty_steps=3", "--set", "gan.generator.channels=16,16,16,16",
    "--set", "gan.discriminator.channels=16,16,16,16",
    "--set", "gan.matcher.channels=16,16,16", "--set", "gan.crop_frames=150,160",
)  # fmt: skip

# The game of frozen features.
PROJECTED = (
    "--preset", "projected-64", "--set", "gan.batch_size=4", "--pair-by", "gender",
    "--set", "gan.generator.channels=16,16,16,16,16", "--set", "gan.discriminator.mixed=8,8,8,8",
    "--set", "gan.discriminator.heads=8,8,8", "--set", "gan.crop_frames=100,110",
    "--set", "gan.copied_images=12",
)  # fmt: skip

# Forty steps: a checkpoint after every ten.
SPEAKER = ("--preset", "debug", "--set", "speaker.steps=40", "--set", "speaker.steps_per_epoch=10")


def speaker(trained: tuple[Path, Path], run: Path, *more: str) -> list[str]:
    return ["train", "speaker", str(trained[0]), *SPEAKER, "-o", str(run), *more]


def speech(people: Path, run: Path, *more: str) -> list[str]:
    """Two hundred steps: a checkpoint after every ten."""
    return ["train", "speech", str(people), "--preset", "debug", "--set", "speech.steps=200",
            "--set", "speech.steps_per_epoch=10", "-o", str(run), *more]  # fmt: skip


def command(trained: tuple[Path, Path], run: Path, *more: str) -> list[str]:
    store, straight = trained
    return ["train", "gan", str(store), *SHORT, "--speaker", str(straight), "-o", str(run), *more]


def start(arguments: list[str], **options) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen(
        [sys.executable, "-m", "voice2face", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def assert_same_weights(one: Path, other: Path, file: str = "gan.safetensors") -> None:
    first, second = load_file(one / file), load_file(other / file)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def stop(process: subprocess.Popen, number: signal.Signals, message: str) -> None:
    process.send_signal(number)
    _, said = process.communicate()
    if number == signal.SIGTERM:
        assert process.returncode == 130, said
        assert re.search(message, said)
    else:
        assert process.returncode == -signal.SIGKILL
    assert "Traceback" not in said


def steps(log: Path) -> list[int]:
    return [json.loads(line)["step"] for line in log.read_text().splitlines()]
