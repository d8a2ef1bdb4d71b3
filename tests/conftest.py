"""Fixtures of all layers, and which tests may be skipped where.

Tests in tests/kernel and tests/e2e carry the marker of their layer by where they are. Both need root and uprobes;
where those are missing they are skipped with the reason, or fail when OTELCHAN_REQUIRE_KERNEL=1.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import gobuild, missing_for_kernel_tests, require_kernel
from tests.support import stack as stack_support

TESTS = Path(__file__).resolve().parent
LAYERS = ("kernel", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the layer it lies in, so that nobody can forget to."""
    for item in items:
        for layer in LAYERS:
            if TESTS / layer in item.path.parents:
                item.add_marker(layer)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before fixtures start anything: is the kernel there that this test needs?"""
    if any(item.get_closest_marker(layer) for layer in LAYERS) and (reason := missing_for_kernel_tests()):
        require_kernel(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the back ends' logs to the report of a failed test that used them."""
    report = yield
    used: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and isinstance(used.get("stack"), stack_support.Stack):
        report.sections.extend((f"end of {name}", text) for name, text in used["stack"].log_tails())
    return report


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack_support.Stack]:
    """The real Collector with the shipped standalone.yaml, Prometheus and Jaeger, connected, once per session.

    Tests share it: tell your data by a `service.name` of its own.
    """
    with stack_support.stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def workload() -> Callable[..., Path]:
    """`workload(name, go="1.26.8", stripped=False)`: the path of a built program of tests/workloads."""
    return gobuild.build
