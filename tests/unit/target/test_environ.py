"""What a process says about itself in its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.target.environ import ATTRIBUTES, Said, said


def of(tmp_path: Path, *variables: str | bytes) -> Said:
    """What a process with these variables says."""
    entries = [each if isinstance(each, bytes) else each.encode() for each in variables]
    (tmp_path / "environ").write_bytes(b"".join(entry + b"\0" for entry in entries))
    return said(tmp_path)


def test_what_the_opentelemetry_operator_writes_is_taken(tmp_path: Path) -> None:
    """Names of the workload, as its injection writes them into a container; nothing else of the environment."""
    text = (
        "k8s.container.name=cart,k8s.deployment.name=cart,k8s.namespace.name=shops,k8s.node.name=node-7,"
        "k8s.pod.name=cart-5d8f-x2x4z,k8s.replicaset.name=cart-5d8f,service.instance.id=shops.cart-5d8f-x2x4z.cart,"
        "service.namespace=shops,service.version=1.2"
    )
    found = of(tmp_path, "PATH=/bin", "OTEL_SERVICE_NAME=cart", f"OTEL_RESOURCE_ATTRIBUTES={text}", "SECRET=x")

    assert found.service_name == "cart"
    assert found.attributes == (
        ("service.namespace", "shops"),
        ("service.version", "1.2"),
        ("k8s.node.name", "node-7"),
        ("k8s.namespace.name", "shops"),
        ("k8s.pod.name", "cart-5d8f-x2x4z"),
        ("k8s.container.name", "cart"),
        ("k8s.deployment.name", "cart"),
        ("k8s.replicaset.name", "cart-5d8f"),
    )
    assert "service.instance.id" not in ATTRIBUTES


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (("OTEL_SERVICE_NAME=a", "OTEL_RESOURCE_ATTRIBUTES=service.name=b"), "a"),
        (("OTEL_RESOURCE_ATTRIBUTES=service.name=b",), "b"),
        (("OTEL_SERVICE_NAME=", "OTEL_RESOURCE_ATTRIBUTES=service.name=b"), "b"),
        (("OTEL_SERVICE_NAME=first", "OTEL_SERVICE_NAME=second"), "first"),
        # what no name is, and would go to every screen and back end
        (("OTEL_SERVICE_NAME=\x1b]0;x\x07",), ""),
        (("OTEL_SERVICE_NAME=a\nb", "OTEL_RESOURCE_ATTRIBUTES=service.name=b"), "b"),
        (("OTEL_SERVICE_NAME=" + "a" * 256,), ""),
        (("OTEL_SERVICE_NAME=" + "a" * 255,), "a" * 255),
        ((), ""),
    ],
)
def test_the_variable_for_the_name_is_stronger(tmp_path: Path, variables: tuple[str, ...], expected: str) -> None:
    """As specified; an empty one is as if it were not set."""
    assert expected == of(tmp_path, *variables).service_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service.version=1%2C2%3D3", "1,2=3"),
        (" service.version = 1 , x = 2 ", "1"),
        ("service.version=1,service.version=2", "2"),
        ("service.version=", None),
        ("service.version=a=b", "a=b"),
        ("service.version=1,,x=2,", "1"),
        ("service.version=%C3%A4", "ä"),
        # what cannot be decoded makes all of it worth nothing
        ("service.version=1,x=%zz", None),
        ("service.version=1,x=%4", None),
        ("service.version=1,x", None),
        ("service.version=1,x=%ff", None),
        # what no name has
        ("service.version=1%0a2", None),
        ("service.version=" + "1" * 256, None),
        ("service.version=" + "1" * 255, "1" * 255),
    ],
)
def test_attributes_are_read_as_specified(tmp_path: Path, text: str, expected: str | None) -> None:
    """Percent-encoded, separated by commas; all or nothing."""
    assert expected == dict(of(tmp_path, f"OTEL_RESOURCE_ATTRIBUTES={text}").attributes).get("service.version")


def test_bytes_that_are_no_text_are_no_attribute(tmp_path: Path) -> None:
    """An environment may have any bytes."""
    assert Said() == of(tmp_path, b"OTEL_RESOURCE_ATTRIBUTES=service.version=\xff", b"\xff=\xff")


@pytest.mark.parametrize(
    "name", ["X_OTEL_RESOURCE_ATTRIBUTES", "A=OTEL_RESOURCE_ATTRIBUTES", "otel_resource_attributes"]
)
def test_only_the_variable_itself_is_taken(tmp_path: Path, name: str) -> None:
    """Nothing that only looks like it."""
    assert Said() == of(tmp_path, f"{name}=service.version=1")
