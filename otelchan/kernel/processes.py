"""Targets and who they are: which are free, which processes the shared probes of a file count, who was born. See
bpf/processes.h. Process ids are those of the initial pid namespace.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from otelchan.kernel import syscall
from otelchan.kernel.loaders import BIRTHS, MISSED, VACANT
from otelchan.kernel.ring import RingReader
from otelchan.kernel.types import BIRTH, FILE, NOBODY, PROCESS, TARGETS

BIRTHS_BYTES = 1 << 16


class Birth(NamedTuple):
    """A process has begun to run a file with shared probes. time_ns: monotonic. bias: live minus link-time address.

    target: the one it took; None when there was none.
    """

    time_ns: int
    bias: int
    pid: int
    target: int | None
    file: int


class Processes:
    """Of one loaded kernel side. map_fd: descriptor of a map by name. All targets are free at first."""

    def __init__(self, map_fd: Callable[[str], int]) -> None:
        self._files, self._processes = map_fd("files"), map_fd("processes")
        self._vacant, self._missed = map_fd(VACANT), map_fd(MISSED)
        self._births_fd = map_fd(BIRTHS)
        self._births = RingReader(self._births_fd, BIRTHS_BYTES)
        for target in range(TARGETS):
            self.offer(target)

    def take(self) -> int | None:
        """A free target, which is not free from now on; None when there is none."""
        found = syscall.queue_pop(self._vacant, 4)
        return None if found is None else int.from_bytes(found, "little")

    def offer(self, target: int) -> None:
        """This target is free: nothing of it is left in any map."""
        syscall.queue_push(self._vacant, target.to_bytes(4, "little"))

    def write_file(self, file: int, birth: int, target: np.ndarray) -> None:
        """What a process is that is born with the shared probes of a file.

        birth: link-time address where it is. target: its entry, with link-time addresses.
        """
        entry = np.zeros((), FILE)
        entry["birth"], entry["as"] = birth, target
        syscall.map_update(self._files, file.to_bytes(4, "little"), entry.tobytes())

    def join(self, pid: int, file: int, target: int | None) -> None:
        """From now on the file's shared probes count this process as that target; None: not at all."""
        entry = np.zeros((), PROCESS)
        entry["target"], entry["file"] = NOBODY if target is None else target, file
        syscall.map_update(self._processes, pid.to_bytes(4, "little"), entry.tobytes())

    def forget(self, pid: int, target: int | None) -> None:
        """The process has ended, or is not counted any more; whoever else was born with its id since is left alone.

        target: as it was joined.
        """
        key = pid.to_bytes(4, "little")
        found = self._target_of(key)
        if found is not None and found == (NOBODY if target is None else target):
            syscall.map_delete(self._processes, key)

    def _target_of(self, key: bytes) -> int | None:
        found = syscall.map_lookup(self._processes, key, PROCESS.itemsize)
        return None if found is None else int(np.frombuffer(found, PROCESS)["target"][0])

    def is_counted(self, pid: int) -> bool:
        """Whether the shared probes of a file count that process now."""
        return self._target_of(pid.to_bytes(4, "little")) not in (None, NOBODY)

    def births(self, timeout_s: float) -> Iterator[Birth]:
        """Who was born since the last call; waits for the first up to so long. For one thread only."""
        with select.epoll(1) as poll:
            poll.register(self._births_fd, select.EPOLLIN)
            poll.poll(timeout_s)
        for data in self._births.drain():
            time_ns, bias, pid, target, file, _ = np.frombuffer(data, BIRTH)[0].tolist()
            yield Birth(time_ns, bias, pid, None if target == NOBODY else target, file)

    def missed(self, file: int) -> int:
        """How many were born that nobody could be told about, since the beginning."""
        found = syscall.map_lookup(self._missed, file.to_bytes(4, "little"), 8)
        return int.from_bytes(found or b"", "little")

    def close(self) -> None:
        """Unmap."""
        self._births.close()
