"""The standard OTEL_* variables, each seen in what the real Collector takes from the real agent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import eventually
from tests.support.agent import agent
from tests.support.receivers import HEADER, HTTP, Receivers, receivers

Json = dict[str, Any]


class Took(NamedTuple):
    """What the Collector took of one agent: resources with metrics, and the spans of each request."""

    metrics: list[Json]
    requests: list[list[Json]]

    @property
    def spans(self) -> list[Json]:
        """All of them."""
        return [span for spans in self.requests for span in spans]

    @property
    def agents(self) -> list[Json]:
        """Attributes of the agent's own Resource, as often as it came."""
        own = [each for each in self.metrics if any(m["name"] == "otelchan.build.info" for m in metrics_of(each))]
        return [{a["key"]: a["value"].get("stringValue") for a in each["resource"]["attributes"]} for each in own]


def metrics_of(resource: Json) -> list[Json]:
    """The metrics of a ResourceMetrics."""
    return [metric for scope in resource["scopeMetrics"] for metric in scope["metrics"]]


def exemplars(took: Took) -> int:
    """In all histograms of block times."""
    points = [
        point
        for resource in took.metrics
        for metric in metrics_of(resource)
        if metric["name"] == "channel.block.duration"
        for point in metric["histogram"]["dataPoints"]
    ]
    assert points
    return sum(len(point.get("exemplars", [])) for point in points)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    """With all receivers."""
    with receivers(tmp_path_factory.mktemp("receivers")) as running:
        yield running


@pytest.fixture(scope="module")
def leaky(workload: Callable[..., Path]) -> Iterator[int]:
    """The process id of a program that blocks on channels all the time."""
    with subprocess.Popen([workload("leaky", go="1.27.3")], stdout=subprocess.DEVNULL) as program:
        yield program.pid
        program.kill()


def took(collector: Receivers, case: str) -> Took:
    """What has come with that value in the header."""
    found = Took([], [])
    for line in collector.took.read_text().splitlines():
        if case not in line:
            continue
        try:
            document = json.loads(line)
        except json.JSONDecodeError:  # half written
            continue
        found.metrics.extend(document.get("resourceMetrics", []))
        if resources := document.get("resourceSpans"):
            found.requests.append([span for r in resources for scope in r["scopeSpans"] for span in scope["spans"]])
    return found


def environment(collector: Receivers, case: str, **more: str) -> dict[str, str]:
    """Variables that lead to the Collector. more: without the OTEL_ in front."""
    usual = {
        "EXPORTER_OTLP_ENDPOINT": collector.endpoint("plain", HTTP),
        "EXPORTER_OTLP_HEADERS": f"{HEADER}={case}",
        "EXPORTER_OTLP_COMPRESSION": "gzip",
        "METRIC_EXPORT_INTERVAL": "500",
    }
    return {f"OTEL_{name}": value for name, value in {**usual, **more}.items()}


def test_what_is_sent_has_the_shape_that_is_asked_for(collector: Receivers, leaky: int, tmp_path: Path) -> None:
    """The agent's own Resource, small spans, one in a request, no exemplars, a quiet log; what is not done is said."""
    case = uuid.uuid4().hex
    env = environment(
        collector,
        case,
        SERVICE_NAME="my-agent",
        RESOURCE_ATTRIBUTES="deployment.environment.name=test%20one,service.name=other",
        SPAN_ATTRIBUTE_COUNT_LIMIT="3",
        SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT="10",
        SPAN_EVENT_COUNT_LIMIT="0",
        SPAN_LINK_COUNT_LIMIT="0",
        METRICS_EXEMPLAR_FILTER="always_off",
        BSP_MAX_EXPORT_BATCH_SIZE="1",
        LOG_LEVEL="warn",
        EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
        CONFIG_FILE="/etc/otel.yaml",
    )
    with agent(tmp_path / "log", leaky, env=env) as running:
        eventually(lambda: len(took(collector, case).spans) > 5 and len(took(collector, case).agents) > 2)
    seen = took(collector, case)
    assert {("my-agent", "test one")} == {
        (own["service.name"], own["deployment.environment.name"]) for own in seen.agents
    }
    assert {1} == {len(spans) for spans in seen.requests}
    for span in seen.spans:
        texts = [a["value"]["stringValue"] for a in span["attributes"] if "stringValue" in a["value"]]
        assert (True, [], []) == (len(span["attributes"]) <= 3, span.get("events", []), span.get("links", []))
        assert max(len(text) for text in texts) <= 10
        assert span["droppedAttributesCount"] > 0
    assert 0 == exemplars(seen)
    lines = running.log.splitlines()
    assert 2 == len(lines), running.log
    assert "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta is not done" in running.log
    assert "OTEL_CONFIG_FILE is not read" in running.log


def test_events_links_and_what_waits_are_as_small_as_is_asked_for(
    collector: Receivers, leaky: int, tmp_path: Path
) -> None:
    """Of what does not fit the number is said; the detectors add to the agent's Resource; buckets stay as they are."""
    case = uuid.uuid4().hex
    env = environment(
        collector,
        case,
        EVENT_ATTRIBUTE_COUNT_LIMIT="1",
        LINK_ATTRIBUTE_COUNT_LIMIT="0",
        BSP_MAX_QUEUE_SIZE="7",
        EXPERIMENTAL_RESOURCE_DETECTORS="os",
        EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
    )
    with agent(tmp_path / "log", leaky, env=env) as running:

        def all_there() -> bool:
            spans = took(collector, case).spans
            return any(span.get("events") for span in spans) and any(span.get("links") for span in spans)

        eventually(all_there)
        eventually(lambda: "7" in queue_limits(took(collector, case)))
    seen = took(collector, case)
    for span in seen.spans:
        for event in span.get("events", []):
            assert (1, True) == (len(event["attributes"]), event["droppedAttributesCount"] > 0)
        for link in span.get("links", []):
            assert ([], 1) == (link.get("attributes", []), link["droppedAttributesCount"])
    assert {"7"} == queue_limits(seen)
    assert max(len(spans) for spans in seen.requests) <= 7
    assert {"linux"} == {own["os.type"] for own in seen.agents}
    assert "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential" in running.log
    assert exemplars(seen) > 0, "histograms of explicit buckets"


def queue_limits(took: Took) -> set[str]:
    """Values of otelchan.export.queue.limit."""
    gauges = [
        m["gauge"] for each in took.metrics for m in metrics_of(each) if m["name"] == "otelchan.export.queue.limit"
    ]
    return {point["asInt"] for gauge in gauges for point in gauge["dataPoints"]}


def test_without_variables_the_shape_is_the_usual_one(collector: Receivers, leaky: int, tmp_path: Path) -> None:
    """Whole spans with their events, several in a request, and exemplars: what the test above does without."""
    case = uuid.uuid4().hex
    with agent(tmp_path / "log", leaky, env=environment(collector, case)) as running:
        running.wait_for("watching pid")
        eventually(lambda: len(took(collector, case).spans) > 5 and len(took(collector, case).agents) > 2)
        eventually(lambda: exemplars(took(collector, case)) > 0)
    seen = took(collector, case)
    assert {"otelchan"} == {own["service.name"] for own in seen.agents}
    assert max(len(span["attributes"]) for span in seen.spans) > 8
    assert any(span.get("events") for span in seen.spans)
    assert max(len(spans) for spans in seen.requests) > 1


@pytest.mark.parametrize(("off", "on"), [("traces", "metrics"), ("metrics", "traces")])
def test_a_signal_without_an_exporter_is_not_sent(
    collector: Receivers, leaky: int, tmp_path: Path, off: str, on: str
) -> None:
    """OTEL_TRACES_EXPORTER=none and OTEL_METRICS_EXPORTER=none."""
    case = uuid.uuid4().hex
    env = environment(collector, case, **{f"{off.upper()}_EXPORTER": "none"})
    with agent(tmp_path / "log", leaky, env=env):
        eventually(lambda: len(took(collector, case).metrics if on == "metrics" else took(collector, case).spans) > 5)
    seen = took(collector, case)
    assert [] == (seen.spans if off == "traces" else seen.metrics)
    assert off == "metrics" or 0 == exemplars(seen)


def test_a_disabled_sdk_sends_nothing(collector: Receivers, leaky: int, tmp_path: Path) -> None:
    """While the file beside gets its lines."""
    case, path = uuid.uuid4().hex, tmp_path / "otlp.jsonl"
    env = environment(collector, case, SDK_DISABLED="true")
    with agent(tmp_path / "log", leaky, "--otlp-file", path, env=env):
        eventually(lambda: path.exists() and len(path.read_text().splitlines()) > 3)
    assert Took([], []) == took(collector, case)


def test_spans_are_held_for_the_schedule_delay(collector: Receivers, leaky: int, tmp_path: Path) -> None:
    """Metrics go every half second; spans go at once, then after a minute or, as here, at the end."""
    case = uuid.uuid4().hex
    env = environment(collector, case, BSP_SCHEDULE_DELAY="60000")
    with agent(tmp_path / "log", leaky, env=env):
        eventually(lambda: len(took(collector, case).requests) == 1)
        then = len(took(collector, case).agents)
        eventually(lambda: len(took(collector, case).agents) > then + 5)
        assert 1 == len(took(collector, case).requests)
    eventually(lambda: len(took(collector, case).requests) == 2)


@pytest.mark.parametrize("name", ["METRIC_EXPORT_TIMEOUT", "BSP_EXPORT_TIMEOUT", "EXPORTER_OTLP_TIMEOUT"])
def test_a_collector_that_does_not_answer_is_left_after_the_timeout(
    collector: Receivers, leaky: int, tmp_path: Path, name: str
) -> None:
    """The Collector's process is stopped for a while: a second is less than the usual ten. Then everything arrives."""
    case = uuid.uuid4().hex
    other = {"METRIC_EXPORT_TIMEOUT": "TRACES_EXPORTER", "BSP_EXPORT_TIMEOUT": "METRICS_EXPORTER"}.get(name)
    env = environment(collector, case, **{name: "1000", **({other: "none"} if other else {})})
    with agent(tmp_path / "log", leaky, env=env) as running:
        running.wait_attached()
        os.kill(collector.pid, signal.SIGSTOP)
        try:
            running.wait_for("no answer in time", timeout=8)
        finally:
            os.kill(collector.pid, signal.SIGCONT)
        running.wait_for("delivering telemetry to .* again")
