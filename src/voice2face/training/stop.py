"""A polite end: SIGTERM and SIGINT let the step finish and the checkpoint be written."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager, ExitStack
from types import FrameType

__all__ = ["StopRequest"]


class StopRequest(AbstractContextManager["StopRequest"]):
    """Tells whether the process was asked to stop, while it is entered.

    The first signal only sets `signal`; a second one ends the process at once, as without this.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._handlers_before = ExitStack()

    def __bool__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> StopRequest:
        # Only the main thread may set handlers; a library call from another goes without.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                before = signal.signal(number, self._asked)
                self._handlers_before.callback(signal.signal, number, before)
        return self

    def __exit__(self, *raised: object) -> None:
        self._handlers_before.close()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._handlers_before.close()
