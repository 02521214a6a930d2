"""Slow, large, many and hostile requests; workers that die; and a stop that loses no answer."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from benchmarks.fuzz_cases import SEEDS, mutate
from benchmarks.fuzz_cases import recording as seed_recording
from tests.service.conftest import Service, post


def _connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def _head(path: str, n_bytes: int | None = None) -> bytes:
    length = "Transfer-Encoding: chunked" if n_bytes is None else f"Content-Length: {n_bytes}"
    lines = (f"POST {path} HTTP/1.1", "Host: x", "Content-Type: audio/flac", length, "", "")
    return "\r\n".join(lines).encode()


def _answer(connection: socket.socket) -> bytes:
    """All that the server sends until it closes the connection."""
    received = b""
    while block := connection.recv(65536):
        received += block
    return received


def test_a_request_that_is_too_large_is_refused_while_it_is_read(start):
    service = start(max_body_mib=1, workers=1)
    block = bytes(1 << 16)
    # Announced: before its body is sent.
    with _connect(service) as connection:
        connection.sendall(_head("/v1/faces", (1 << 20) + 1))
        assert _answer(connection).startswith(b"HTTP/1.1 413 ")
    # Not announced, and never ending.
    with _connect(service) as connection:
        connection.sendall(_head("/v1/faces"))
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):  # closed by the server
            while True:
                connection.sendall(b"10000\r\n" + block + b"\r\n")
    service.wait_for("request", status=413, count=2)
    form = service.client.post("/v1/faces", files={"recording": bytes(1 << 20)})
    assert form.status_code == 413
    assert form.json()["detail"].startswith("the request has more than 1 MiB")
    assert service.metric("voice2face_buffered_bytes") == 0
    small = post(service, "/v1/faces", bytes(1 << 20))
    assert small.status_code == 422  # exactly at the limit: read, and no recording


def test_requests_together_are_bounded(start):
    service = start(max_body_mib=2, max_buffered_mib=2, workers=1)
    with _connect(service) as connection:
        connection.sendall(_head("/v1/faces", 1 << 21) + bytes(3 << 19))
        while service.metric("voice2face_buffered_bytes") < 3 << 19:
            time.sleep(0.02)
        refused = post(service, "/v1/faces", bytes(1 << 20))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    while service.metric("voice2face_buffered_bytes"):  # given back when the client is gone
        time.sleep(0.02)
    assert post(service, "/v1/faces", bytes(1 << 20)).status_code == 422


def test_clients_that_trickle_bytes_are_cut_off_and_hinder_nobody(start, example):
    service = start(read_limit_s=1, workers=1)
    ended: dict[str, bytes] = {}

    def trickle(name: str, beginning: bytes, more: bytes) -> None:
        with _connect(service) as connection:
            connection.sendall(beginning)
            connection.settimeout(0.1)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while True:
                    connection.sendall(more)
                    with contextlib.suppress(TimeoutError):
                        if not (received := connection.recv(65536)):
                            return
                        ended[name] = ended.get(name, b"") + received

    cases = {
        "head": (b"POST /v1/faces HTTP/1.1\r\n", b"X: 1\r\n"),
        "body": (_head("/v1/faces", 100_000), b"x"),
        "chunks": (_head("/v1/faces"), b"1\r\nx\r\n"),
        "second head": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET", b" "),
    }
    with ThreadPoolExecutor(len(cases)) as threads:
        running = [threads.submit(trickle, name, *case) for name, case in cases.items()]
        assert post(service, "/v1/embedding", example).status_code == 200
        for one in running:
            one.result(30)
    assert ended["body"].startswith(b"HTTP/1.1 408 ")
    assert ended["chunks"].startswith(b"HTTP/1.1 408 ")
    assert ended["second head"].startswith(b"HTTP/1.1 200 ")
    assert "head" not in ended


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


def _children(pid: int) -> list[int]:
    """Worker processes of a service."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(one) for task in tasks for one in (task / "children").read_text().split()]
    return [one for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


@contextlib.contextmanager
def _held(service: Service) -> Iterator[None]:
    """Stop the one worker of a service: what it is given takes until the end of the block."""
    (worker,) = _children(service.process.pid)
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)


@needs_proc
def test_a_full_queue_is_told_at_once(start, example):
    service = start(workers=1, queue=1)
    with ThreadPoolExecutor(2) as threads:
        with _held(service):
            slow = [threads.submit(post, service, "/v1/embedding", example) for _ in range(2)]
            while service.metric("voice2face_requests_waiting") < 1:
                time.sleep(0.01)
            refused = post(service, "/v1/embedding", example)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.json()["type"].endswith(":busy")
        assert [one.result().status_code for one in slow] == [200, 200]
    assert post(service, "/v1/embedding", example).status_code == 200


@needs_proc
def test_a_recording_that_takes_too_long_costs_no_other_request(start, example):
    service = start(workers=1, work_limit_s=2)
    with _held(service):
        slow = post(service, "/v1/embedding", example)
    assert (slow.status_code, slow.json()["type"].rpartition(":")[2]) == (504, "too-slow")
    assert post(service, "/v1/embedding", example).status_code == 200
    assert service.metric('voice2face_worker_restarts_total{reason="too slow"}') == 1


@needs_proc
def test_a_worker_that_dies_is_replaced(start, example):
    service = start(workers=1)
    (worker,) = _children(service.process.pid)
    limits = Path(f"/proc/{worker}/limits").read_text()
    assert re.search(r"Max file size +0 +0 ", limits)
    assert re.search(r"Max core file size +0 +0 ", limits)
    with ThreadPoolExecutor(2) as threads, _held(service):
        lost = threads.submit(post, service, "/v1/embedding", example)
        while not service.metric("voice2face_received_bytes_total"):
            time.sleep(0.01)
        waiting = threads.submit(post, service, "/v1/embedding", example)
        time.sleep(0.1)
        os.kill(worker, signal.SIGKILL)
        assert (lost.result().status_code, lost.result().json()["status"]) == (500, 500)
        assert waiting.result().status_code == 200
    (line,) = service.wait_for("request", status=500)
    assert line["level"] == "error"
    assert "died" in line["cause"]
    # One that dies while it has nothing to do is noticed by the next request.
    os.kill(_children(service.process.pid)[0], signal.SIGKILL)
    time.sleep(0.2)
    assert post(service, "/v1/embedding", example).status_code == 200


@needs_proc
def test_a_client_that_goes_away_gives_up_its_place(start, example):
    service = start(workers=1, queue=8)
    with ThreadPoolExecutor(1) as threads:
        with _held(service):
            slow = threads.submit(post, service, "/v1/embedding", example)
            while not service.metric("voice2face_received_bytes_total"):
                time.sleep(0.01)
            for _ in range(5):
                with _connect(service) as connection:
                    content = example.read_bytes()
                    connection.sendall(_head("/v1/faces", len(content)) + content)
                    while service.metric("voice2face_requests_waiting") < 1:
                        time.sleep(0.01)
                while service.metric("voice2face_requests_waiting") > 0:
                    assert not slow.done()
                    time.sleep(0.01)
        assert slow.result().status_code == 200
    service.wait_for("request", status=499, count=5)
    # In the middle of the body.
    with _connect(service) as connection:
        connection.sendall(_head("/v1/faces", 100_000) + bytes(1000))
    service.wait_for("request", status=499, count=6)
    assert service.metric("voice2face_buffered_bytes") == 0
    assert not [one for one in service.log if one["level"] == "error"]


def test_a_stop_loses_no_answer(start, example):
    """Clients go on until they are told that the connection ends; all they sent is answered."""
    service = start(workers=2, drain_s=2)
    content, stopped = example.read_bytes(), threading.Event()
    head = _head("/v1/faces?native=true", len(content))

    def ask_on() -> list[bytes]:
        heads = []
        with _connect(service) as connection:
            file = connection.makefile("rb")
            while True:
                connection.sendall(head + content)
                lines = []
                while (line := file.readline()) != b"\r\n":
                    assert line, "the connection ended without an answer"
                    lines.append(line.strip().lower())
                length = next(line for line in lines if line.startswith(b"content-length"))
                n_bytes = int(length.split()[1])
                assert len(file.read(n_bytes)) == n_bytes
                heads.append(lines[0])
                if b"connection: close" in lines:
                    assert stopped.is_set()
                    assert file.read() == b""
                    return heads

    with ThreadPoolExecutor(12) as threads:
        clients = [threads.submit(ask_on) for _ in range(12)]
        service.wait_for("request", status=200, count=24)
        stopped.set()
        service.process.send_signal(signal.SIGTERM)
        while (ready := service.client.get("/readyz")).status_code == 200:
            time.sleep(0.02)
        assert ready.json()["type"].endswith(":stopping")
        answers = [one for client in clients for one in client.result(60)]
    assert set(answers) == {b"http/1.1 200 ok"}
    assert service.process.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        _connect(service)


def test_random_bodies_are_answered_or_refused(service, example):
    """A thousand: random bytes, mutated recordings of many formats, and mutated forms."""
    content = example.read_bytes()
    boundary = b"--x\r\nContent-Disposition: form-data; name=recording; filename=a\r\n\r\n"
    form = boundary + content[:20_000] + b"\r\n--x--\r\n"

    def send(number: int) -> int:
        chance = random.Random(number)
        kind = "application/octet-stream"
        if number % 10 == 0:
            body = chance.randbytes(chance.choice((1, 10, 1000, 100_000)))
        elif number % 10 == 1:
            body, kind = mutate(form, chance), "multipart/form-data; boundary=x"
        else:
            body = mutate(seed_recording(number % len(SEEDS)), chance)
        path = ("/v1/faces?samples=1", "/v1/embedding")[number % 2]
        headers = {"Content-Type": kind, "Accept": "application/json"}
        return service.client.post(path, content=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(1000)))
    assert set(answers) == {200, 400, 422}
    assert answers.count(200) > 200
    assert answers.count(422) > 200
    assert service.metric("voice2face_workers") == 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_recording_is_written_to_a_file(start, tmp_path, example):
    """A form of 3 MB, which the library for forms by itself keeps in a temporary file."""
    calls = tmp_path / "calls"
    trace = ["strace", "-D", "-f", "-qq", "-e", "trace=open,openat,creat", "-o", str(calls)]
    service = start(*trace, workers=1)
    padded = example.read_bytes() + bytes(3_000_000)
    assert service.client.post("/v1/faces", files={"recording": padded}).status_code == 200
    assert service.stop() == 0
    told = calls.read_text(errors="replace")
    assert "voice_encoder.onnx" in told  # it was recorded at all
    opened = re.findall(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", ([A-Z_|]+)', told)
    written = {path for path, flags in opened if re.search("O_WRONLY|O_RDWR|O_CREAT", flags)}
    assert not {path for path in written if not path.startswith(("/proc/", "/dev/"))}
