"""Processes of this machine as targets: found by id or by executable, recognised again, and where they were loaded."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from otelchan.errors import TargetError
from otelchan.target import proc as files
from otelchan.target.environ import Said, said
from otelchan.target.identity import of_pod
from otelchan.target.selection import Selection
from otelchan.target.types import LoadedSegment, Process

T = TypeVar("T")

PROC = Path("/proc")
_PAGE = 4096
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def by_pid(pid: int, proc: Path = PROC) -> Process:
    """The process with that id.

    Raises TargetError when there is none, when it is a thread of another one, a kernel thread or a zombie, or when
    this agent may not look at it.
    """
    folder = proc / str(pid)
    try:
        leader = files.thread_group(folder)
        if leader != pid:
            raise TargetError(f"{pid} is a thread of process {leader}; give {leader} instead")
        return read(folder, proc)
    except OSError as error:
        raise TargetError(_reason(pid, folder, error)) from None


def listing(proc: Path = PROC) -> list[Process]:
    """Every process that has an executable this agent may look at, by process id."""
    found = []
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            try:
                found.append(read(folder, proc))
            except (OSError, ValueError):  # gone meanwhile, a kernel thread, or not ours to look at
                continue
    return sorted(found, key=lambda process: process.pid)


def selected(selection: Selection, proc: Path = PROC) -> list[Process]:
    """Every process that is meant and runs now, by process id, as the rules call it; whether it is a Go program is not
    asked. Raises TargetError as by_pid, for one that was named by its id."""
    found = [by_pid(pid, proc) for pid in selection.pids] if selection.pids else listing(proc)
    return [selection.named(process) for process in found if selection.wants(process)]


def is_same(process: Process, proc: Path = PROC) -> bool:
    """Whether that process still runs, and still the program it ran: False after exit, exec or reuse of its id."""
    folder = proc / str(process.pid)
    try:
        stat = files.stat(folder)
        now = (stat.start_ticks, files.executable(folder), files.executable_key(folder))
    except (OSError, ValueError):
        return False
    if stat.state in "ZX" or now != (process.start_ticks, process.executable, process.executable_key):
        return False
    return stat.stack_start == process.stack_start or not stat.stack_start or not process.stack_start


def load_bias(process: Process, segments: Sequence[LoadedSegment], proc: Path = PROC) -> int:
    """What to add to a link-time address to get the live one: zero unless the executable is position independent.

    Taken from the mapping of the executable's code, found by its file offset: the first line of /proc/PID/maps may be
    the Go heap, and the lowest mapping need not be the lowest segment.
    Raises TargetError when no segment of the executable is mapped, or when mappings disagree.
    """
    folder = proc / str(process.pid)
    try:
        own = [
            mapping
            for mapping in files.mappings(folder)
            if mapping.path and (mapping.key == process.executable_key or mapping.path == process.executable)
        ]
    except OSError as error:
        raise TargetError(_reason(process.pid, folder, error)) from None
    biases = {
        mapping.start - _page(segment.address)
        for mapping in own
        for segment in segments
        if segment.executable and "x" in mapping.permissions and mapping.offset == _page(segment.offset)
    }
    if len(biases) != 1:
        raise TargetError(
            f"process {process.pid} maps {len(biases)} places as the code of {process.executable}, not one; try again, "
            "and if it stays so, the executable unpacks itself: run it unpacked"
        )
    return biases.pop()


def _optional(read: Callable[[Path], T], folder: Path, default: T) -> T:
    """What is only nice to know, and may be hidden from this agent."""
    try:
        return read(folder)
    except OSError:
        return default


def _page(number: int) -> int:
    return number & ~(_PAGE - 1)


def read(folder: Path, proc: Path = PROC) -> Process:
    """The process of a folder of /proc. Raises OSError, and ValueError when it goes meanwhile."""
    stat = files.stat(folder)
    if stat.state in "ZX":
        raise ProcessLookupError(errno.ESRCH, "zombie")
    start_ns = stat.start_ticks * 1_000_000_000 // _TICKS_PER_SECOND
    own = _optional(said, folder, Said())
    pod = of_pod(folder, own, proc)
    return Process(
        pid=int(folder.name),
        start_ticks=stat.start_ticks,
        created_unix_ns=files.boot_time_s(proc) * 1_000_000_000 + start_ns,
        executable=files.executable(folder),
        executable_key=files.executable_key(folder),
        open_path=str(folder / "exe"),
        command=files.command(folder),
        service_name=own.service_name,
        container_id=_optional(files.container_id, folder, ""),
        stack_start=stat.stack_start,
        cgroups=_optional(files.cgroups, folder, ()),
        pod_uid=pod.uid,
        namespace=pod.namespace,
        pod_name=pod.name,
        container_name=pod.container,
        attributes=pod.others,
    )


def _reason(pid: int, folder: Path, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"process {pid} belongs to somebody else; run as root, or with CAP_SYS_PTRACE"
    if error.errno == errno.ESRCH or not folder.exists():
        return f"there is no running process {pid}; look its id up again, for example with `pgrep -a NAME`"
    return f"process {pid} has no executable (a kernel thread?); give the id of a Go program"
