"""Processes that generate faces, each with the models loaded, and the queue before them.

Recordings are parsed in these processes only. One that is killed by a hostile recording, or takes
too long over it, is replaced by another, and the other requests are not touched. Messages are
JSON and bytes: a worker that was taken over cannot make its parent run code.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import multiprocessing
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from voice2face.errors import BundleError, RecordingError, Voice2FaceError
from voice2face.service.inference import Answer, Task, perform

_START_LIMIT_S = 60.0
# Share of the newest request in the mean time that requests take.
_NEWEST = 0.1


class BusyError(Exception):
    """The queue is full, or a request waited too long; `retry_after_s` says when to try again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"the service is busy; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TooSlowError(Exception):
    """A request took longer than the limit."""


class WorkerDiedError(Exception):
    """The process that worked on a request died."""


class Workers:
    """A number of worker processes.

    Args:
        models: Folder of each bundle, by name.
        most_waiting: Requests that may wait for a worker.
        limit_s: Time that one request may wait, and time that it may take.
        on_restart: Called with the reason when a process is replaced.
    """

    def __init__(
        self,
        models: dict[str, Path],
        n_workers: int,
        most_waiting: int,
        limit_s: float,
        on_restart: Callable[[str], object] = lambda _: None,
    ) -> None:
        folders = {name: str(folder) for name, folder in models.items()}
        self._limit_s, self._on_restart = limit_s, on_restart
        self._workers = [_Worker(folders) for _ in range(n_workers)]
        self._most = n_workers + most_waiting
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(n_workers, "worker")
        self._accepted = 0
        self._mean_s = 0.1

    def start(self) -> None:
        """Start the processes, and wait until all are ready.

        Raises:
            BundleError: A model cannot be loaded.
        """
        for worker in self._workers:
            worker.begin()
        for worker in self._workers:
            try:
                worker.wait_until_ready()
            except WorkerDiedError:
                raise BundleError(
                    "a worker process ended while it loaded the models; is there enough memory?"
                ) from None
            self._idle.put(worker)

    def stop(self) -> None:
        """End the processes, after the requests that are being answered."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.end()

    @property
    def n_waiting(self) -> int:
        """Requests that wait for a worker."""
        return max(0, self._accepted - len(self._workers))

    @property
    def n_alive(self) -> int:
        """Processes that run."""
        return sum(worker.alive for worker in self._workers)

    def refuse_if_full(self) -> None:
        """Tell at once that a request would not be accepted.

        Raises:
            BusyError: The queue is full.
        """
        if self._accepted >= self._most:
            raise self._busy()

    async def run(self, task: Task, recordings: list[bytes]) -> Answer:
        """Answer a request by a process that is free, or becomes so.

        A caller that is cancelled gives up its place in the queue.

        Raises:
            BusyError: The queue is full, or no process became free within the limit.
            TooSlowError: The process took longer than the limit, and was killed.
            WorkerDiedError: The process died.
            Voice2FaceError: See `inference.perform`.
        """
        self.refuse_if_full()
        self._accepted += 1
        loop = asyncio.get_running_loop()
        work = self._threads.submit(self._perform, task, recordings, time.monotonic())

        def done(_: Future[Answer]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._leave)

        work.add_done_callback(done)
        return await asyncio.wrap_future(work)

    def _leave(self) -> None:
        self._accepted -= 1

    def _busy(self) -> BusyError:
        return BusyError(math.ceil(max(1.0, self._accepted * self._mean_s / len(self._workers))))

    def _perform(self, task: Task, recordings: list[bytes], accepted_s: float) -> Answer:
        """Run in a thread, of which there are as many as processes: one is free."""
        began_s = time.monotonic()
        if began_s - accepted_s > self._limit_s:
            raise self._busy()
        worker = self._idle.get()
        try:
            return worker.perform(task, recordings, self._limit_s)
        except (TooSlowError, WorkerDiedError) as error:
            self._on_restart("too slow" if isinstance(error, TooSlowError) else "died")
            worker.restart()
            raise
        finally:
            self._idle.put(worker)
            self._mean_s += _NEWEST * (time.monotonic() - began_s - self._mean_s)


class _Worker:
    """One process, and the connection to it."""

    def __init__(self, folders: dict[str, str]) -> None:
        self._folders = folders
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def begin(self) -> None:
        # A new interpreter: what a fork copies, such as locks of other threads, may be held.
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        process = context.Process(target=_work, args=(other, self._folders), daemon=True)
        process.start()
        self._process = process
        other.close()

    def wait_until_ready(self) -> None:
        with self._killed_after(_START_LIMIT_S):
            _raise_error(*self._receive())

    def perform(self, task: Task, recordings: list[bytes], limit_s: float) -> Answer:
        if not self.alive:  # and could not be started again
            self.restart()
        assert self._connection is not None
        with self._killed_after(limit_s) as killed:
            try:
                request = dataclasses.asdict(task) | {"n_recordings": len(recordings)}
                self._connection.send_bytes(json.dumps(request).encode())
                for recording in recordings:
                    self._connection.send_bytes(recording)
                about, content = self._receive()
            except (OSError, WorkerDiedError):
                if killed.is_set():
                    raise TooSlowError(
                        f"the request took longer than {limit_s:g} s; send a shorter recording"
                    ) from None
                raise WorkerDiedError("the process that read the recording died") from None
        _raise_error(about, content)
        return Answer(about["media_type"], content, about["timings_ms"])

    def restart(self) -> None:
        self.end(at_once=True)
        self.begin()
        try:
            self.wait_until_ready()
        except (Voice2FaceError, WorkerDiedError):
            self.end(at_once=True)  # the next request tries again

    def end(self, at_once: bool = False) -> None:
        if self._process is None or self._connection is None:
            return
        self._connection.close()  # at which the process ends by itself
        if at_once:
            self._process.kill()
        self._process.join(_START_LIMIT_S)
        self._process = None

    def _receive(self) -> tuple[dict, bytes]:
        assert self._connection is not None
        try:
            about = json.loads(self._connection.recv_bytes())
            return about, self._connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerDiedError("a worker process died") from None

    @contextmanager
    def _killed_after(self, limit_s: float) -> Iterator[threading.Event]:
        """Kill the process if the block takes longer; the event then is set."""
        process, killed = self._process, threading.Event()
        assert process is not None

        def kill() -> None:
            killed.set()
            process.kill()

        timer = threading.Timer(limit_s, kill)
        timer.daemon = True
        timer.start()
        try:
            yield killed
        finally:
            timer.cancel()


_ERRORS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        Voice2FaceError,
        *Voice2FaceError.__subclasses__(),
        *RecordingError.__subclasses__(),
    )
}


def _raise_error(about: dict, content: bytes) -> None:
    """Raise the error that a worker reports, if it does."""
    if "error" in about:
        raise _ERRORS.get(about["error"], WorkerDiedError)(content.decode())


def _work(connection: Connection, folders: dict[str, str]) -> None:
    """Answer requests until the connection is closed: all that a worker process does."""
    # The parent is asked to stop, and closes the connection once all is answered.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _be_quiet()
    _forbid_files()
    from voice2face.runtime.pipeline import VoiceToFace

    try:
        models = {name: VoiceToFace.load(folder) for name, folder in folders.items()}
        _reply(connection, {})
    except Voice2FaceError as error:
        _reply(connection, {"error": type(error).__name__}, str(error).encode())
        return
    while True:
        try:
            request = json.loads(connection.recv_bytes())
            recordings = [connection.recv_bytes() for _ in range(request.pop("n_recordings"))]
        except (EOFError, OSError):
            return
        try:
            answer = perform(models, Task(**request), recordings)
            about = {"media_type": answer.media_type, "timings_ms": answer.timings_ms}
            content = answer.content
        except Voice2FaceError as error:
            about, content = {"error": type(error).__name__}, str(error).encode()
        except Exception as error:  # a defect of ours: another process takes this one's place
            about, content = {"error": WorkerDiedError.__name__}, _place(error).encode()
        _reply(connection, about, content)


def _place(error: Exception) -> str:
    """Say what was raised and where, without its message, which may tell of a recording."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"


def _reply(connection: Connection, about: dict, content: bytes = b"") -> None:
    try:
        connection.send_bytes(json.dumps(about).encode())
        connection.send_bytes(content)
    except OSError:
        raise SystemExit from None  # the parent is gone


def _be_quiet() -> None:
    """Drop what libraries print: it may tell of a recording, and the log is JSON lines."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)


def _forbid_files() -> None:
    """Let this process write no file, not even of its memory, where the system can forbid it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
