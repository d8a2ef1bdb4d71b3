"""From metric to trace: every exemplar leads to its span, through a gateway that samples, at a low span rate."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import eventually
from tests.support.agent import agent
from tests.support.driven import Driven, driven
from tests.support.gateway import Gateway, gateway
from tests.support.stack import Labels, Span, Stack

EXEMPLARS = 100
PAIRS = 10  # of each of eight names
SPANS_PER_SECOND = 5  # the program makes some 400 a second
BUCKETS = 'channel_block_duration_seconds_bucket{{job="{}"}}'
SEED = random.randrange(1 << 32)


class Exemplar(NamedTuple):
    """One that Prometheus has: the labels of its series, where it points, and the seconds that it stands for."""

    series: Labels
    trace_id: str
    span_id: str
    seconds: float


def exemplars(stack: Stack, service: str) -> list[Exemplar]:
    """All of a service's, each once."""
    now = time.time()
    answer = stack.prometheus.exemplars(BUCKETS.format(service), now - 600, now + 60)
    found = {(at["trace_id"], at["span_id"]): Exemplar(of, at["trace_id"], at["span_id"], s) for of, at, s in answer}
    return list(found.values())


class Watched(NamedTuple):
    """What came of it. seconds: from the first block to the last that could be told. not_sampled: traces."""

    service: str
    exemplars: list[Exemplar]
    seconds: float
    not_sampled: float


@pytest.fixture(scope="module", params=["http/protobuf", "grpc"])
def watched(
    request: pytest.FixtureRequest,
    stack: Stack,
    workload: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Watched:
    """A program with hundreds of long blocks a second, until there are enough exemplars; then all is let through."""
    service, folder = f"exemplars-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("exemplars")
    env = {"OTEL_EXPORTER_OTLP_PROTOCOL": request.param, "OTELCHAN_SPANS_PER_SECOND": str(SPANS_PER_SECOND)}
    with gateway(
        folder, stack.prometheus.otlp, stack.jaeger.grpc, {"SAMPLE_PERCENT": 1, "SPANS_PER_SECOND": 1}
    ) as entry:
        endpoint = entry.http if request.param.startswith("http") else f"http://{entry.grpc}"
        with (
            driven(Driven, workload("delays"), 2, env={"OTEL_SERVICE_NAME": service}) as program,
            agent(folder / "log", program.pid, "--interval", 1, "--endpoint", endpoint, env=env) as running,
        ):
            running.wait_attached()
            begin = time.monotonic()
            assert program.ask(f"go {PAIRS}") == str(16 * PAIRS)
            eventually(lambda: len(exemplars(stack, service)) > 2 * EXEMPLARS, timeout=90)
        seconds = time.monotonic() - begin
        eventually(lambda: drained(entry))
        not_sampled = entry.metric("otelcol_processor_tail_sampling_global_count_traces_sampled", 'sampled="false"')
    return Watched(service, exemplars(stack, service), seconds, not_sampled)


def drained(entry: Gateway) -> bool:
    """Whether nothing waits in the gateway any more."""
    received = entry.metric("otelcol_processor_tail_sampling_new_trace_id_received")
    decided = entry.metric("otelcol_processor_tail_sampling_global_count_traces_sampled")
    assert received == decided
    return entry.metric("otelcol_exporter_queue_size") == 0


def test_a_hundred_random_exemplars_lead_to_a_hundred_traces(stack: Stack, watched: Watched) -> None:
    """Each trace is in the store, and its span is of that channel and operation, as long, and marked."""
    chosen = random.Random(SEED).sample(watched.exemplars, EXEMPLARS)
    missing = [each for each in chosen if not stack.jaeger.trace(each.trace_id)]
    assert missing == [], f"seed {SEED}"
    wrong = [(each, span) for each in chosen if not fits(each, span := the_span(stack, each))]
    assert wrong == [], f"seed {SEED}"


def the_span(stack: Stack, exemplar: Exemplar) -> Span:
    """The span that it points at."""
    (span,) = (s for s in stack.jaeger.trace(exemplar.trace_id) if s.span_id == exemplar.span_id)
    return span


def fits(exemplar: Exemplar, span: Span) -> bool:
    """Whether a span is what the exemplar says; stores keep microseconds."""
    return (
        span.tags["channel.name"] == exemplar.series["channel_name"]
        and span.tags["channel.operation"] == exemplar.series["channel_operation"]
        and abs(span.duration_us / 1e6 - exemplar.seconds) < 2e-6
        and span.tags.get("otelchan.exemplar") is True
    )


def test_they_are_of_all_channels_and_of_buckets_from_short_to_long(watched: Watched) -> None:
    """Not a hundred of one kind."""
    names = {each.series["channel_name"] for each in watched.exemplars}
    bounds = {each.series["le"] for each in watched.exemplars}
    assert (len(names), len(bounds) >= 5) == (8, True), bounds


def test_there_are_more_of_them_than_the_span_rate_allows(watched: Watched) -> None:
    """The slowest block of each bucket is told of although the rate has no room for it."""
    assert len(watched.exemplars) > 2 * SPANS_PER_SECOND * watched.seconds


def test_others_were_sampled(watched: Watched) -> None:
    """The gateway dropped most of what no exemplar points at: it was not that everything was kept."""
    assert watched.not_sampled > 0
