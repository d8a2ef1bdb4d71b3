"""otelchan as a sidecar: application, otelchan and Collector are three containers of one pod, which share a process
namespace (shareProcessNamespace) and nothing else, in a namespace of process ids that are not the node's."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import eventually
from tests.support.forms import MEMORY, application, attached, collecting, leak, peak, watching
from tests.support.runc import CAPABILITIES, Container, Image, container

pytestmark = pytest.mark.kernel

USER = 1000
POD = {
    "K8S_NAMESPACE_NAME": "shop",
    "K8S_POD_NAME": "cart-0",
    "K8S_POD_UID": str(uuid.uuid4()),
    "K8S_NODE_NAME": "node-7",
}
ARGUMENTS = ("--all", "--exclude", "otelcol*")
"""As the chart's sidecar example has them: in the pod's namespace nobody else's programs are seen."""


def inner_pid(pid: int) -> int:
    """The process id that a process has in its own namespace."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("NSpid:")).split()[-1])


@pytest.fixture
def pause(image: Image) -> Iterator[Container]:
    """The first process of a pod, which does nothing: it has the namespace that the others share."""
    wait = Image(image.rootfs, {**image.config, "Entrypoint": ["/usr/bin/python3", "-c"]})
    with container(wait, "import signal; signal.signal(15, lambda *a: exit()); signal.pause()") as running:
        yield running


def test_the_leak_of_the_application_comes_out_of_the_collector_beside_it(
    image: Image, workload: Callable[..., Path], pause: Container, tmp_path: Path
) -> None:
    """It is attached to by its process id in the pod, while the kernel's probes have the node's, so that what they see
    is the application's by the probes' cookies alone; its pod's names are those of the downward API."""
    own = f"/otelchan-{uuid.uuid4().hex[:8]}"
    with (
        collecting(tmp_path, "sidecar.yaml", POD, pid=pause.namespace) as received,
        container(application(tmp_path, workload("leaky"), "shop", USER), uid=USER, pid=pause.namespace) as program,
        watching(image, *ARGUMENTS, "--endpoint", received.endpoint, env=POD, pid=pause.namespace, cgroup=own) as agent,
    ):
        pid = inner_pid(program.pid)
        resource = eventually(lambda: leak(received), 60)
        watched = [line for line in agent.errors.splitlines() if "watching pid" in line]
        blocks = received.points("channel.block.duration")
        used = peak(own)

    assert pid != program.pid
    assert [f"watching pid {pid} (/app/shop,"] == [line[line.index("watching") :].rsplit(" ", 1)[0] for line in watched]
    assert {str(pid)} == {whose["process.pid"] for whose, _, _ in blocks}  # what only the kernel side knows
    assert POD == {name: resource[attribute] for name, attribute in zip(POD, NAMES, strict=True)}
    assert 32 << 20 < used < MEMORY


NAMES = ("k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.node.name")


def test_an_application_that_is_started_again_is_found_again(
    image: Image, workload: Callable[..., Path], pause: Container, tmp_path: Path
) -> None:
    """Its container ends, and another one takes its place: another process id, the same findings."""
    app = application(tmp_path, workload("leaky"), "shop", USER)
    with (
        collecting(tmp_path, "sidecar.yaml", POD, pid=pause.namespace) as received,
        watching(image, *ARGUMENTS, "--endpoint", received.endpoint, env=POD, pid=pause.namespace) as agent,
    ):
        with container(app, uid=USER, pid=pause.namespace) as first:
            attached(agent, "shop")
            before = inner_pid(first.pid)
        since = time.time()
        with container(app, uid=USER, pid=pause.namespace) as second:
            attached(agent, "shop", 2)
            after = inner_pid(second.pid)
            resource = eventually(lambda: leak(received, since, str(after)), 60)
        eventually(lambda: f"pid {after} has ended" in agent.errors)

    assert before != after
    assert str(after) == resource["process.pid"]


def test_the_commands_work_in_a_pod(
    image: Image, workload: Callable[..., Path], pause: Container, tmp_path: Path
) -> None:
    """What somebody does there by hand (kubectl debug --target): doctor says where it is, findings finds the leak."""
    app = application(tmp_path, workload("leaky"), "shop", USER)
    with container(app, uid=USER, pid=pause.namespace) as program:
        pid = inner_pid(program.pid)
        doctor = in_pod(image, pause, "doctor", str(pid))
        findings = in_pod(image, pause, "findings", "--json", "--duration", "12", str(pid))

    assert (0, "ready") == (doctor[0], doctor[1].rstrip().splitlines()[-1])
    said = {line[7:].split("  ")[0]: line for line in doctor[1].splitlines()}
    assert "those of a pid namespace" in said["process ids"]
    assert "none is kept on a read-only file system" in said["lock"]
    assert said["cgroup"].endswith(f", {MEMORY >> 20} MiB")
    assert 1 == findings[0], findings
    (found,) = json.loads(findings[1])["processes"][0]["findings"]
    assert ("F1", "main.askPrice main.go:84") == (found["id"], found["channel"])


def in_pod(image: Image, pause: Container, *arguments: str) -> tuple[int, str]:
    """The exit status and the output of a command in the pod."""
    with container(image, *arguments, caps=CAPABILITIES, pid=pause.namespace, memory=MEMORY) as running:
        return running.wait(), running.output
