"""The agent's own metrics."""

from __future__ import annotations

import logging
import os
import resource
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from otelchan import __version__
from otelchan.telemetry.agentmetrics import AGENT_BOUNDS_S
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.logcount import LogCount
from otelchan.telemetry.own import OBSERVED, AgentMetrics
from otelchan.telemetry.signals import Kind, Owner
from otelchan.telemetry.usage import own_usage
from tests.support.snapshots import attributes, by_name, data_points


def metric(own: AgentMetrics, name: str) -> object:
    """One Metric message as collected now."""
    (live,) = own.collect()
    return by_name(live)[name]


def numbers(own: AgentMetrics, name: str) -> dict[tuple[str, ...], float]:
    """Value by attribute values."""
    return {tuple(attributes(p).values()): getattr(p, p.WhichOneof("value")) for p in data_points(metric(own, name))}


@pytest.fixture(autouse=True)
def _no_names_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)


def test_the_agent_is_its_own_service() -> None:
    """With an instance id, so that two agents are two instances; the host says which of them began again."""
    resource = attributes(AgentMetrics().collect()[0].resource)
    assert ("otelchan", __version__) == (resource["service.name"], resource["service.version"])
    assert resource["service.instance.id"] == str(uuid.UUID(resource["service.instance.id"]))
    assert (socket.gethostname(), os.getpid()) == (resource["host.name"], resource["process.pid"])


def test_the_agents_name_comes_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are about the agent."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "watcher")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=lab,service.instance.id=one")
    resource = attributes(AgentMetrics().collect()[0].resource)
    assert ("watcher", "lab", "one") == (
        resource["service.name"],
        resource["deployment.environment.name"],
        resource["service.instance.id"],
    )


def test_counters_gauges_and_histograms_take_plain_values() -> None:
    """add, set, and add again for histograms; cumulative over collections."""
    own = AgentMetrics()
    for _ in range(2):
        own.add("otelchan.probe.hit", 21, {"otelchan.plane": "waits"})
        own.set("otelchan.overhead.measured", 0.0125)
        own.add("otelchan.collect.duration", 0.02)
    assert {("waits",): 42} == numbers(own, "otelchan.probe.hit")
    assert {(): 0.0125} == numbers(own, "otelchan.overhead.measured")
    (durations,) = data_points(metric(own, "otelchan.collect.duration"))
    assert (2, AGENT_BOUNDS_S) == (durations.count, tuple(durations.explicit_bounds))


def test_a_running_total_adds_what_it_grew() -> None:
    """Of each source on its own; a source that begins anew begins at zero; zero makes the series exist."""
    own, reason = AgentMetrics(), {"otelchan.reason": "park"}
    for source, value in (("a", 5), ("b", 100), ("a", 7), ("b", 100), ("a", 3)):
        own.total("otelchan.event.lost", value, reason, source)
    own.total("otelchan.event.lost", 0, {"otelchan.reason": "span"}, "a")
    assert {("park",): 110, ("span",): 0} == numbers(own, "otelchan.event.lost")


def test_a_source_that_is_gone_stays_counted() -> None:
    """And another program may be the next source of that name."""
    own = AgentMetrics()
    own.total("otelchan.span.sampled_out", 5, source="a")
    own.forget("a")
    own.total("otelchan.span.sampled_out", 2, source="a")
    assert {(): 7} == numbers(own, "otelchan.span.sampled_out")


def test_sources_that_are_gone_take_no_memory() -> None:
    """However many programs come and go: several may go at once, and what they counted stays counted."""
    own = AgentMetrics()
    for source in ("a", "b", "c"):
        own.total("otelchan.probe.hit", 5, {"otelchan.plane": "waits"}, source)
    own.forget("a", "b")
    own.total("otelchan.probe.hit", 6, {"otelchan.plane": "waits"}, "c")
    assert {("waits",): 16} == numbers(own, "otelchan.probe.hit")


def test_without_a_descriptor_left_the_agent_goes_on() -> None:
    """What it says of itself is then what it was the time before."""
    own = AgentMetrics()
    before = numbers(own, "process.thread.count")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        assert before == numbers(own, "process.thread.count")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_name_that_is_not_in_the_catalogue_is_a_bug() -> None:
    """It must not become a metric that nobody declared."""
    for call in (AgentMetrics().add, AgentMetrics().set):
        with pytest.raises(KeyError):
            call("otelchan.new.thing", 1)


def test_everything_declared_can_be_emitted_as_declared() -> None:
    """Name, unit and kind as the catalogue says; what is read when it is asked for is there by itself."""
    own = AgentMetrics()
    declared = [m for m in METRICS.values() if m.owner is Owner.AGENT]
    for each in (m for m in declared if m.name not in OBSERVED):
        (own.set if each.kind is Kind.GAUGE else own.add)(each.name, 1, dict.fromkeys(each.attributes, "x"))
    (live,) = own.collect()
    kinds = {Kind.GAUGE: "gauge", Kind.COUNTER: "sum", Kind.UP_DOWN_COUNTER: "sum", Kind.HISTOGRAM: "histogram"}
    assert {each.name: (each.unit, kinds[each.kind]) for each in declared} == {
        name: (message.unit, message.WhichOneof("data")) for name, message in by_name(live).items()
    }


def test_what_the_agent_takes_is_read_when_it_is_asked_for() -> None:
    """Processor time grows with work and is split by mode, memory with what is kept; never below what the kernel says
    of this process before, nor above what it says after."""
    own = AgentMetrics()
    before, ballast = own_usage(), b""
    while own_usage().user_s < before.user_s + 0.02:
        ballast = bytes(1 << 24).replace(b"\0", b"x")
    spent, memory = numbers(own, "process.cpu.time"), numbers(own, "process.memory.usage")
    after = own_usage()
    assert {("user",), ("system",)} == set(spent)
    assert before.user_s + 0.02 <= spent["user",] <= after.user_s
    assert before.system_s <= spent["system",] <= after.system_s
    assert len(ballast) < memory[()]
    assert numbers(own, "process.thread.count")[()] >= 1
    (monotonic,) = {metric(own, "process.cpu.time").sum.is_monotonic}  # type: ignore[attr-defined]
    assert (True, False) == (monotonic, metric(own, "process.memory.usage").sum.is_monotonic)  # type: ignore[attr-defined]


def test_open_descriptors_are_counted_as_they_are() -> None:
    """Five more are five more."""
    own = AgentMetrics()
    before = numbers(own, "process.unix.file_descriptor.count")[()]
    with ExitStack() as files:
        for _ in range(5):
            files.enter_context(Path("/dev/null").open())
        assert before + 5 == numbers(own, "process.unix.file_descriptor.count")[()]


def test_log_lines_are_counted_by_level() -> None:
    """Those that are logged, by otelchan only, as long as there is somebody to count them."""
    own, log = AgentMetrics(), logging.getLogger("otelchan.telemetry.test")
    count = LogCount(own.add)
    log.warning("one")
    log.warning("two")
    log.error("three")
    log.debug("below the level")
    logging.getLogger("elsewhere").error("not ours")
    count.close()
    log.error("nobody counts any more")
    assert {("warning",): 2, ("error",): 1} == numbers(own, "otelchan.log.record")


def test_two_may_collect_at_the_same_time() -> None:
    """The round that goes out and somebody who asks over HTTP: both get everything, each time; the SDK's reader, which
    keeps one collection, holds a lock from collecting to handing over (opentelemetry-sdk 1.45, InMemoryMetricReader).
    """
    own = AgentMetrics()
    own.add("otelchan.probe.hit", 1, {"otelchan.plane": "waits"})
    with ThreadPoolExecutor(4) as pool:
        collected = list(pool.map(lambda _: own.collect(), range(200)))
    assert [True] * 200 == [bool(live) and "otelchan.probe.hit" in by_name(live[0]) for live in collected]


def test_a_disabled_sdk_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SDK_DISABLED is the SDK's own switch; the setters still work."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    own = AgentMetrics()
    own.add("otelchan.probe.hit", 1, {"otelchan.plane": "waits"})
    assert () == own.collect()
