"""Resources of observed processes."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from otelchan import __version__
from otelchan.config.kubernetes import Downward, downward
from otelchan.target.environ import ATTRIBUTES
from otelchan.telemetry.resource import RESOURCE_ATTRIBUTES, Host, instance_id, read_host, target_attributes
from tests.support.snapshots import HOST, SECOND, START, process

KNOWN = {"k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.container.name"}  # better than from the program


def test_a_resource_says_who_and_where() -> None:
    """Everything that is known, and nothing of the command line, which may hold secrets."""
    said = tuple((name, f"its {name}") for name in ATTRIBUTES if name not in KNOWN)
    shop = process(
        created_unix_ns=START + SECOND // 4,
        container_id="c0ffee",
        pod_uid="0f1e",
        namespace="shops",
        pod_name="cart-0",
        container_name="cart",
        attributes=said,
    )
    attributes = target_attributes(shop, "go1.27.3", "example.com/shop", HOST)
    assert {
        "service.name": "example.com/shop",
        "service.instance.id": instance_id(shop, HOST),
        "process.pid": 4242,
        "process.creation.time": "2023-11-14T22:13:20.250Z",
        "process.executable.name": "shop",
        "process.executable.path": "/srv/shop",
        "process.runtime.name": "go",
        "process.runtime.version": "go1.27.3",
        "host.name": "node-1",
        "container.id": "c0ffee",
        "k8s.namespace.name": "shops",
        "k8s.pod.name": "cart-0",
        "k8s.pod.uid": "0f1e",
        "k8s.container.name": "cart",
        **dict(said),
        "telemetry.distro.name": "otelchan",
        "telemetry.distro.version": __version__,
    } == attributes
    assert list(RESOURCE_ATTRIBUTES) == list(attributes)


def test_what_is_not_known_is_left_out() -> None:
    """An empty container id is no container id, and an empty pod uid no pod."""
    attributes = target_attributes(process(), "go1.27.3", "example.com/shop", HOST)
    assert [name for name in attributes if name.startswith(("container.", "k8s.", "deployment."))] == []
    assert {"service.namespace", "service.version"} & set(attributes) == set()


def test_nothing_that_a_program_says_replaces_what_is_seen() -> None:
    """Only what nobody else knows is taken from it."""
    liar = process(attributes=(("host.name", "mine"), ("k8s.pod.name", "other"), ("x", "y")), pod_name="cart-0")
    attributes = target_attributes(liar, "go1.27.3", "example.com/shop", HOST)
    assert ("node-1", "cart-0", None) == tuple(attributes.get(name) for name in ("host.name", "k8s.pod.name", "x"))


OWN = Downward("node-7", "shops", "cart-0", "0f1e")


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"pod_uid": "0f1e"}, ("shops", "cart-0")),
        ({"pod_uid": "0f1e", "pod_name": "said", "namespace": "bank"}, ("shops", "cart-0")),  # the API knows it better
        ({"pod_uid": "another", "pod_name": "seen", "namespace": "ours"}, ("ours", "seen")),
        ({"pod_uid": "another"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_only_a_program_of_the_agents_own_pod_has_its_names(
    about: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    """Which is told by the pod's uid; all that the agent sees is on its node."""
    attributes = target_attributes(process(**about), "go1.27.3", "example.com/shop", Host("node-7", "", OWN))
    names = ("k8s.namespace.name", "k8s.pod.name")
    assert expected == tuple(attributes.get(name) for name in names)
    assert "node-7" == attributes["k8s.node.name"]


def test_an_agent_that_knows_no_pod_of_its_own_lends_its_names_to_nobody() -> None:
    """No uid is not the same uid."""
    host = Host("node-7", "", Downward("", "shops", "cart-0", ""))
    assert "k8s.pod.name" not in target_attributes(process(), "go1.27.3", "example.com/shop", host)


def test_a_program_is_the_same_instance_after_the_agents_pod_was_replaced() -> None:
    """The node's name stays, and a pod's host name does not."""
    variables = {"K8S_NODE_NAME": "node-7", "K8S_POD_NAME": "otelchan-x2x4z"}
    assert ("node-7", "node-7") == (read_host(downward(variables)).name, read_host(Downward("node-7")).name)


@pytest.mark.parametrize(
    ("alias", "own", "module", "expected"),
    [
        ("checkout", "shop-service", "example.com/shop", "checkout"),
        ("", "shop-service", "example.com/shop", "shop-service"),
        ("", "", "example.com/shop", "example.com/shop"),
        ("", "", "", "shop"),
        ("", "", "command-line-arguments", "shop"),
    ],
)
def test_the_first_name_that_says_something_is_the_service(alias: str, own: str, module: str, expected: str) -> None:
    """The user's, then the process's own, then its module, then its executable."""
    attributes = target_attributes(process(service_name=own), "go1.27.3", module, HOST, alias)
    assert expected == attributes["service.name"]


def test_the_instance_is_the_same_for_every_agent_that_looks() -> None:
    """A restarted agent, or one that computes another Unix start time because the clock was set, names it the same."""
    assert instance_id(process(), HOST) == instance_id(process(created_unix_ns=START + 7), HOST)
    assert 5 == uuid.UUID(instance_id(process(), HOST)).version


@pytest.mark.parametrize(
    "other",
    [
        process(pid=4243),
        process(start_ticks=31_416),
        process(executable="/srv/other"),  # after exec: same pid, same start time
        process(container_id="c0ffee"),
    ],
)
def test_another_program_is_another_instance(other: object) -> None:
    """A pid that is used again, an exec, or the same pid in another container."""
    assert instance_id(process(), HOST) != instance_id(other, HOST)  # type: ignore[arg-type]


def test_another_boot_is_another_instance() -> None:
    """Pids and start ticks begin anew with each boot."""
    assert instance_id(process(), HOST) != instance_id(process(), Host(HOST.name, "another"))


def test_the_host_can_be_read() -> None:
    """On any Linux."""
    host = read_host(Downward())
    assert host.name
    assert 36 == len(host.boot_id)
