"""What the facts about a machine and a program mean: ok, or what to do. Pure."""

from __future__ import annotations

from otelchan.doctor.probing import check_probing
from otelchan.doctor.types import STEPS, MachineFacts, ProgramFacts
from otelchan.kernel.links import Attach
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.types import Plane
from otelchan.view.types import FAULT, NOTE, OK, Check

CAPABILITIES = {"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_NICE": 23, "PERFMON": 38, "BPF": 39}
"""Bit numbers from include/uapi/linux/capability.h."""

_MEBIBYTE = 1 << 20
_LEAST_MEMORY = 128 * _MEBIBYTE


def check_machine(facts: MachineFacts) -> list[Check]:
    """Kernel, privileges, loading and attaching, in the order in which they matter."""
    checks = [_kernel(facts), _privileges(facts), *check_probing(facts.features)]
    checks += [_process_ids(facts), _btf(facts), _locked_memory(facts), _cgroup(facts), _slices(facts)]
    return checks + _security_modules(facts)


def check_program(facts: ProgramFacts) -> list[Check]:
    """What otelchan would do with one program."""
    checks = [check for step in STEPS if (check := _step(facts, step)) is not None]
    if facts.plan is not None:
        checks += [_plane(facts, plane) for plane in PLANE_ORDER]
    if facts.code_compared:
        checks.append(_code(facts))
    return checks


def _kernel(facts: MachineFacts) -> Check:
    found = f"Linux {facts.release} {facts.machine}"
    if facts.machine != "x86_64":
        return Check("kernel", FAULT, found, "only amd64 (x86_64) is supported; use such a machine")
    return Check("kernel", OK, found)


def _privileges(facts: MachineFacts) -> Check:
    held = {name for name, bit in CAPABILITIES.items() if facts.capabilities >> bit & 1}
    user = "root" if facts.user_id == 0 else f"user {facts.user_id}"
    found = f"{user} with " + (", ".join(f"CAP_{name}" for name in sorted(held)) or "no capability that matters here")
    attach = [] if "SYS_ADMIN" in held else [name for name in ("BPF", "PERFMON") if name not in held]
    if attach:
        missing = " and ".join(f"CAP_{name}" for name in attach)
        return Check("privileges", FAULT, found, f"probes need {missing}; run as root or grant them")
    read = [name for name in ("SYS_PTRACE", "DAC_READ_SEARCH") if name not in held]
    if read:
        missing = " and ".join(f"CAP_{name}" for name in read)
        return Check("privileges", NOTE, found, f"without {missing} only this user's own programs can be read")
    return Check("privileges", OK, found)


def _process_ids(facts: MachineFacts) -> Check:
    if facts.host_pids:
        return Check("process ids", OK, "those of the host: programs that start are seen from their first make")
    advice = "with --exe, programs that start are seen a second later; give it those of the host (Kubernetes: hostPID)"
    return Check("process ids", NOTE, "those of a pid namespace", advice)


def _btf(facts: MachineFacts) -> Check:
    found = "the kernel's type information is there" if facts.btf else "no /sys/kernel/btf/vmlinux"
    return Check("BTF", OK, found + "; not needed, no kernel structure is read")


def _locked_memory(facts: MachineFacts) -> Check:
    limit = "unlimited" if facts.memlock_bytes is None else f"limit {facts.memlock_bytes // 1024} KiB"
    if facts.features.bpf_allowed:
        return Check("locked memory", OK, f"{limit}; enough")
    return Check("locked memory", NOTE, limit, "Linux before 5.11 counts BPF maps here: `ulimit -l unlimited`")


def _cgroup(facts: MachineFacts) -> Check:
    limit = facts.memory_limit_bytes
    none = "no memory limit" if facts.memory_limit_known else "its memory limit cannot be seen here"
    found = f"{facts.cgroup or 'none'}, {none if limit is None else f'{limit // _MEBIBYTE} MiB'}"
    if limit is not None and limit < _LEAST_MEMORY:
        return Check("cgroup", NOTE, found, f"BPF maps count here; allow at least {_LEAST_MEMORY // _MEBIBYTE} MiB")
    return Check("cgroup", OK, found)


def _slices(facts: MachineFacts) -> Check:
    """What a program that is over its budget pays for estimates: docs/budget.md."""
    subject = "time slices"
    if facts.features.attach is not Attach.MULTI:
        return Check(subject, OK, "none with perf events: what is over the budget is given up")
    if facts.cpu_limit is not None:
        advice = "while that stops the agent, a slice's traps may stay in; give otelchan no CPU limit, but a request"
        return Check(subject, NOTE, f"a CPU limit of {facts.cpu_limit:g} cores", advice)
    if not facts.real_time:
        advice = (
            "on a busy machine they take milliseconds longer, paid from the budget; CAP_SYS_NICE makes them end in time"
        )
        return Check(subject, NOTE, "no real-time priority for the thread that ends them", advice)
    return Check(subject, OK, "end in time: real-time priority is permitted, and no CPU limit is seen")


def _security_modules(facts: MachineFacts) -> list[Check]:
    checks = []
    if facts.lockdown == "confidentiality":
        advice = "the kernel keeps BPF from reading memory; boot without lockdown=confidentiality"
        checks.append(Check("lockdown", FAULT, facts.lockdown, advice))
    if facts.ptrace_scope == 3:
        advice = "nobody may read another program's memory; boot with kernel.yama.ptrace_scope=2 or less"
        checks.append(Check("ptrace scope", FAULT, "3", advice))
    return checks


def _step(facts: ProgramFacts, step: str) -> Check | None:
    if step in facts.errors:
        return Check(step, FAULT, "no", facts.errors[step])
    return Check(step, OK, facts.found[step]) if step in facts.found else None


def _plane(facts: ProgramFacts, plane: Plane) -> Check:
    subject = f"{plane} plane"
    assert facts.plan is not None
    for left in facts.plan.left_out:
        if left.what == plane:
            return Check(subject, NOTE, "left out", left.reason)
    sites = facts.plan.planes[plane]
    functions = len({planned.site.function for planned in sites})
    cost = max((planned.cost_ns for planned in sites), default=0)
    found = f"{len(sites)} sites in {functions} functions, at most {cost} ns a hit, after a trial"
    return Check(subject, OK, found)


def _code(facts: ProgramFacts) -> Check:
    if facts.changed_sites:
        names = ", ".join(facts.changed_sites)
        advice = "what runs is not what the file says; restart the program, or stop what rewrites its code"
        return Check("code", FAULT, f"changed in memory at {names}", advice)
    if facts.trapped_sites:
        names = ", ".join(facts.trapped_sites)
        return Check("code", NOTE, f"another tracer's trap at {names}", "both work; each adds its cost")
    return Check("code", OK, "in memory as in the file; no other tracer's trap at our sites")
