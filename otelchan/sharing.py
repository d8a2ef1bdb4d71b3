"""All executable files whose processes share probes: found again by their processes, prepared, let go of. Composition:
joins target, gobinary and kernel.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import numpy as np

from otelchan.errors import BinaryError, KernelError
from otelchan.executables import Contents, Executable, Key, contents_of, key_of
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.types import FILES
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

_MOST_REMEMBERED = 10_000  # files that are no Go programs


class Executables:
    """All files with shared probes. entry_of: what the kernel side must know of a program that was loaded where it was
    linked. planes: that may be attached."""

    def __init__(self, session: Session, entry_of: Callable[[GoImage], np.ndarray], planes: Collection[str]) -> None:
        self._session, self._planes = session, planes
        self._entry_of = entry_of
        self._files: dict[int, Executable] = {}
        self._keys: dict[Key, int] = {}  # a file may have several
        self._numbers = itertools.cycle(range(FILES))
        self._passed_by: set[Key] = set()
        self._strangers: dict[int, Contents] = {}

    def counts(self, process: Process) -> bool:
        """Whether the shared probes of a file count that process: then its birth is, or will be, told."""
        return self._session.processes.is_counted(process.pid)

    def numbered(self, number: int) -> Executable | None:
        """The file of a birth; None when it is not there any more."""
        return self._files.get(number)

    def knows(self, key: Key) -> bool:
        """Whether a file is here, or need not be looked at again."""
        return key in self._passed_by or key in self._keys

    def pass_by(self, key: Key) -> None:
        """Nobody who runs that file can be watched."""
        if len(self._passed_by) >= _MOST_REMEMBERED:
            self._passed_by.clear()
        self._passed_by.add(key)

    def of(self, process: Process, image: GoImage) -> Executable | None:
        """The file that a process runs; None when it cannot share probes."""
        number = self._keys.get(process.executable_key)
        if number is not None:
            return self._files[number]
        try:
            same = self._like(process)
            if same and same[0].is_in(process):
                return self._known_as(same, process)
            return self._add(image, process.executable, process.open_path)
        except (BinaryError, KernelError, OSError) as error:
            log.warning("pid %d has probes of its own: %s", process.pid, error)
            return None

    def runs(self, process: Process, file: Executable) -> bool:
        """Whether a process still runs the file that it was born with."""
        if self._keys.get(process.executable_key) == file.number:
            return True
        try:
            return file in self._like(process) and file.is_in(process)
        except OSError:
            return False

    def _like(self, process: Process) -> list[Executable]:
        """Files with the same contents."""
        contents = contents_of(Path(process.open_path).stat())
        return [file for file in self._files.values() if contents_of(file.status) == contents]

    def _known_as(self, same: list[Executable], process: Process) -> Executable:
        if len(same) > 1:
            raise KernelError(f"{process.executable} is one of {len(same)} copies, and which one cannot be told")
        self._keys[process.executable_key] = same[0].number
        return same[0]

    def prepare(self, image: GoImage, path: str, running: bool) -> None:
        """A file on disk. running: somebody runs it already, so its probes go in one by one, each on trial.

        Raises BinaryError, KernelError, OSError.
        """
        file = self._add(image, path, path)
        if not running and not file.strangers:
            file.attach_all()
        log.info("ready for processes that run %s", path)

    def _add(self, image: GoImage, path: str, open_path: str) -> Executable:
        number = next((n for n in itertools.islice(self._numbers, FILES) if n not in self._files), None)
        if number is None:
            raise KernelError(f"{FILES} executables are watched already; run another otelchan for {path}")
        file = Executable(self._session, number, image, path, open_path, self._entry_of(image), self._planes)
        self._files[number] = file
        self._keys[key_of(file.status)] = number
        for pid in [pid for pid, contents in self._strangers.items() if contents == contents_of(file.status)]:
            file.turn_away(pid)
        return file

    def turn_away(self, process: Process) -> None:
        """A process that is not to be watched has begun: its file may be one of these, now or later."""
        with suppress(OSError):
            contents = contents_of(Path(process.open_path).stat())
            self._strangers[process.pid] = contents
            for file in [file for file in self._files.values() if contents_of(file.status) == contents]:
                file.turn_away(process.pid)

    def release(self, pid: int, target: int | None) -> None:
        """A process was born that is not to be watched."""
        self._session.release(pid, target)

    def tidy(self, running: set[int]) -> int:
        """Let go of files that are gone, and share again where all is well. running: ids of all processes.

        Returns how many processes were born since the last call that nobody could be told about.
        """
        self._strangers = {pid: contents for pid, contents in self._strangers.items() if pid in running}
        missed = 0
        for number, file in list(self._files.items()):
            missed += file.newly_missed()
            if not file.status.st_nlink and not file.members:
                self._files.pop(number).close()
                self._keys = {key: known for key, known in self._keys.items() if known != number}
            else:
                file.reunite(running)
        return missed

    def reconfigure(self, entry_of: Callable[[GoImage], np.ndarray]) -> None:
        """What processes are born with from now on."""
        self._entry_of = entry_of
        for file in self._files.values():
            file.reconfigure(entry_of(file.image))

    def close(self) -> None:
        """Take all shared probes out."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._keys.clear()
