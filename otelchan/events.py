"""An event that a signal's handler may set."""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress


class SignalEvent(threading.Event):
    """As threading.Event, which a handler must not set: a handler runs between two steps of the main thread, and when
    those are of `wait` or `clear`, which hold the lock that `set` takes, they wait for each other for ever (CPython
    3.11, Lib/threading.py). This one has no lock: who waits, waits for an eventfd (man 2 eventfd) to be readable.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def is_set(self) -> bool:
        """Whether it was set, and not cleared since."""
        return self._is_set

    def set(self) -> None:
        """From a handler or any thread."""
        self._is_set = True
        os.eventfd_write(self._fd, 1)

    def clear(self) -> None:
        """Forget that it was set."""
        self._is_set = False  # first: what is set from here on stays
        with suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is set, or that many seconds have passed. Whether it is set."""
        if not self._is_set:
            waiting = select.poll()  # takes any descriptor; `select` none over 1,023
            waiting.register(self._fd, select.POLLIN)
            waiting.poll(None if timeout is None else timeout * 1000)
        return self._is_set

    def __del__(self) -> None:
        os.close(self._fd)
