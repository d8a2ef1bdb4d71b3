"""Threads that hold links, each in a table of descriptors of its own, so that many are closed at the same time.

Closing a link takes the traps out at once and then waits some 40 ms for the kernel's readers. A process that is killed
closes all that is in a table one after the other (kernel/exit.c, exit_files; kernel/task_work.c), so the traps of the
last link stay for as long as all others wait. Tables of several threads are closed at the same time, and then the waits
are one wait. Measured on Linux 6.18 with four links: traps are gone 10 ms after SIGKILL instead of 170.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple

from otelchan.kernel import syscall

log = logging.getLogger("otelchan")

MOST = 16
"""Threads, of 16 kB each; with more links than that each holds several."""

_FIRST = 3  # standard input, output and error stay, so that no link gets their numbers

Make = Callable[[], list[int]]


class _Asked(NamedTuple):
    work: Make
    answers: SimpleQueue[list[int] | BaseException]


class _Holder:
    """One thread. links: how many it holds."""

    def __init__(self, program: int) -> None:
        """Raises RuntimeError when no thread can be had."""
        self.links = 0
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, args=(program,), name="links", daemon=True)
        self._thread.start()

    def ask(self, work: Make) -> SimpleQueue[list[int] | BaseException]:
        """Do it in the thread; where the result will be."""
        answers: SimpleQueue[list[int] | BaseException] = SimpleQueue()
        self._asked.put(_Asked(work, answers))
        return answers

    def end(self) -> None:
        """No more work; returns when the thread has ended."""
        self._asked.put(None)
        self._thread.join()

    def _serve(self, program: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they belong to those who have the files
        _have_own_table(program)
        while asked := self._asked.get():
            asked.answers.put(_outcome(asked.work))


class _Link(NamedTuple):
    holder: _Holder | None
    descriptors: list[int]


class Holders:
    """All links of a session. One thread may use it at a time."""

    def __init__(self, program: int, most: int = MOST) -> None:
        """program: descriptor of the only program that is attached, which the threads keep too. most: threads."""
        self._program, self._most = program, most
        self._holders: list[_Holder] = []
        self._links: dict[int, _Link] = {}
        self._next = 1

    def __iter__(self) -> Iterator[int]:
        """The ids of all links."""
        return iter(list(self._links))

    def hold(self, make: Make) -> int:
        """Make links in a thread that holds few; an id for release(). make: gives their descriptors; may raise."""
        with _no_collection():  # a new thread has a table of its own as soon as it runs
            holder = self._least()
            (found,) = _all_of([(holder, make)])
        if isinstance(found, BaseException):
            self._end_idle()
            raise found
        if holder:
            holder.links += 1
        number, self._next = self._next, self._next + 1
        self._links[number] = _Link(holder, found)
        return number

    def release(self, numbers: list[int]) -> None:
        """Close these links, at the same time where they are in different threads. Returns when that is done."""
        links = [self._links.pop(number) for number in numbers if number in self._links]
        outcomes = _all_of([(link.holder, _closing(link.descriptors)) for link in links])
        for link in links:
            if link.holder:
                link.holder.links -= 1
        self._end_idle()
        for error in outcomes:
            if isinstance(error, BaseException):
                raise error

    def close(self) -> None:
        """Close all links, which ends the threads."""
        self.release(list(self._links))

    def _end_idle(self) -> None:
        """A thread has the capabilities of the time when it was started: none may outlive its links with them."""
        for holder in [holder for holder in self._holders if not holder.links]:
            holder.end()
            self._holders.remove(holder)

    def _least(self) -> _Holder | None:
        """A new thread, the one with the fewest links when there are enough, or None: this thread itself."""
        if len(self._holders) < self._most:
            try:
                self._holders.append(_Holder(self._program))
            except RuntimeError as error:
                self._most = len(self._holders)
                log.debug("no thread to hold links in (%s): they are closed one after the other", error)
            else:
                return self._holders[-1]
        return min(self._holders, key=lambda holder: holder.links, default=None)


def _have_own_table(program: int) -> None:
    """From now on this thread has its own descriptors: the standard ones and the program's."""
    try:
        syscall.close_range(program + 1, syscall.LAST_DESCRIPTOR, unshare=True)
    except OSError as error:
        log.debug("threads may have no descriptors of their own (%s): a killed agent's probes go more slowly", error)
        return
    if program > _FIRST:
        syscall.close_range(_FIRST, program - 1)


def _outcome(work: Make) -> list[int] | BaseException:
    try:
        return work()
    except BaseException as error:  # whoever asked raises it: the thread must live, or its links are gone
        return error


def _closing(descriptors: list[int]) -> Make:
    def close() -> list[int]:
        for descriptor in descriptors:
            os.close(descriptor)
        return []

    return close


def _all_of(work: list[tuple[_Holder | None, Make]]) -> list[list[int] | BaseException]:
    """Do all of it, each in its thread; the results in the same order."""
    with _no_collection():
        asked = [holder.ask(make) if holder else make for holder, make in work]
        return [one.get() if isinstance(one, SimpleQueue) else _outcome(one) for one in asked]


@contextmanager
def _no_collection() -> Iterator[None]:
    """A file that is garbage must not be closed by a thread in whose table its number is another's, or a link's."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
