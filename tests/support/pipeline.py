"""What is to be seen of a shop in Prometheus and the trace store, whichever way it was watched and exported."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from tests.support import eventually
from tests.support.jaeger import Span
from tests.support.shop import Shop
from tests.support.stack import Prometheus, Stack

# The waits that are long by design last 60 ms. On a busy machine many others pass the default threshold of 10 ms, more
# than the default rate of spans lets through.
LONG_ONLY = {"OTELCHAN_SPAN_THRESHOLD_MS": "30"}
Labels = dict[str, str]


def by_place(answer: list[tuple[Labels, float]], *labels: str) -> dict[Any, float]:
    """Values by the place at the end of channel_name, and by more labels if given."""
    found: dict[Any, float] = {}
    for metric, value in answer:
        place = metric["channel_name"].split()[-1]
        key = (place, *(metric[label] for label in labels)) if labels else place
        assert key not in found, f"two series for {key}: {answer}"
        found[key] = value
    return found


def settled(prometheus: Prometheus, service: str, expected: dict[Any, float]) -> dict[Any, float]:
    """channel_process_total of a service, once it is what is expected, or as it is at the end of the patience."""
    seen: dict[Any, float] = {}

    def ask() -> bool:
        nonlocal seen
        answer = prometheus.query(f'channel_process_total{{job="{service}"}}')
        seen = by_place(answer, "channel_operation", "channel_status")
        return {key: value for key, value in seen.items() if key in expected} == expected

    with contextlib.suppress(AssertionError):
        eventually(ask, timeout=30)
    return seen


def check_everything(stack: Stack, service: str, program: Shop) -> None:
    """Counts, lag, waiters, block durations, exemplars and spans equal what the program, done, says about itself."""
    truth = program.report()["channels"]
    expected: dict[Any, float] = {}
    for place, t in truth.items():
        expected[place, "send", "ok"] = t["sends"]
        expected[place, "recv", "ok"] = t["recvs"]
        expected[place, "recv", "closed"] = t["closed_recvs"]
    processed = settled(stack.prometheus, service, expected)
    assert {key: processed.get(key) for key in expected} == expected, f"seed {program.seed}"
    check_gauges(stack.prometheus, service, truth, program.seed)
    check_blocks(stack.prometheus, service, truth, program.seed)
    spans = long_waits(stack, service, truth)
    check_exemplars(stack, service)
    check_spans(spans, truth, program.seed)


def check_gauges(prometheus: Prometheus, service: str, truth: dict[str, Any], seed: int) -> None:
    """Lag and waiters of the channels that are left as they are."""
    left = {place: t for place, t in truth.items() if t["length"] or t["blocked_senders"] or t["blocked_receivers"]}

    def check() -> bool:
        lag = by_place(prometheus.query(f'channel_lag{{job="{service}"}}'))
        waiters = by_place(prometheus.query(f'channel_waiters{{job="{service}"}}'), "channel_operation")
        for place, t in left.items():
            assert lag.get(place) == t["length"] + t["blocked_senders"], (place, seed, lag)
            assert waiters.get((place, "send"), 0) == t["blocked_senders"], (place, seed, waiters)
            assert waiters.get((place, "recv"), 0) == t["blocked_receivers"], (place, seed, waiters)
        return True

    assert left
    eventually(check)


def check_blocks(prometheus: Prometheus, service: str, truth: dict[str, Any], seed: int) -> None:
    """Of each element of a plain unbuffered channel exactly one side waited."""
    query = f'sum by (channel_name) (channel_block_duration_seconds_count{{job="{service}"}})'
    counts = by_place(prometheus.query(query))
    expected = {place: t["sends"] for place, t in truth.items() if t["every_element_wait"] and t["sends"]}
    assert expected
    assert {place: counts.get(place) for place in expected} == expected, f"seed {seed}"


def check_exemplars(stack: Stack, service: str) -> None:
    """Every exemplar on a block-duration bucket leads to a trace in the store, marked so that sampling can keep it."""
    now = time.time()
    series = f'channel_block_duration_seconds_bucket{{job="{service}"}}'

    def resolve() -> bool:
        wanted = {labels["trace_id"] for _, labels, _ in stack.prometheus.exemplars(series, now - 600, now + 60)}
        marked = {s.trace_id for s in stack.jaeger.traces(service) if s.tags.get("otelchan.exemplar")}
        assert wanted
        assert {trace.lstrip("0") for trace in wanted} <= {trace.lstrip("0") for trace in marked}
        return True

    eventually(resolve)


def long_waits(stack: Stack, service: str, truth: dict[str, Any]) -> list[Span]:
    """The spans of the channel whose waits are long by design, once all are in the store."""
    place, t = next((place, t) for place, t in truth.items() if t["role"] == "long waits")
    wanted = t["long_sends"] + t["long_recvs"]

    def ask() -> list[Span]:
        stored = [s for s in stack.jaeger.traces(service) if "otelchan.span.state" not in s.tags]  # waits that ended
        spans = [s for s in stored if s.tags.get("channel.name", "").endswith(place)]
        assert len(spans) == wanted, f"{len(spans)} spans, not {wanted}"
        return spans

    return eventually(ask, timeout=30)


def check_spans(spans: list[Span], truth: dict[str, Any], seed: int) -> None:
    """Named by operation and channel, as long as the wait was, with stack, line and who ended the wait."""
    place, t = next((place, t) for place, t in truth.items() if t["role"] == "long waits")
    name = f"{t['function']} {place}"
    names = [span.name for span in spans]
    assert names.count(f"send {name}") == t["long_sends"], (seed, names)
    assert names.count(f"recv {name}") == t["long_recvs"], (seed, names)
    for span in spans:
        assert span.duration_us >= 30_000
        assert span.tags["channel.element.type"] == t["element_type"]
        assert span.tags["goroutine.wait_reason"] in ("chan send", "chan receive")
        assert span.tags["code.function.name"].startswith("main.slow")
        assert f"/shop/trade.go:{span.tags['code.line.number']}" in span.tags["code.stacktrace"]
        assert span.tags["channel.waker.how"] == "value"
        assert int(span.tags["channel.waker.goroutine.id"]) != int(span.tags["goroutine.id"])
