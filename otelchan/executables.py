"""Executable files whose processes share probes. Composition: joins target, gobinary, plan, kernel and
memory.

One link per plane serves every process that runs the file, and one that starts later is counted from its first make.
That holds while all of them are watched and can pay: when one is too dear, or is not to be watched, its traps can only
be taken out with those of all, so from then on each of the others has its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

import numpy as np

from otelchan import clock
from otelchan.errors import BinaryError, OtelchanError
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import moved
from otelchan.kernel.types import BIRTH_KIND, OF_FILE
from otelchan.memory.live import LiveReader
from otelchan.model.observation import KernelState
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from otelchan.probes import mark, unmark
from otelchan.target.process import load_bias
from otelchan.target.types import Process

log = logging.getLogger("otelchan")

_BORN_IN = "runtime.schedinit"
"""Runs once, first of all, on the first thread: src/runtime/asm_amd64.s, rt0_go, every release since Go 1.4."""

_TRAP = b"\xcc"

Key = tuple[int, int]
Contents = tuple[int, int]
Counted = Callable[[int], KernelState]


class Member(Protocol):
    """A watched process, as its file sees it."""

    def expects(self, plane: Plane, epoch: int) -> bool:
        """A shared plane is about to be attached; False when that must not happen to this process."""
        ...

    def gains(self, plane: Plane, since_unix_ns: int, counted: KernelState) -> None:
        """It is attached, and counts since then. counted: what had been counted before."""
        ...

    def loses(self, plane: Plane) -> None:
        """It is not any more, through no fault of this process."""
        ...


class Shared(NamedTuple):
    """A plane that all processes of a file share. since_ns: monotonic."""

    link: int
    epoch: int
    since_ns: int


class Executable:
    """One file with shared probes. path: as people know it. members: by target id. strangers: ids of processes that run
    it and are not watched. apart: planes that each process has for itself.
    """

    def __init__(
        self,
        session: Session,
        number: int,
        image: GoImage,
        path: str,
        open_path: str,
        entry: np.ndarray,
        planes: Collection[str],
    ) -> None:
        """open_path: where this agent finds it. entry: what the kernel side must know of a process that was loaded
        where it was linked. planes: that may be attached.

        Raises BinaryError when it has no place at which its processes begin, KernelError, OSError.
        """
        self.number, self.image, self.path = number, image, path
        self.members: dict[int, Member] = {}
        self.strangers: set[int] = set()
        self.planes: dict[Plane, Shared] = {}
        self.apart: set[Plane] = set()
        self.missed = session.processes.missed(number)
        self._session, self._entry, self._epoch = session, entry, OF_FILE
        born_in = image.functions.find(_BORN_IN)
        if born_in is None:
            raise BinaryError(f"{self.path} has no {_BORN_IN}, so its processes are seen once they run")
        self._birth = born_in.entry
        self._descriptor = os.open(open_path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = f"/proc/self/fd/{self._descriptor}"
            self._plan = make_plan(image, OF_FILE | number, found, session.costs, planes)
            self._write()
            cookie = OF_FILE | number | BIRTH_KIND << 16
            self._births = session.attach(self._plan.path, [image.file_offset(self._birth)], [cookie], 0)
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def status(self) -> os.stat_result:
        """Of the file, which may have no name any more."""
        return os.fstat(self._descriptor)

    def shares(self, plane: Plane) -> bool:
        """Whether that plane is for all its processes at once."""
        return plane in self._plan.planes and plane not in self.apart

    def attach(self, plane: Plane, counted: Counted) -> None:
        """Attach a plane in all processes of the file. counted: what was counted of a target. Raises KernelError."""
        before = {target: counted(target) for target in self.members}
        self._epoch += 1
        mark(self._entry, plane, self._epoch)
        self._write()
        expecting = [target for target, member in self.members.items() if member.expects(plane, self._epoch)]
        since_unix_ns, since_ns = clock.unix_ns(), clock.monotonic_ns()
        sites = self._plan.planes[plane]
        link = self._session.attach(self._plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], 0)
        self.planes[plane] = Shared(link, self._epoch, since_ns)
        for target in expecting:
            self.members[target].gains(plane, since_unix_ns, before[target])

    def attach_all(self) -> None:
        """Every plane that it may share, while nobody runs the file: who starts has them from the beginning."""
        for plane in self._plan.planes:
            if self.shares(plane) and plane not in self.planes:
                self.attach(plane, lambda target: KernelState())

    def part(self, plane: Plane, but: Member | None = None) -> None:
        """From now on each process has its own probes of that plane. but: who knows already."""
        lost = [Plane.WAITS, Plane.OPERATIONS] if plane is Plane.WAITS else [plane]
        self.apart.update(lost)
        for one in [one for one in reversed(lost) if one in self.planes]:
            self._session.detach(self.planes.pop(one).link)
            self._epoch += 1
            unmark(self._entry, one, self._epoch)
            self._write()
            for member in list(self.members.values()):
                if member is not but:
                    member.loses(one)

    def turn_away(self, pid: int) -> None:
        """A process of the file is not watched: no probe may be in it but that of its birth."""
        self._session.processes.join(pid, self.number, None)
        if pid in self.strangers:
            return
        self.strangers.add(pid)
        if self.planes:
            log.info("pid %d runs %s and is not watched, so each process that is has its own probes", pid, self.path)
        for plane in list(self._plan.planes):
            self.part(plane)

    def reunite(self, running: set[int]) -> None:
        """When nobody runs the file any more, what starts then may share again. running: ids of all processes."""
        for pid in self.strangers - running:
            self._session.processes.forget(pid, None)
        self.strangers &= running
        if not self.members and not self.strangers and len(self.planes) < len(self._plan.planes):
            self.apart.clear()
            self.attach_all()
            log.info("probes of %s are shared again", self.path)

    def is_in(self, process: Process) -> bool:
        """Whether the probe of births is in the memory of a process that runs a file with the same contents: then it is
        the same file to the kernel's probes. On overlayfs, each container has a device and inode of its own for it.
        """
        try:
            at = self._birth + load_bias(process, self.image.segments)
            return LiveReader(process.pid).read(at, 1) == _TRAP
        except OtelchanError:
            return False

    def newly_missed(self) -> int:
        """How many processes were born since the last call that nobody could be told about."""
        before, self.missed = self.missed, self._session.processes.missed(self.number)
        return self.missed - before

    def entry(self, bias: int) -> np.ndarray:
        """What the kernel side has been told of a process that was born with the probes of this file."""
        return moved(self._entry, bias)

    def reconfigure(self, entry: np.ndarray) -> None:
        """What newborns are from now on. entry: as in the constructor."""
        for name in self._entry.dtype.names or ():
            if name.endswith("_epoch") or name == "makes_since":
                entry[name] = self._entry[name]
        self._entry = entry
        self._write()

    def _write(self) -> None:
        self._session.processes.write_file(self.number, self._birth, self._entry)

    def close(self) -> None:
        """Take all shared probes out."""
        self._session.detach(*(shared.link for shared in self.planes.values()), self._births)
        self.planes.clear()
        os.close(self._descriptor)


def key_of(status: os.stat_result) -> Key:
    """As Process.executable_key."""
    return status.st_dev, status.st_ino


def contents_of(status: os.stat_result) -> Contents:
    """What two files have in common that may be one under two names."""
    return status.st_size, status.st_mtime_ns
