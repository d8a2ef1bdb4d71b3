"""What doctor reads about this machine. It changes nothing and attaches nothing."""

from __future__ import annotations

import os
import resource
import threading
from pathlib import Path

from otelchan.doctor.cgroup import cgroup_path, cpu_limit, memory_limit
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
    cgroups = _text(Path("/proc/self/cgroup"))
    limit_known, limit = memory_limit(cgroups, _CGROUPS)
    return MachineFacts(
        release=system.release,
        machine=system.machine,
        user_id=os.geteuid(),
        capabilities=effective_capabilities(_text(Path("/proc/self/status"))),
        btf=_BTF.exists(),
        memlock_bytes=None if soft == resource.RLIM_INFINITY else soft,
        lockdown=chosen(_text(_LOCKDOWN)),
        ptrace_scope=int(scope) if scope.isdigit() else None,
        cgroup=cgroup_path(cgroups),
        memory_limit_bytes=limit,
        features=probe_features(),
        host_pids=in_initial_pid_namespace(PROC),
        memory_limit_known=limit_known,
        real_time=_may_go_first(),
        cpu_limit=cpu_limit(cgroups, _CGROUPS),
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


def _may_go_first() -> bool:
    """Tried in a thread that ends then: by capability, RLIMIT_RTPRIO, and what a seccomp profile says."""
    tried: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            return
        tried.append(True)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return bool(tried)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
