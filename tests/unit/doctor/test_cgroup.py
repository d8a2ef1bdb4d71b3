"""The memory limit of this process, as control groups say it on hosts and in containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.doctor.cgroup import cpu_limit, memory_limit

POD = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-a1.scope"
UNLIMITED = "9223372036854771712\n"  # of version 1

CASES = {
    "v2 on the host": (f"0::{POD}\n", {f"{POD}/memory.max": "268435456\n"}, (True, 256 << 20)),
    "v2 in a cgroup namespace of its own": ("0::/\n", {"/memory.max": "268435456\n"}, (True, 256 << 20)),
    "v2 in a container without one": (f"0::{POD}\n", {"/memory.max": "268435456\n"}, (True, 256 << 20)),
    "v2 without a limit": ("0::/\n", {"/memory.max": "max\n"}, (True, None)),
    "v2, where the pod has less": (
        f"0::{POD}\n",
        {f"{POD}/memory.max": "max\n", f"{POD.rpartition('/')[0]}/memory.max": "134217728\n"},
        (True, 128 << 20),
    ),
    "v1 on the host": (
        f"9:memory:{POD}\n1:name=systemd:{POD}\n",
        {f"/memory{POD}/memory.limit_in_bytes": "268435456\n", "/memory/memory.limit_in_bytes": UNLIMITED},
        (True, 256 << 20),
    ),
    "v1 in a container": (
        f"9:memory:{POD}\n0::{POD}\n",
        {"/memory/memory.limit_in_bytes": "268435456\n"},
        (True, 256 << 20),
    ),
    "v1 without a limit": ("9:memory:/\n", {"/memory/memory.limit_in_bytes": UNLIMITED}, (True, None)),
    "hybrid with memory in v2": (
        f"3:cpu:{POD}\n0::{POD}\n",
        {f"/unified{POD}/memory.max": "268435456\n"},
        (True, 256 << 20),
    ),
    "control groups are not mounted": (f"0::{POD}\n", {}, (False, None)),
    "no control groups": ("", {}, (False, None)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_limit_is_found(case: str, tmp_path: Path) -> None:
    """And where it cannot be seen, that is not taken for none."""
    text, files, expected = CASES[case]
    for path, content in files.items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    assert expected == memory_limit(text, tmp_path)


CPU_CASES = {
    "v2": (f"0::{POD}\n", {f"{POD}/cpu.max": "50000 100000\n"}, 0.5),
    "v2 in a cgroup namespace of its own": ("0::/\n", {"/cpu.max": "200000 100000\n"}, 2.0),
    "v2 without a limit": ("0::/\n", {"/cpu.max": "max 100000\n"}, None),
    "v2, where the pod has less": (
        f"0::{POD}\n",
        {f"{POD}/cpu.max": "max 100000\n", f"{POD.rpartition('/')[0]}/cpu.max": "25000 50000\n"},
        0.5,
    ),
    "v1": (
        f"9:cpu,cpuacct:{POD}\n3:cpuset:{POD}\n",
        {f"/cpu{POD}/cpu.cfs_quota_us": "20000\n", f"/cpu{POD}/cpu.cfs_period_us": "100000\n"},
        0.2,
    ),
    "v1 without a limit": ("9:cpu:/\n", {"/cpu/cpu.cfs_quota_us": "-1\n", "/cpu/cpu.cfs_period_us": "100000\n"}, None),
    "nothing to be seen": (f"0::{POD}\n9:cpu:{POD}\n", {}, None),
}


@pytest.mark.parametrize("case", CPU_CASES)
def test_the_limit_of_processor_time_is_found(case: str, tmp_path: Path) -> None:
    """In cores, the least of all groups above."""
    text, files, expected = CPU_CASES[case]
    for path, content in files.items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    assert expected == cpu_limit(text, tmp_path)
