"""How the program is attached: one uprobe_multi link over many sites, or one perf event and its link per site.

Which of them this kernel has is found by trying, with a program of two instructions; nothing is attached.
"""

from __future__ import annotations

import errno
import os
import resource
from contextlib import ExitStack, suppress
from enum import StrEnum
from typing import NamedTuple

from otelchan.errors import KernelError
from otelchan.kernel import perf, syscall

_RETURN_ZERO = bytes.fromhex("b700000000000000 9500000000000000")  # r0 = 0; exit
_NO_SUCH_FILE = "/nonexistent"
_MOST_DESCRIPTORS = 1 << 16


class Attach(StrEnum):
    """The best first."""

    MULTI = "multi"
    PERF = "perf"


ATTACH_TYPES = {Attach.MULTI: syscall.TRACE_UPROBE_MULTI, Attach.PERF: 0}
"""expected_attach_type that a program must be loaded with; with one it cannot be attached in the other way."""


class Missing(NamedTuple):
    """Why a way of attaching cannot be used, and what to do: together one sentence."""

    what: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.what}; {self.way_out}"


NOT_PERMITTED = "run as root or with CAP_BPF and CAP_PERFMON (`otelchan doctor` shows what is missing)"


def choose_attach(wanted: str) -> Attach:
    """The way to attach here. wanted: "auto", "multi" or "perf". Raises KernelError when it cannot be used."""
    if wanted != "auto":
        if missing := why_not(Attach(wanted)):
            raise KernelError(f"{missing}{_instead(Attach(wanted))}")
        return Attach(wanted)
    reasons = []
    for attach in Attach:
        missing = why_not(attach)
        if missing is None:
            return attach
        reasons.append(missing)
    raise KernelError(
        f"{' and '.join(missing.what for missing in reasons)}; {', or '.join(missing.way_out for missing in reasons)}"
    )


def _instead(attach: Attach) -> str:
    others = [other for other in Attach if other is not attach and why_not(other) is None]
    return f", or `--attach {others[0]}`" if others else ""


def why_not(attach: Attach) -> Missing | None:
    """What is in the way of attaching so. Raises KernelError when no program can be loaded at all."""
    program = _trial_program(attach)
    try:
        return _no_multi(program) if attach is Attach.MULTI else _no_perf(program)
    finally:
        os.close(program)


def require_bpf() -> bool:
    """True. Raises KernelError when no program can be loaded at all."""
    os.close(_trial_program(Attach.PERF))
    return True


def _trial_program(attach: Attach) -> int:
    try:
        return syscall.load_program(_RETURN_ZERO, ATTACH_TYPES[attach])
    except OSError as error:
        if error.errno == errno.EPERM:
            raise KernelError(f"loading a BPF program is not permitted; {NOT_PERMITTED}") from error
        what = f"the kernel takes no BPF program for uprobes: {error.strerror}"
        raise KernelError(f"{what}; use Linux 5.15 or newer") from error


def _no_multi(program: int) -> Missing | None:
    found = _errno_of_multi(program, _NO_SUCH_FILE, 1)
    if found in (errno.EPERM, errno.EACCES):
        return Missing("uprobe_multi links are not permitted", NOT_PERMITTED)
    if found != errno.ENOENT:
        return Missing("the kernel has no uprobe_multi links", "use Linux 6.6 or newer")
    # Fixed by commit 46ba0e49b642 (Linux 6.10): before, a pid was a thread's, and all threads but one were missed. For
    # pid -1 the fixed kernel answers EINVAL; one that filters by thread looks it up and answers ESRCH.
    if _errno_of_multi(program, "/proc/self/exe", -1) != errno.EINVAL:
        what = "the kernel's uprobe_multi links filter threads instead of processes"
        return Missing(what, "use Linux 6.10 or newer")
    return None


def _no_perf(program: int) -> Missing | None:
    if not perf.UPROBE_TYPE.exists():
        return Missing(
            f"the kernel has no uprobes ({perf.UPROBE_TYPE} does not exist)", "use one with CONFIG_UPROBE_EVENTS"
        )
    try:
        os.close(perf.open_uprobe(_NO_SUCH_FILE, 64, os.getpid()))
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            return Missing("perf events for uprobes are not permitted", "run as root or with CAP_SYS_ADMIN")
    try:
        os.close(syscall.link_perf_event(program, -1, 0))
    except OSError as error:
        if error.errno != errno.EBADF:  # a kernel that has such links looks for the event first
            return Missing("the kernel has no BPF links to perf events", "use Linux 5.15 or newer")
    return None


def _errno_of_multi(program: int, path: str, pid: int) -> int:
    """The errno of a link that cannot be made, whichever way the kernel finds out."""
    try:
        os.close(syscall.link_uprobe_multi(program, path, [64], [0], pid))
    except OSError as error:
        return error.errno or 0
    return 0


def link(attach: Attach, program: int, path: str, offsets: list[int], cookies: list[int], pid: int) -> list[int]:
    """Attach at file offsets of `path` in one process, or with pid 0 in all; the links' descriptors.

    Raises OSError, and nothing stays.
    """
    if attach is Attach.MULTI:
        return [syscall.link_uprobe_multi(program, path, offsets, cookies, pid)]
    # All traps first, which takes milliseconds, then all programs: nearly at once, so that no site counts much longer
    # than another. A link keeps its event, so the events' own descriptors are closed.
    with ExitStack() as events, ExitStack() as undo:
        opened = []
        for offset in offsets:
            opened.append(perf.open_uprobe(path, offset, pid))
            events.callback(os.close, opened[-1])
        links = []
        for event, cookie in zip(opened, cookies, strict=True):
            links.append(syscall.link_perf_event(program, event, cookie))
            undo.callback(os.close, links[-1])
        undo.pop_all()
    return links


def allow_descriptors() -> None:
    """Let this process have as many as it may: perf links take one per site, not one per plane, and so does each thread
    of a program that is counted in slices (cpusamples)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def allow_rings() -> None:
    """Let this process lock as much memory as it can, while it may say so: for each thread that is sampled there is a
    ring, which counts against that (man 2 perf_event_open, perf_event_mlock_kb), and one without a ring is not seen."""
    _, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    for limit in (resource.RLIM_INFINITY, hard):
        with suppress(ValueError, OSError):  # more than before takes CAP_SYS_RESOURCE
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
            return
