"""What doctor reads about this machine. It changes nothing and attaches nothing."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from otelchan.doctor.types import MachineFacts
from otelchan.kernel.features import probe_features
from otelchan.target.proc import in_initial_pid_namespace
from otelchan.target.process import PROC

_BTF = Path("/sys/kernel/btf/vmlinux")
_LOCKDOWN = Path("/sys/kernel/security/lockdown")
_PTRACE_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
_CGROUPS = Path("/sys/fs/cgroup")


def read_machine() -> MachineFacts:
    """Look at /proc and /sys, and try to load the BPF object."""
    system = os.uname()
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    scope = _text(_PTRACE_SCOPE)
    cgroup = cgroup_path(_text(Path("/proc/self/cgroup")))
    return MachineFacts(
        release=system.release,
        machine=system.machine,
        user_id=os.geteuid(),
        capabilities=effective_capabilities(_text(Path("/proc/self/status"))),
        btf=_BTF.exists(),
        memlock_bytes=None if soft == resource.RLIM_INFINITY else soft,
        lockdown=chosen(_text(_LOCKDOWN)),
        ptrace_scope=int(scope) if scope.isdigit() else None,
        cgroup=cgroup,
        memory_limit_bytes=_memory_limit(cgroup),
        features=probe_features(),
        host_pids=in_initial_pid_namespace(PROC),
    )


def effective_capabilities(status: str) -> int:
    """The bits of CapEff in the text of /proc/PID/status; 0 when it is not there."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def chosen(text: str) -> str:
    """The word in brackets: "integrity" of "none [integrity] confidentiality"; "" when there is none."""
    return text.partition("[")[2].partition("]")[0]


def cgroup_path(text: str) -> str:
    """The version 2 path in the text of /proc/PID/cgroup; "" when there is none."""
    return next((line[3:] for line in text.splitlines() if line.startswith("0::")), "")


def _memory_limit(cgroup: str) -> int | None:
    limit = _text(_CGROUPS / cgroup.lstrip("/") / "memory.max") if cgroup else ""
    return int(limit) if limit.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
