"""The Kubernetes pod of a process, from where every runtime and driver puts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.target.process import by_pid
from tests.support.proc import Proc

DOCKER = "4a" * 32
INNER = "5b" * 32
POD = "6b1c5f0e-2d3a-4f5b-8c7d-9e0f1a2b3c4d"
OTHER_POD = "00000000-1111-4222-8333-444444444444"
DIGEST = "c57e2f3c1f8dd1a9a1f9a0cf2c25cbe1"
UNDERSCORED = POD.replace("-", "_")
BURSTABLE = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice"
BEST_EFFORT = f"kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UNDERSCORED}.slice"
NESTED = f"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UNDERSCORED}.slice"


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """An empty one."""
    return Proc(tmp_path)


PODS = [
    # kubelet with the driver "systemd", cgroup v2: one line
    (f"0::/{BURSTABLE}/cri-containerd-{INNER}.scope", POD),
    (f"0::/{BEST_EFFORT}/crio-{INNER}.scope", POD),
    (f"0::/{BEST_EFFORT}/crio-{INNER}.scope/container", POD),
    (f"0::/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/docker-{INNER}.scope", POD),  # guaranteed
    (f"0::/kubepods.slice/kubepods-pod{UNDERSCORED}.slice", POD),  # the pod's own
    # the driver "cgroupfs", v2
    (f"0::/kubepods/burstable/pod{POD}/{INNER}", POD),
    (f"0::/kubepods/pod{POD}/{INNER}", POD),
    (f"0::/kubepods/besteffort/pod{POD}/crio-{INNER}", POD),
    # v1: a line per hierarchy
    (f"11:memory:/kubepods/burstable/pod{POD}/{INNER}\n10:cpu,cpuacct:/kubepods/burstable/pod{POD}/{INNER}", POD),
    (f"4:pids:/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/docker-{INNER}.scope\n1:name=systemd:/", POD),
    # hybrid: some hierarchies know nothing
    (f"9:name=systemd:/\n8:pids:/kubepods/pod{POD}/{INNER}\n0::/", POD),
    (f"9:name=systemd:/\n8:pids:/\n0::/kubepods/pod{POD}/{INNER}", POD),
    # containerd that was told a slice, with the other driver
    (f"0::/system.slice/containerd.service/kubepods-burstable-pod{UNDERSCORED}.slice:cri-containerd:{INNER}", POD),
    (f"0::/kubepods-burstable-pod{UNDERSCORED}.slice:docker:{INNER}", POD),
    # nodes that are containers, and a kubelet with a root of its own
    (f"0::/docker/{DOCKER}/kubelet/kubepods/burstable/pod{POD}/{INNER}", POD),
    (f"0::/docker/{DOCKER}/{NESTED}/cri-containerd-{INNER}.scope", POD),
    # seen from another pod's cgroup namespace: the common beginning is cut off
    (f"0::/../../pod{POD}/{INNER}", POD),
    (f"0::/../../kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-{INNER}.scope", POD),
    # containers in a pod's container are in that pod; a cluster in a pod is the inner one
    (f"0::/kubepods/burstable/pod{POD}/{DOCKER}/docker/{INNER}", POD),
    (f"0::/kubepods/pod{OTHER_POD}/{DOCKER}/kubelet/kubepods/pod{POD}/{INNER}", POD),
    # a static pod has a digest there, which the API does not know
    (f"0::/kubepods/burstable/pod{DIGEST}/{INNER}", ""),
    (f"0::/kubepods.slice/kubepods-burstable-pod{DIGEST}.slice/crio-{INNER}.scope", ""),
    # seen from the same pod's cgroup namespace: nothing is left of the pod
    (f"0::/../cri-containerd-{INNER}.scope", ""),
    (f"0::/../{INNER}", ""),
    # no pods
    (f"0::/machine.slice/libpod-{INNER}.scope", ""),
    (f"0::/machine.slice/machine-libpod_pod_{DOCKER}.slice/libpod-{INNER}.scope", ""),
    (f"0::/system.slice/docker-{INNER}.scope", ""),
    (f"0::/user.slice/tripod{POD}/x", ""),
    (f"0::/kubepods/pod{POD}0/{INNER}", ""),
    (f"0::/kubepods-pod{UNDERSCORED}.service", ""),
    ("0::/", ""),
    ("", ""),
]


@pytest.mark.parametrize(("cgroup", "expected"), PODS)
def test_the_pod_is_in_the_cgroup(proc: Proc, cgroup: str, expected: str) -> None:
    """Version 1, 2 and both, both drivers of kubelet, containerd, CRI-O and Docker; and nothing that only looks so."""
    proc.add(42, proc.program("api"), cgroup=f"{cgroup}\n")

    assert expected == by_pid(42, proc.path).pod_uid


@pytest.mark.parametrize(("cgroup", "expected"), [case for case in PODS if INNER in case[0]])
def test_the_container_is_found_wherever_the_pod_is(proc: Proc, cgroup: str, expected: str) -> None:
    """Also of static pods, and seen from within the pod: the Collector can find the pod by its container then."""
    proc.add(42, proc.program("api"), cgroup=f"{cgroup}\n")

    assert INNER == by_pid(42, proc.path).container_id


CONTAINERS = [
    # podman, with systemd and without, as root and as a user, in a pod of its own
    (f"0::/machine.slice/libpod-{INNER}.scope/container", INNER),
    (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{INNER}.scope/container", INNER),
    (f"0::/libpod_parent/{DOCKER}/libpod-{INNER}", INNER),
    (f"0::/user.slice/user-1000.slice/user@1000.service/user-libpod_pod_{DOCKER}.slice/libpod-{INNER}.scope", INNER),
    # Docker, rootless too; Docker in Docker; a system within that has groups of its own
    (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{INNER}.scope", INNER),
    (f"0::/docker/{INNER}/init.scope", INNER),
    (f"0::/system.slice/docker-{DOCKER}.scope/docker/{INNER}/system.slice/app.service", INNER),
    # containerd without Kubernetes, ECS, CRI-O by its shares
    (f"0::/default/{INNER}", INNER),
    (f"4:pids:/ecs/0123456789abcdef0123456789abcdef/{INNER}", INNER),
    (f"0::/machine.slice/crio-{INNER}.scope", INNER),
    # hybrid: v2 without a group; from a namespace of its own beside it, below it, and from the same group
    (f"12:pids:/docker/{INNER}\n1:name=systemd:/docker/{INNER}\n0::/", INNER),
    (f"0::/../{INNER}", INNER),
    (f"0::/../../../machine.slice/libpod-{INNER}.scope", INNER),
    ("0::/", ""),
    ("0::/..", ""),
    ("0::/init.scope", ""),
    # a digest in a name is no container
    (f"0::/system.slice/run-{DOCKER[:32]}.scope", ""),
    (f"0::/system.slice/x{DOCKER}{DOCKER}.scope", ""),
]


@pytest.mark.parametrize(("cgroup", "expected"), CONTAINERS)
def test_the_container_is_found_without_kubernetes(proc: Proc, cgroup: str, expected: str) -> None:
    """Each runtime and driver, and who is within a container within one."""
    proc.add(42, proc.program("api"), cgroup=f"{cgroup}\n")

    process = by_pid(42, proc.path)
    assert (expected, "") == (process.container_id, process.pod_uid)
