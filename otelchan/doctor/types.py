"""What doctor reads, before anything is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from otelchan.kernel.features import Features
from otelchan.plan.types import AttachPlan

STEPS = ("process", "Go", "memory", "lock")


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What was read. Unknown or absent: None or "".

    release, machine: of the kernel, as uname says. user_id: effective. capabilities: CapEff of /proc/self/status.
    memlock_bytes: soft limit of locked memory, None: unlimited. lockdown: "none", "integrity" or "confidentiality".
    ptrace_scope: of the Yama security module. cgroup: path of this process's cgroup (version 2). memory_limit_bytes:
    of its cgroups, None: none. features: what the kernel and libbpf can do, found by trying. host_pids: process ids
    here are those of the kernel, not those of a pid namespace. memory_limit_known: whether a limit would be seen.
    real_time: a thread may go before all others. cpu_limit: cores that its cgroups may take, None: no limit is seen.
    """

    release: str
    machine: str
    user_id: int
    capabilities: int
    btf: bool
    memlock_bytes: int | None
    lockdown: str
    ptrace_scope: int | None
    cgroup: str
    memory_limit_bytes: int | None
    features: Features
    host_pids: bool = True
    memory_limit_known: bool = True
    real_time: bool = True
    cpu_limit: float | None = None


@dataclass(slots=True)
class ProgramFacts:
    """What was found, by step of STEPS. A step that failed has its error instead.

    plan: what would be attached, None when it did not come to that. code_compared: the sites' bytes were compared
    with the file; trapped_sites, changed_sites: functions where another tracer's trap, or other code, was found.
    """

    found: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    plan: AttachPlan | None = None
    code_compared: bool = False
    trapped_sites: Sequence[str] = ()
    changed_sites: Sequence[str] = ()
