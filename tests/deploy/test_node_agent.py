"""otelchan as a DaemonSet runs it: in a container with the node's process ids, watching programs in others."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import eventually
from tests.support.certificates import make
from tests.support.collector_readme import rules
from tests.support.forms import MEMORY, Received, application, attached, collecting, leak, peak, watching
from tests.support.kubernetes import kubernetes, pod
from tests.support.runc import Image, container

pytestmark = pytest.mark.kernel

NODE = "node-7"
USER = 1000


@pytest.fixture
def name() -> str:
    """Of an executable, so that nobody else's programs are watched."""
    return f"app-{uuid.uuid4().hex[:8]}"


def wanted(name: str) -> tuple[str, ...]:
    """What the chart's arguments say, for programs of this test only."""
    return ("--all", "--exclude", "otelcol*", "--include", f"/app/{name}")


def test_the_leak_of_a_program_in_another_container_comes_out_of_the_collector(
    image: Image, workload: Callable[..., Path], name: str, tmp_path: Path
) -> None:
    """The program runs as another user from an overlay, and only that user may read its executable. With its leak come
    the names of its pod, which the Collector asks the API for, and otelchan stays within its memory."""
    uid, digits, own = str(uuid.uuid4()), uuid.uuid4().hex * 2, f"/otelchan-{name}"
    group = f"/kubepods/burstable/pod{uid}/{digits}"
    cart = pod("cart-5d8f-x2x4z", uid, {"cart": digits}, node=NODE, owner=("ReplicaSet", "cart-5d8f"))
    with (
        container(application(tmp_path, workload("leaky"), name, USER), uid=USER, cgroup=group) as program,
        kubernetes(tmp_path, make(tmp_path), [cart], rules()) as cluster,
        collecting(tmp_path, "agent.yaml", cluster.env(NODE), account=cluster.folder) as received,
        watching(image, *wanted(name), "--endpoint", received.endpoint, pid="host", cgroup=own) as agent,
    ):
        resource = eventually(lambda: leak(received), 60)
        used = peak(own)
        assert f"watching pid {program.pid} (/app/{name}," in agent.errors

    assert resource["process.pid"] == str(program.pid)
    assert resource["process.executable.path"] == f"/app/{name}"
    assert (resource["container.id"], resource["k8s.pod.uid"]) == (digits, uid)
    assert resource["k8s.pod.name"] == "cart-5d8f-x2x4z"
    assert resource["k8s.container.name"] == "cart"
    assert resource["host.name"] == NODE
    assert 32 << 20 < used < MEMORY


def test_a_container_that_starts_later_is_counted_from_its_first_make(
    image: Image, workload: Callable[..., Path], name: str, tmp_path: Path
) -> None:
    """Two of one image, each with an overlay of its own, as replicas on one node are: the second is known to the kernel
    side before its first line runs."""
    app = application(tmp_path, workload("swift"), name, USER)
    with (
        collecting(tmp_path, "standalone.yaml") as received,
        watching(image, *wanted(name), "--endpoint", received.endpoint, pid="host") as agent,
    ):
        with container(app, "-for", "20s", uid=USER):
            attached(agent, name)
            with container(app, "-for", "3s", uid=USER) as second:
                pid = second.pid
                assert second.wait() == 0
                truth = json.loads(second.output.splitlines()[-1])
        eventually(lambda: counted(received, pid) == expected(truth), 20)


def counted(received: Received, pid: int) -> dict[str, int]:
    """Sends of a process by the line of the channel's make, as they were last said."""
    return {
        of["channel.name"].rpartition(" ")[2]: int(point["asInt"])
        for resource, of, point in received.points("channel.process")
        if resource["process.pid"] == str(pid)
        and (of["channel.operation"], of["channel.status"]) == ("send", "ok")
        and of["channel.name"].startswith("main.")  # the runtime has channels too
    }


def expected(truth: dict[str, dict[str, int]]) -> dict[str, int]:
    """The same, as the program itself counted."""
    return {line: did["send_ok"] for line, did in truth.items()}


def test_nothing_needs_to_be_writable(image: Image, workload: Callable[..., Path], name: str, tmp_path: Path) -> None:
    """Without a single folder to write to, it watches and says what it does without."""
    with (
        container(application(tmp_path, workload("leaky"), name, USER), uid=USER),
        collecting(tmp_path, "standalone.yaml") as received,
        watching(image, *wanted(name), "--endpoint", received.endpoint, pid="host", mounts=()) as agent,
    ):
        since = time.time()
        eventually(lambda: leak(received, since), 60)
        said = agent.errors

    assert 1 == said.count("WARNING"), said
    assert "no locks are kept in /run/otelchan, which is on a read-only file system" in said
