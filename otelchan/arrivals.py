"""Processes that match `--exe`, as they appear. Composition: joins target and gobinary.

Executables are analysed on a thread of their own, in a child process: that may take seconds, in which what is attached
already must be kept to its budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from otelchan.gobinary.types import GoImage
from otelchan.programs import image_of
from otelchan.target.process import by_executable
from otelchan.target.types import Process


class Arrivals:
    """exe: a glob over executable paths; "": nobody arrives."""

    def __init__(self, exe: str) -> None:
        self._exe = exe
        self._refused: set[Process] = set()
        self._analyses: dict[Process, Future[GoImage]] = {}
        self._analyst = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analyst")

    def scan(self, watched: set[int]) -> int:
        """Look for processes that are not watched yet, by pid; returns how many are on their way."""
        found = by_executable(self._exe) if self._exe else []
        self._refused &= set(found)
        for process in found:
            if process.pid not in watched and process not in self._refused and process not in self._analyses:
                self._analyses[process] = self._analyst.submit(image_of, process)
        return len(self._analyses)

    def ready(self) -> Iterator[Process]:
        """Processes whose executable has been analysed, or cannot be: opening them says why. Each once."""
        for process in [process for process, analysis in self._analyses.items() if analysis.done()]:
            del self._analyses[process]
            yield process

    def refuse(self, process: Process) -> None:
        """It cannot be watched: do not offer it again."""
        self._refused.add(process)

    def close(self) -> None:
        """Stop looking; an analysis that has begun ends by itself."""
        self._analyst.shutdown(wait=False, cancel_futures=True)
