"""The pod of a process by what kubelet leaves on the node: mounts, folders of logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.target.process import by_pid
from otelchan.target.types import Process
from tests.support.proc import Proc

POD = "6b1c5f0e-2d3a-4f5b-8c7d-9e0f1a2b3c4d"
OTHER = "00000000-1111-4222-8333-444444444444"
DIGEST = "c57e2f3c1f8dd1a9a1f9a0cf2c25cbe1"
ID = "5b" * 32
IN_POD = f"0::/kubepods/burstable/pod{POD}/{ID}\n"
SAME_POD = f"0::/../cri-containerd-{ID}.scope\n"  # as an agent in the same pod sees it
KUBELET = "/var/lib/kubelet/pods"
KIND = f"/var/lib/docker/volumes/{'a7' * 32}/_data/lib/kubelet/pods"  # a node that is a container


def hosts(pod: str, root: str = KUBELET) -> str:
    """The mount of /etc/hosts, as containerd, CRI-O and cri-dockerd make it."""
    return f"1371 1357 259:1 {root}/{pod}/etc-hosts /etc/hosts rw,relatime - ext4 /dev/nvme0n1p1 rw\n"


def message(pod: str, name: str, root: str = KUBELET) -> str:
    """That of the file for a termination message."""
    place = f"{root}/{pod}/containers/{name}/6ef9ac20"
    return f"1372 1361 259:1 {place} /dev/termination-log rw,relatime - ext4 /dev/nvme0n1p1 rw\n"


ROOT = "1357 1230 0:377 / / rw,relatime master:247 - overlay overlay rw,lowerdir=/var/lib/x\n"
SANDBOX = f"1373 1357 259:1 /var/lib/containerd/x/sandboxes/{'ee' * 32}/hostname /etc/hostname rw - ext4 /dev/x rw\n"


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """An empty one."""
    return Proc(tmp_path)


def found(proc: Proc, mounts: str, cgroup: str = SAME_POD, said: str = "") -> Process:
    """A process with these mounts, in that control group, which says that of itself."""
    environment = f"OTEL_RESOURCE_ATTRIBUTES={said}\0".encode()
    folder = proc.add(42, proc.program("api"), cgroup=cgroup, environment=environment)
    (folder / "mountinfo").write_text(mounts)
    return by_pid(42, proc.path)


def logs(proc: Proc, *folders: str) -> None:
    """What kubelet has in /var/log/pods of the host, whose first process is pid 1."""
    for name in folders:
        (proc.path / "1" / "root/var/log/pods" / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        (ROOT + hosts(POD) + message(POD, "cart") + SANDBOX, (POD, "cart")),
        (hosts(POD), (POD, "")),  # terminationMessagePath: ""
        (message(POD, "cart"), (POD, "cart")),  # a volume at /etc/hosts
        (hosts(POD, "/pods") + message(POD, "cart", "/pods"), (POD, "cart")),  # a disk of its own
        (message(POD, "cart", KIND), (POD, "cart")),
        (hosts(DIGEST) + message(DIGEST, "etcd"), ("", "etcd")),  # a static pod: the API has another uid for it
        (ROOT + SANDBOX, ("", "")),
        ("", ("", "")),
        # what only looks so
        (hosts(POD).replace(" /etc/hosts ", " /mnt/hosts "), ("", "")),
        (message(POD, "cart").replace("6ef9ac20", "6ef9ac20/x"), ("", "")),
        (message(POD, "Cart"), ("", "")),
        (f"1 2 259:1 {KUBELET}/{POD}/volumes/kubernetes.io~empty-dir/x /x rw - ext4 /dev/x rw\n", ("", "")),
        (f"1 2 259:1 {KUBELET} {KUBELET} rw - ext4 /dev/x rw\n", ("", "")),  # a storage driver's
        # who has mounted what is of others
        (hosts(POD) + message(OTHER, "cart"), ("", "")),
        (hosts(POD) + message(POD, "cart") + message(POD, "other"), (POD, "")),
    ],
)
def test_mounts_say_which_pod_and_container(proc: Proc, mounts: str, expected: tuple[str, str]) -> None:
    """Also for an agent in the same pod, to whom the control group does not say it, and never two things."""
    process = found(proc, mounts)

    assert expected == (process.pod_uid, process.container_name)
    assert process.container_id == ID, "the sandbox is not the container"


def test_folders_of_logs_say_what_the_pod_is_called(proc: Proc) -> None:
    """By the uid that is in their names."""
    logs(proc, f"shops_cart-5d8f-x2x4z_{POD}", f"shops_other_{OTHER}")
    process = found(proc, hosts(POD), IN_POD)

    assert ("shops", "cart-5d8f-x2x4z", POD) == (process.namespace, process.pod_name, process.pod_uid)


def test_a_static_pod_has_its_name_from_there_too(proc: Proc) -> None:
    """Its folders have the digest of its file for an uid."""
    logs(proc, f"kube-system_etcd-node-7_{DIGEST}")
    process = found(proc, hosts(DIGEST) + message(DIGEST, "etcd"))

    assert ("kube-system", "etcd-node-7", "etcd", "") == (
        process.namespace,
        process.pod_name,
        process.container_name,
        process.pod_uid,
    )


def test_the_control_group_alone_is_enough_for_the_name(proc: Proc) -> None:
    """Of a process whose mounts cannot be read, or that has others."""
    logs(proc, f"shops_cart_{POD}")

    assert "cart" == found(proc, "", IN_POD).pod_name
    process = found(proc, hosts(OTHER) + message(OTHER, "other"), IN_POD)
    assert ("cart", "") == (process.pod_name, process.container_name)


@pytest.mark.parametrize("folders", [(), (f"shops_cart_{OTHER}",), (f"cart_{POD}",), (f"a_b_{POD}", f"c_d_{POD}")])
def test_without_a_folder_of_that_uid_nothing_is_said(proc: Proc, folders: tuple[str, ...]) -> None:
    """Nor with two, nor with one that is named in another way."""
    logs(proc, *folders)

    assert ("", "") == (found(proc, "", IN_POD).namespace, found(proc, "", IN_POD).pod_name)


SAID = f"k8s.namespace.name=ours,k8s.pod.name=said,k8s.pod.uid={POD},k8s.container.name=main,k8s.deployment.name=d"


def test_what_the_process_says_is_taken_where_nothing_is_seen(proc: Proc) -> None:
    """Names of a pod, which the control group does not have."""
    process = found(proc, "", IN_POD, SAID)

    assert ("ours", "said", "main") == (process.namespace, process.pod_name, process.container_name)
    assert (("k8s.deployment.name", "d"),) == process.attributes
    assert POD == found(proc, "", SAME_POD, SAID).pod_uid


def test_what_is_seen_is_stronger_than_what_the_process_says(proc: Proc) -> None:
    """kubelet knows it better."""
    logs(proc, f"shops_cart_{POD}")
    process = found(proc, hosts(POD) + message(POD, "seen"), IN_POD, SAID)

    assert ("shops", "cart", "seen") == (process.namespace, process.pod_name, process.container_name)


def test_a_process_that_says_another_pod_is_not_believed(proc: Proc) -> None:
    """Its environment was copied; what it says of its service may still be so."""
    process = found(proc, "", IN_POD, f"{SAID.replace(POD, OTHER)},service.version=7")

    assert (POD, "", "", "") == (process.pod_uid, process.namespace, process.pod_name, process.container_name)
    assert (("service.version", "7"),) == process.attributes


@pytest.mark.parametrize("claim", ["k8s.pod.name=victim", "k8s.namespace.name=bank"])
def test_a_process_that_calls_its_pod_otherwise_than_kubelet_is_not_believed(proc: Proc, claim: str) -> None:
    """As with another uid: its deployment and container would be another pod's."""
    logs(proc, f"shops_cart_{POD}")
    process = found(proc, "", IN_POD, f"{claim},k8s.deployment.name=victim,k8s.container.name=vault,service.version=7")

    assert ("shops", "cart", "") == (process.namespace, process.pod_name, process.container_name)
    assert (("service.version", "7"),) == process.attributes


@pytest.mark.parametrize("uid", [DIGEST, "$(POD_UID)", POD.upper(), "7"])
def test_what_is_no_uid_of_the_api_is_none(proc: Proc, uid: str) -> None:
    """A Collector that looks for a pod by it would not look by the container any more."""
    assert "" == found(proc, "", SAME_POD, SAID.replace(POD, uid)).pod_uid
