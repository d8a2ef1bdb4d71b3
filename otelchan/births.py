"""Processes that have just begun, held before they can be gone. Composition: joins kernel and target.

A thread of its own waits for the kernel side to say who was born, because what a process is can be read only while it
lives, and the agent's own clock is slower than many a program.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from otelchan.errors import TargetError
from otelchan.kernel.processes import Birth, Processes
from otelchan.privileges import READING, only
from otelchan.target.handle import Handle
from otelchan.target.process import by_pid
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

_TURN_S = 0.0002
_WAIT_S = 0.2  # so long does closing take


class Newborn(NamedTuple):
    """process, handle: None when it was gone before it could be looked at."""

    birth: Birth
    process: Process | None = None
    handle: Handle | None = None


class Births:
    """Hears of every birth at once."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._born: deque[Newborn] = deque()
        self._stop = threading.Event()
        # A dozen short system calls read what a process is. After each, this thread waits for its turn: 5 ms by default
        # while the others are busy, so that a program of 50 ms would often be gone before the last.
        sys.setswitchinterval(_TURN_S)
        self._thread = threading.Thread(target=self._listen, name="births", daemon=True)
        self._thread.start()

    def take(self) -> Iterator[Newborn]:
        """Those that have not been taken yet, in the order of their births."""
        while self._born:
            yield self._born.popleft()

    def _listen(self) -> None:
        only(*READING)
        while not self._stop.is_set():
            for birth in self._processes.births(_WAIT_S):
                self._born.append(_hold(birth))

    def close(self) -> None:
        """Stop listening; lets go of those that nobody has taken."""
        self._stop.set()
        self._thread.join()
        for newborn in self.take():
            if newborn.handle:
                newborn.handle.close()


def _hold(birth: Birth) -> Newborn:
    try:
        process = by_pid(birth.pid)
        return Newborn(birth, process, Handle(process))
    except TargetError as error:
        log.debug("%s", error)
        return Newborn(birth)
