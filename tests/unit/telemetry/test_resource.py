"""Resources of observed processes."""

from __future__ import annotations

import uuid

import pytest

from otelchan import __version__
from otelchan.telemetry.resource import RESOURCE_ATTRIBUTES, Host, instance_id, read_host, target_attributes
from tests.support.snapshots import HOST, SECOND, START, process


def test_a_resource_says_who_and_where() -> None:
    """Everything that is known, and nothing of the command line, which may hold secrets."""
    shop = process(created_unix_ns=START + SECOND // 4, container_id="c0ffee", pod_uid="0f1e")
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
        "k8s.pod.uid": "0f1e",
        "telemetry.distro.name": "otelchan",
        "telemetry.distro.version": __version__,
    } == attributes
    assert list(RESOURCE_ATTRIBUTES) == list(attributes)


def test_what_is_not_known_is_left_out() -> None:
    """An empty container id is no container id, and an empty pod uid no pod."""
    attributes = target_attributes(process(), "go1.27.3", "example.com/shop", HOST)
    assert {"container.id", "k8s.pod.uid"} & set(attributes) == set()


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
    host = read_host()
    assert host.name
    assert 36 == len(host.boot_id)
