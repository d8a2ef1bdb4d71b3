"""gateway.yaml in the real Collector: what each sampling policy keeps and drops, counted against what it should."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support import eventually
from tests.support.gateway import Gateway, Settings, block, blocks, drawn, findings, gateway, ids, panics, requested
from tests.support.stack import Stack

PLENTY = 1000  # spans a second, for each policy: more than a test sends
PERCENT = 25
FEW = 5  # spans a second
BUCKET = range(2 * FEW, 4 * FEW)  # all are decided at one tick, from a full bucket; while that lasts it fills again


@pytest.fixture(scope="module")
def entry(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One whose rates are out of the way."""
    folder = tmp_path_factory.mktemp("gateway")
    settings: Settings = {"SPANS_PER_SECOND": PLENTY, "SAMPLE_PERCENT": PERCENT}
    with gateway(folder, stack.prometheus.otlp, stack.jaeger.grpc, settings) as running:
        yield running


def name() -> str:
    """A service that no other test has."""
    return f"gateway-{uuid.uuid4().hex[:8]}"


def kept(stack: Stack, entry: Gateway, service: str) -> set[str]:
    """Ids of the service's spans in the store, once everything that was sent is decided and on its way."""
    eventually(entry.settled)
    return stored(stack, service)


def stored(stack: Stack, service: str) -> set[str]:
    """Ids of the spans in the store."""
    return {span.span_id for span in stack.jaeger.traces(service, limit=5000)}


def since(entry: Gateway, before: Counter[tuple[str, str]], decision: str = "sampled") -> dict[str, int]:
    """Traces by policy."""
    after = entry.decisions()
    return {
        policy: n - before[policy, d] for (policy, d), n in after.items() if d == decision and n > before[policy, d]
    }


def test_each_policy_keeps_what_it_is_for_and_nothing_else(stack: Stack, entry: Gateway) -> None:
    """Kept: every exemplar, finding, panic, ongoing, slow and linked block, and of the rest what was drawn."""
    service, before = name(), entry.decisions()
    rest = blocks(400, ms=999)
    lucky = [span for span in rest if drawn(span.trace_id, PERCENT)]
    wanted = {
        "otelchan-exemplar": blocks(11, exemplar=True),
        "otelchan-finding": findings(9),
        "otelchan-panic": panics(8),
        "otelchan-ongoing": blocks(7, ongoing=True),
        "otelchan-slow": blocks(6, ms=1001),
        "otelchan-request": requested(5),
        "otelchan-sample": lucky,
    }
    assert 0 < len(lucky) < len(rest)
    entry.send(service, [span for spans in wanted.values() for span in spans if spans is not lucky] + rest)

    expected = set().union(*(ids(spans) for spans in wanted.values()))
    assert kept(stack, entry, service) == expected
    assert since(entry, before) == {policy: len(spans) for policy, spans in wanted.items()}


def test_what_matches_several_policies_is_kept_once_by_the_first(stack: Stack, entry: Gateway) -> None:
    """A slow, ongoing exemplar is an exemplar, and uses up no rate."""
    service, before = name(), entry.decisions()
    spans = [block(5000, exemplar=True, ongoing=True) for _ in range(3)] + [block(5000, ongoing=True)]
    entry.send(service, spans)

    assert kept(stack, entry, service) == ids(spans)
    assert since(entry, before) == {"otelchan-exemplar": 3, "otelchan-ongoing": 1}


def test_spans_are_counted_before_they_are_dropped(stack: Stack, entry: Gateway) -> None:
    """channel_span_* has them all, by channel, function and state, in seconds, and has no links to dropped traces."""
    service = name()
    entry.send(service, [*blocks(300, ms=200), *blocks(4, ms=2000), *blocks(2, ms=500, ongoing=True), *panics(1)])

    def counted() -> dict[tuple[str, str], float]:
        labels = "channel_operation, code_function_name, otelchan_span_state, span_name, channel_name, error_type"
        answer = stack.prometheus.query(f'sum by ({labels}) (channel_span_calls_total{{job="{service}"}})')
        return {(m["span_name"], m.get("otelchan_span_state", "")): value for m, value in answer}

    name_ = "recv main.f f.go:7"
    expected = {(name_, ""): 304, (name_, "ongoing"): 2, ("panic send_on_closed", ""): 1}
    assert eventually(lambda: (got := counted()) == expected and got) == expected
    ((series, _),) = stack.prometheus.query(
        f'channel_span_calls_total{{job="{service}", otelchan_span_state="", channel_operation="recv"}}'
    )
    assert series.pop("collector_instance_id")  # of each gateway its own, so that two never write one series
    assert series == {
        "job": service,
        "instance": "one",
        "span_name": name_,
        "status_code": "STATUS_CODE_UNSET",
        "channel_name": "main.f f.go:7",
        "channel_operation": "recv",
        "code_function_name": "main.work",
    }
    bucket = (
        f'channel_span_duration_seconds_bucket{{job="{service}", otelchan_span_state="", channel_operation="recv"}}'
    )
    at = {m["le"]: value for m, value in stack.prometheus.query(bucket)}
    assert (at["0.1"], at["0.3"], at["1"], at["3"], at["+Inf"]) == (0, 300, 300, 304, 304)
    assert stack.prometheus.exemplars(bucket, time.time() - 600, time.time() + 60) == []


def test_rates_hold_back_everything_but_exemplars_and_findings(stack: Stack, tmp_path: Path) -> None:
    """With five spans a second each policy lets its bucket of ten through; of exemplars and findings all are kept."""
    service = name()
    always = [*blocks(100, exemplar=True), *findings(50)]
    capped = {
        "otelchan-panic": panics(60),
        "otelchan-ongoing": blocks(60, ongoing=True),
        "otelchan-slow": blocks(60, ms=1500),
        "otelchan-request": requested(60),
    }
    settings: Settings = {"SPANS_PER_SECOND": FEW, "SAMPLE_PERCENT": 0}
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, settings) as entry:
        entry.send(service, [*always, *(span for spans in capped.values() for span in spans)])
        found = kept(stack, entry, service)
        counted = since(entry, Counter())
    assert counted.pop("otelchan-exemplar") == 100
    assert counted.pop("otelchan-finding") == 50
    assert counted == {policy: len(found & ids(spans)) for policy, spans in capped.items()}
    assert {policy: n for policy, n in counted.items() if n not in BUCKET} == {}


def test_a_service_on_the_drop_list_keeps_only_what_is_linked_to_or_wrong(stack: Stack, tmp_path: Path) -> None:
    """Its blocks are dropped, slow ones too; exemplars, findings and panics stay, and other services' blocks."""
    service, other = name(), name()
    stay = [*blocks(3, exemplar=True), *findings(2), *panics(2)]
    go = [*blocks(20, ms=3000), *blocks(10, ongoing=True), *requested(5)]
    elsewhere = blocks(4, ms=3000)
    settings: Settings = {"DROP_SERVICES": f"[cart, {service}]", "SPANS_PER_SECOND": PLENTY, "SAMPLE_PERCENT": 100}
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, settings) as entry:
        entry.send(service, stay + go)
        entry.send(other, elsewhere)
        assert kept(stack, entry, service) == ids(stay)
        assert stored(stack, other) == ids(elsewhere)
        assert since(entry, Counter(), "dropped") == {"otelchan-drop": len(go)}


def test_a_repeated_request_is_decided_as_before(stack: Stack, tmp_path: Path) -> None:
    """When otelchan sends spans again because the answer was lost, what was dropped stays dropped: no second draw."""
    service = name()
    slow = blocks(60, ms=1500)
    settings: Settings = {"SPANS_PER_SECOND": FEW, "SAMPLE_PERCENT": 0}
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, settings) as entry:
        entry.send(service, slow)
        first = kept(stack, entry, service)
        entry.send(service, slow)
        again = "otelcol_processor_tail_sampling_early_releases_from_cache_decision"
        eventually(lambda: entry.metric(again) == len(slow))
        assert kept(stack, entry, service) == first
        assert len(first) in BUCKET
        assert entry.metric(again, 'sampled="false"') == len(slow) - len(first)


def test_more_traces_than_fit_wait_and_none_is_dropped_too_early(stack: Stack, tmp_path: Path) -> None:
    """With room for 100 undecided traces all of 300 exemplars are kept: the sender waits instead."""
    service = name()
    spans: list[Span] = blocks(300, exemplar=True)
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, {"TRACES": 100}) as entry:
        entry.send(service, spans)
        assert kept(stack, entry, service) == ids(spans)
        assert entry.metric("otelcol_processor_tail_sampling_sampling_trace_dropped_too_early") == 0
