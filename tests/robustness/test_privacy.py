"""What the command does to the machine besides drawing: nothing is sent, nothing is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def _traced() -> list[str]:
    """A command that records system calls of what follows, where it has no network."""
    for isolated in (["unshare", "-n"], ["unshare", "-rn"]):
        try:
            subprocess.run([*isolated, "strace", "-V"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return [*isolated, "strace", "-f", "-qq", "-e", "trace=socket,connect,open,openat,creat"]
    return []


@pytest.mark.skipif(not _traced(), reason="needs strace, and unshare without a network")
@pytest.mark.parametrize("stays_s", [0, 3])
def test_no_socket_is_opened_and_only_the_result_is_written(example, tmp_path, stays_s):
    home, out, calls = tmp_path / "home", tmp_path / "out.png", tmp_path / "calls"
    home.mkdir()
    program = (
        "import sys, time; from voice2face.cli import main; "
        f"status = main(['generate', {str(example)!r}, '-o', {str(out)!r}]); "
        f"time.sleep({stays_s}); sys.exit(status)"  # ONNX Runtime asked for names after a second
    )
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run(
        [*_traced(), "-o", str(calls), sys.executable, "-c", program],
        check=True, env=environment, capture_output=True,
    )  # fmt: skip
    told = calls.read_text(errors="replace")
    assert "librispeech" in told  # it was recorded at all
    assert "AF_INET" not in told
    written = {
        Path(path)
        for path, flags in re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", ([A-Z_|]+)', told)
        if re.search("O_WRONLY|O_RDWR|O_CREAT", flags)
    }
    others = {path for path in written if path.parent != out.parent and str(path) != os.devnull}
    assert not {path for path in others if not str(path).startswith(("/proc/", "/dev/"))}
    assert [path.name for path in tmp_path.iterdir() if path not in (home, calls)] == [out.name]
    assert not list(home.iterdir())


def test_the_switch_is_set_before_onnxruntime_is_imported():
    program = "import os, voice2face; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {key: value for key, value in os.environ.items() if "TELEMETRY" not in key}
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "1"
