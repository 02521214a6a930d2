"""The service as a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from threadpoolctl import threadpool_info

if TYPE_CHECKING:
    import httpx


class Service:
    """A running service, its log, and a client."""

    def __init__(self, *before: str, **settings: object) -> None:
        pytest.importorskip("fastapi", reason="needs pip install '.[test-serve]'")
        httpx = pytest.importorskip("httpx", reason="needs pip install '.[test-serve]'")
        environment = dict(os.environ)
        # A product of matrices differs in its last bits with the number of threads, of which the
        # command takes one: for equal faces, as many here as the library has in the test's process.
        threads = {of["num_threads"] for of in threadpool_info() if of["user_api"] == "blas"}
        environment["OPENBLAS_NUM_THREADS"] = str(max(threads))
        for name, value in {"port": 0, "workers": 2, **settings}.items():
            environment[f"VOICE2FACE_SERVE_{name.upper()}"] = str(value)
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "voice2face", "serve"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[dict] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        (told,) = self.wait_for("listening")
        self.port: int = told["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client: httpx.Client = httpx.Client(base_url=self.url, timeout=60)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            is_json = line.startswith("{")
            self.log.append(json.loads(line) if is_json else {"event": "not JSON", "line": line})

    def wait_for(self, event: str, count: int = 1, **fields: object) -> list[dict]:
        """Wait until the log has so many lines of an event with these fields."""
        for _ in range(3000):
            found = [
                one
                for one in list(self.log)
                if one["event"] == event and fields.items() <= one.items()
            ]
            if len(found) >= count:
                return found
            assert self._reader.is_alive(), self.log
            time.sleep(0.02)
        raise AssertionError(f"no {event} {fields} in {self.log}")

    def metric(self, name: str) -> float:
        """Value of a metric."""
        lines = self.client.get("/metrics").text.splitlines()
        (value,) = (line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} "))
        return float(value)

    def stop(self) -> int:
        """Ask the service to stop, and give its exit status."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self._reader.join()
        assert not [line for line in self.log if line["event"] == "not JSON"]
        return status


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service with its default settings."""
    one = Service(drain_s=0)
    yield one
    assert one.stop() == 0


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Start services with settings of one's own; they are stopped at the end."""
    started: list[Service] = []

    def begin(*before: str, **settings: object) -> Service:
        started.append(Service(*before, **{"drain_s": 0, **settings}))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.stop()


def post(
    service: Service, path: str, recording: Path | bytes, **parameters: object
) -> httpx.Response:
    """Send a recording as the body."""
    content = recording if isinstance(recording, bytes) else recording.read_bytes()
    accept = parameters.pop("accept", "application/json")
    headers = {"Content-Type": "audio/flac", "Accept": str(accept)}
    return service.client.post(path, content=content, headers=headers, params=parameters)  # pyright: ignore[reportArgumentType]
