"""Looking for the processes that are meant, again and again, and at little cost: most of what runs is not meant, and is
looked at closely only once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from otelchan.target.process import PROC, read
from otelchan.target.selection import Selection
from otelchan.target.types import Process

_MOST_FILES = 1000  # looked at on disk, per glob
_MOST_REMEMBERED = 10_000  # executables
_WILD = "*?["


class Looked(NamedTuple):
    """found: meant, and not known. unwanted: new ones that run something that others may be watched for, but are not
    meant. running: ids of all processes."""

    found: list[Process]
    unwanted: list[Process]
    running: set[int]


class Search:
    """Remembers, by process id, the executable of whom it need not look at again."""

    def __init__(
        self, selection: Selection, is_candidate: Callable[[str], bool], proc: Path = PROC, own_pid: int = 0
    ) -> None:
        """is_candidate: whether a file can be of a program that can be watched at all, from its path; asked once per
        file. own_pid: of this agent, which does not look at itself; 0: this process."""
        self._selection = selection
        self._is_candidate = is_candidate
        self._proc = proc
        self._own = own_pid or os.getpid()
        self._passed: dict[int, str] = {}
        self._candidates: dict[tuple[int, int, int], bool] = {}

    def look(self, known: set[int]) -> Looked:
        """Every process but those whose ids are known."""
        found, unwanted, running = [], [], set()
        for entry in os.scandir(self._proc):
            if not entry.name.isdecimal():
                continue
            pid = int(entry.name)
            running.add(pid)
            if pid in known or pid == self._own:
                continue
            process = self._closer(pid)
            if process is None:
                continue
            if self._selection.wants(process):
                found.append(self._selection.named(process))
            else:
                unwanted.append(process)
                self._passed[pid] = process.executable
        self._passed = {pid: path for pid, path in self._passed.items() if pid in running}
        return Looked(sorted(found, key=lambda process: process.pid), unwanted, running)

    def _closer(self, pid: int) -> Process | None:
        """The process, when it has not been looked at since it runs what it runs, and can be watched."""
        folder = f"{self._proc}/{pid}"
        try:
            executable = os.readlink(f"{folder}/exe")  # noqa: PTH115 (a Path takes three times as long)
            if self._passed.get(pid) == executable:
                return None
            if self._can_be_watched(f"{folder}/exe"):
                return read(Path(folder), self._proc)
        except (OSError, ValueError):  # gone meanwhile, a kernel thread, or not ours to look at
            return None
        self._passed[pid] = executable
        return None

    def _can_be_watched(self, path: str) -> bool:
        status = Path(path).stat()
        key = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if key not in self._candidates:
            if len(self._candidates) >= _MOST_REMEMBERED:
                self._candidates.clear()
            self._candidates[key] = self._is_candidate(path)
        return self._candidates[key]

    @property
    def passed(self) -> int:
        """How many processes are not looked at any more: no Go programs, and those that are not meant."""
        return len(self._passed)


def files_on_disk(selection: Selection) -> Iterator[Path]:
    """Executable files that match a glob of --exe and may be meant, whether or not anybody runs them.

    Only globs of whole paths say where to look, and their `*` is taken to stay within one folder here.
    """
    for pattern in (pattern for pattern in selection.exe if pattern.startswith("/")):
        wild = any(letter in pattern for letter in _WILD)
        paths = itertools.islice(Path("/").glob(pattern.lstrip("/")), _MOST_FILES) if wild else [Path(pattern)]
        for path in paths:
            if selection.may_want(str(path.resolve())) and path.is_file() and os.access(path, os.X_OK):
                yield path
