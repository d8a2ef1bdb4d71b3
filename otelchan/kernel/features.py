"""What this machine's kernel and libraries can do, found by trying, never by version numbers."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from otelchan.errors import KernelError
from otelchan.kernel import libbpf, syscall
from otelchan.kernel.session import OBJECT


@dataclass(frozen=True, slots=True)
class Features:
    """libbpf: version or None. object: path of the compiled BPF object or None. reasons: feature -> why it is missing.

    uprobe_multi: links over many sites (Linux 6.6). uprobe_multi_thread_filter: they filter by process, not by thread
    (fixed by commit 46ba0e49b642, Linux 6.10; before, a pid filter missed all threads but one).
    """

    libbpf: str | None
    object: str | None
    bpf_allowed: bool
    uprobe_multi: bool
    uprobe_multi_thread_filter: bool
    reasons: dict[str, str] = field(default_factory=dict)


def probe_features() -> Features:
    """Load the program, try a link to a pid that cannot be; attaches nothing."""
    reasons: dict[str, str] = {}
    version = None
    try:
        version = libbpf.version()
    except KernelError as error:
        reasons["libbpf"] = str(error)
    path = str(OBJECT) if OBJECT.is_file() else None
    if path is None:
        reasons["object"] = f"{OBJECT} does not exist; build it with `make build`"
    loaded = None
    if version and path:
        try:
            loaded = libbpf.BpfObject(OBJECT, "oc_dispatch", {"parked": 64})
        except KernelError as error:
            reasons["bpf_allowed"] = str(error)
    multi = loaded is not None and _link_errno(loaded.program_fd, "/nonexistent", 1) == errno.ENOENT
    # For pid -1 the fixed kernel answers EINVAL; one that filters by thread looks it up and answers ESRCH.
    filtered = loaded is not None and multi and _link_errno(loaded.program_fd, "/proc/self/exe", -1) == errno.EINVAL
    if loaded:
        loaded.close()
        if not multi:
            reasons["uprobe_multi"] = "the kernel has no uprobe_multi links; use Linux 6.6 or newer"
        elif not filtered:
            reasons["uprobe_multi_thread_filter"] = (
                "the kernel's uprobe_multi links filter threads instead of processes; use Linux 6.10 or newer"
            )
    return Features(version, path, loaded is not None, multi, filtered, reasons)


def _link_errno(program_fd: int, path: str, pid: int) -> int:
    """The errno of a link that cannot be made, whichever way the kernel finds out."""
    try:
        syscall.link_uprobe_multi(program_fd, path, [64], [0], pid)
    except OSError as error:
        return error.errno or 0
    return 0
