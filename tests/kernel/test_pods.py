"""The pod of a process in a real control group, as agents in other namespaces of control groups see it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelchan.target.process import by_pid
from tests.support.cgroups import groups, join

WATCHED, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
APP, AGENT = "a1" * 32, "b2" * 32
DRIVERS = {
    "cgroupfs": "kubepods/burstable/pod{pod}/{container}",
    "systemd": "kubepods.slice/kubepods-pod{slice}.slice/cri-containerd-{container}.scope",
}
# What an agent finds that is started in a group and has a namespace of its own, as containers on cgroup v2 have.
LOOK = """
import sys
from otelchan.target.process import by_pid
process = by_pid(int(sys.argv[1]))
print([process.pod_uid, process.container_id])
"""
ENTER = 'echo $$ >"$0"/cgroup.procs && exec unshare --cgroup "$@"'


def path(driver: str, pod: str, container: str) -> str:
    """A container's group."""
    return DRIVERS[driver].format(pod=pod, slice=pod.replace("-", "_"), container=container)


@contextlib.contextmanager
def sleeper(folder: Path) -> Iterator[int]:
    """A process in that group, which does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        join(folder, process.pid)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def seen_from(folder: Path, pid: int) -> str:
    """Pod and container of a process, as an agent in that group finds them."""
    command = ["sh", "-ec", ENTER, str(folder), sys.executable, "-c", LOOK, str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_pod_is_found_from_the_host_and_from_another_pod(driver: str) -> None:
    """Where the agent has a namespace of its own, the beginning that it shares with the program is cut off the path:
    the pod's part is left."""
    with (
        groups(path(driver, WATCHED, APP), path(driver, OTHER, AGENT)) as (watched, own),
        sleeper(watched) as pid,
    ):
        here = by_pid(pid)
        assert (here.pod_uid, here.container_id) == (WATCHED, APP)
        assert seen_from(own, pid) == str([WATCHED, APP])


@pytest.mark.parametrize("driver", DRIVERS)
def test_in_the_same_pod_only_the_container_is_seen(driver: str) -> None:
    """Then the pod's part is what is cut off; the Collector finds the pod by its container."""
    with (
        groups(path(driver, WATCHED, APP), path(driver, WATCHED, AGENT)) as (watched, own),
        sleeper(watched) as pid,
    ):
        assert seen_from(own, pid) == str(["", APP])


NODE = """
import sys
from otelchan.target.process import by_pid
process = by_pid(int(sys.argv[1]))
print([process.pod_uid, process.namespace, process.pod_name, process.container_name])
"""
# A node of its own: its first process has kubelet's folder of logs, and a program the two mounts that kubelet makes.
KUBELET = """
mount -t tmpfs none /var/log
mkdir -p /var/log/pods/shops_cart-0_$1 "$0/pods/$1/containers/cart"
cp /etc/hosts "$0/pods/$1/etc-hosts"
touch "$0/pods/$1/containers/cart/6ef9ac20"
unshare --mount sh -ec 'mount --bind "$0/etc-hosts" /etc/hosts; touch "$0/message"
mount --bind "$0/containers/cart/6ef9ac20" "$0/message"; exec sleep 60' "$0/pods/$1" &
program=$!
until grep -q /containers/cart/ /proc/$program/mountinfo; do sleep 0.01; done
status=0
"$2" -c "$3" $program || status=$?
kill $program
exit $status
"""


def test_what_kubelet_leaves_on_a_node_is_found(tmp_path: Path) -> None:
    """Real mounts, as the kernel says them, in a program that has no control group of its own."""
    node = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", KUBELET]
    seen = subprocess.run(
        [*node, str(tmp_path), WATCHED, sys.executable, NODE], capture_output=True, text=True, check=False
    )
    assert (seen.stdout.strip(), seen.stderr) == (str([WATCHED, "shops", "cart-0", "cart"]), "")
