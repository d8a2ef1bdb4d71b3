"""Processes that are meant, as they appear: those that run, found by looking, and those that begin, told by the kernel
side. Composition: joins target, gobinary and executables.

Executables are analysed on threads of their own, in child processes: that may take seconds, in which what is attached
already must be kept to its budget. What is on disk and matches --exe is analysed before anybody runs it.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from otelchan import clock
from otelchan.births import Births, Newborn
from otelchan.errors import BinaryError, KernelError, MemoryGone, OtelchanError
from otelchan.executables import Executable, Key, key_of
from otelchan.gobinary.analysis import analyse_cached
from otelchan.gobinary.quick import is_go
from otelchan.gobinary.types import GoImage
from otelchan.kernel.processes import Birth
from otelchan.privileges import READING, only
from otelchan.programs import image_of
from otelchan.sharing import Executables
from otelchan.target.handle import Handle
from otelchan.target.process import is_same
from otelchan.target.search import Search, files_on_disk
from otelchan.target.selection import Selection
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

_ANALYSTS = 2
_GROWN_NS = 20_000_000  # so long does a Go runtime need to be more than begun
_DISK_SHARE = 50  # looking for files may take one part in so many of a core


_REASONS: dict[type[OtelchanError], str] = {BinaryError: "binary", KernelError: "kernel", MemoryGone: "memory"}


def reason_of(error: OtelchanError) -> str:
    """The word for a kind of error in `otelchan.attach.failed`."""
    return next((word for kind, word in _REASONS.items() if isinstance(error, kind)), "target")


class Arrival(NamedTuple):
    """A process that is to be watched. image: None when its executable is not analysed yet.

    file: of which it shares the probes. birth, handle: of one that began before our eyes; it may be gone already.
    """

    process: Process
    image: GoImage | None = None
    file: Executable | None = None
    birth: Birth | None = None
    handle: Handle | None = None


class Arrivals:
    """Who is to be watched from now on. missed: processes of watched executables that came and went unseen. refused:
    how many of those that run cannot be watched. failures: how often one could not, or not any more, by kind of error.
    """

    def __init__(self, selection: Selection, executables: Executables | None, births: Births | None) -> None:
        """executables, births: None where processes cannot share probes."""
        self._selection = selection
        self._executables = executables
        self._births = births
        self._search = Search(selection, is_go)
        self._refused: dict[Process, str] = {}
        self.failures: Counter[str] = Counter()
        self._analyses: dict[Key, Future[GoImage]] = {}
        self._waiting: dict[Process, Key] = {}
        self._on_disk: dict[Key, str] = {}
        self._disk_due_ns = 0
        self._young: deque[Newborn] = deque()
        self._analyst = ThreadPoolExecutor(_ANALYSTS, "analyst", initializer=only, initargs=READING)
        self.missed = 0

    @property
    def refused(self) -> int:
        """How many processes that are meant cannot be watched."""
        return len(self._refused)

    @property
    def why_refused(self) -> dict[int, str]:
        """Why those cannot be watched, by pid, as sentences."""
        return {process.pid: why for process, why in self._refused.items()}

    @property
    def waiting(self) -> int:
        """How many processes were found and are not opened yet."""
        return len(self._waiting)

    def scan(self, watched: set[int]) -> int:
        """Look for processes that are not watched yet, by pid; returns how many are on their way."""
        if not self._selection.searches:
            return 0
        looked = self._search.look(watched | {process.pid for process in self._waiting})
        self._refused = {process: why for process, why in self._refused.items() if process.pid in looked.running}
        if self._executables is not None:
            for process in looked.unwanted:
                self._executables.turn_away(process)
            self.missed += self._executables.tidy(looked.running)
            self._look_at_disk()
        for process in looked.found:
            if self._executables is not None and self._executables.counts(process):
                continue
            if process not in self._refused and process not in self._waiting:
                self._analyse(process.executable_key, process)
        return len(self._waiting)

    def _analyse(self, key: Key, process: Process) -> None:
        self._waiting[process] = key
        if key not in self._analyses:
            self._analyses[key] = self._analyst.submit(image_of, process)

    def _look_at_disk(self) -> None:
        """Files that nobody runs yet, so that who is the first to run one is seen from the beginning."""
        assert self._executables is not None
        now = clock.monotonic_ns()
        if now < self._disk_due_ns:
            return
        for path in files_on_disk(self._selection):
            try:
                key = key_of(path.stat())
            except OSError:  # it has just been taken away
                continue
            if self._executables.knows(key):
                continue
            if not is_go(path):
                self._executables.pass_by(key)
            elif key not in self._on_disk:
                self._on_disk[key] = str(path)
                if key not in self._analyses:
                    self._analyses[key] = self._analyst.submit(analyse_cached, path)
        spent = clock.monotonic_ns() - now
        self._disk_due_ns = now + _DISK_SHARE * spent

    def next(self) -> Arrival | None:
        """Somebody who can be opened now, each once; None when there is nobody. Says of others why they cannot be."""
        for key in [key for key in self._on_disk if self._analyses[key].done()]:
            self._prepare(key)
        return self._next_newborn() or self._next_found()

    def _next_found(self) -> Arrival | None:
        for process, key in list(self._waiting.items()):
            analysis = self._analyses[key]
            if not analysis.done():
                continue
            del self._waiting[process]
            self._forget(key)
            error = analysis.exception()
            if error is None:
                image = analysis.result()
                return Arrival(process, image, self._executables.of(process, image) if self._executables else None)
            if not isinstance(error, OtelchanError):
                raise error
            self.refuse(Arrival(process), error)
        return None

    def _forget(self, key: Key) -> None:
        """An analysis that nobody waits for any more."""
        if key not in self._on_disk and key not in self._waiting.values():
            del self._analyses[key]

    def _prepare(self, key: Key) -> None:
        """A file on disk that was analysed: its probes are put in before it runs."""
        path, image = self._on_disk.pop(key), self._analyses[key]
        running = key in self._waiting.values()
        self._forget(key)
        assert self._executables is not None
        try:
            self._executables.prepare(image.result(), path, running)
        except (BinaryError, KernelError, OSError) as error:
            log.debug("%s is not prepared: %s", path, error)
            self._executables.pass_by(key)

    def _next_newborn(self) -> Arrival | None:
        """Those that have been born are as old as they come, so if the first is too young, all are."""
        if self._births is None or self._executables is None:
            return None
        self._young.extend(self._births.take())
        while self._young:
            newborn = self._young[0]
            alive = newborn.handle is not None and newborn.handle.alive()
            if alive and newborn.birth.time_ns > clock.monotonic_ns() - _GROWN_NS:
                return None
            self._young.popleft()
            file = self._executables.numbered(newborn.birth.file)
            if (
                file is None
                or newborn.process is None
                or newborn.handle is None
                or (alive and not self._executables.runs(newborn.process, file))
            ):
                self._miss(newborn, file)
            elif newborn.birth.target is not None and alive and not self._executables.counts(newborn.process):
                self._release(newborn)  # there was no room to write it down: it is found as those that run already
            elif self._selection.wants(newborn.process):
                process = self._selection.named(newborn.process)
                return Arrival(process, file.image, file, newborn.birth, newborn.handle)
            else:
                self._release(newborn)
                file.turn_away(newborn.birth.pid)
        return None

    def _miss(self, newborn: Newborn, file: Executable | None) -> None:
        """It was gone, or had become another program, before anybody knew what it was."""
        self.missed += 1
        path = file.path if file else "an executable that was removed"
        log.info("pid %d, which ran %s, ended before it could be looked at: it is not counted", newborn.birth.pid, path)
        self._release(newborn)

    def _release(self, newborn: Newborn) -> None:
        assert self._executables is not None
        if newborn.handle is not None:
            newborn.handle.close()
        self._executables.release(newborn.birth.pid, newborn.birth.target)

    def named(self, process: Process) -> Process:
        """The process as the user's rules call it."""
        return self._selection.named(process)

    def refuse(self, arrival: Arrival, error: OtelchanError) -> None:
        """It cannot be watched: say so, and do not offer it again while it runs."""
        process = arrival.process
        if not is_same(process):
            self.missed += 1
            log.info("pid %d, which ran %s, ended before it could be watched", process.pid, process.executable)
            return
        log.error("%s", error)
        self.pass_over(process, error)

    def pass_over(self, process: Process, error: OtelchanError) -> None:
        """Do not offer this one again while it runs. error: why it cannot be watched."""
        self._refused[process] = str(error)
        self.failures[reason_of(error)] += 1
        if self._executables is not None:
            self._executables.turn_away(process)

    def close(self) -> None:
        """Stop looking; an analysis that has begun ends by itself."""
        self._analyst.shutdown(wait=False, cancel_futures=True)
        for newborn in self._young:
            if newborn.handle is not None:
                newborn.handle.close()
        if self._births is not None:
            self._births.close()
