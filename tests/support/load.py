"""A steady load on a Collector and its Prometheus, and the same one on their twins, from a few threads."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.support.stack import Collector, Prometheus

THREADS = 4
ROUND_S = 0.2  # of one thread, from start to start: a rate that two cores with other work to do can keep
TO_COLLECTOR = 3  # requests of each kind in one round: it does less for one than Prometheus does for a query
SERIES = 50  # in one request
SPANS = 100  # in one request
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
QUERY = "sum by (job) (rate(load_step_total[5s]))"  # a window that was full before anybody measures


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


class _Metrics:
    """A request with counters, which is filled anew each time."""

    def __init__(self, service: str) -> None:
        points = [
            NumberDataPoint(start_time_unix_nano=1, attributes=[_text("series", str(number))])
            for number in range(SERIES)
        ]
        steps = Sum(data_points=points, is_monotonic=True, aggregation_temporality=CUMULATIVE)
        scope = ScopeMetrics(metrics=[Metric(name="load.step", sum=steps)])
        resource = Resource(attributes=[_text("service.name", service)])
        self._message = ExportMetricsServiceRequest(
            resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope])]
        )
        self._points = list(self._message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points)
        self._steps = 0

    def next(self) -> bytes:
        """Every counter one step further, now."""
        self._steps += 1
        now = time.time_ns()
        for point in self._points:
            point.time_unix_nano = now
            point.as_int = self._steps
        return self._message.SerializeToString()


class _Spans:
    """A request with one trace of short spans, which is filled anew each time."""

    def __init__(self, service: str) -> None:
        scope = ScopeSpans(spans=[Span(span_id=(n + 1).to_bytes(8, "big"), name="step") for n in range(SPANS)])
        resource = Resource(attributes=[_text("service.name", service)])
        self._message = ExportTraceServiceRequest(
            resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])]
        )
        self._spans = list(self._message.resource_spans[0].scope_spans[0].spans)

    def next(self) -> bytes:
        """A new trace, now."""
        now = time.time_ns()
        for span in self._spans:
            span.trace_id = now.to_bytes(16, "big")
            span.start_time_unix_nano = now - 1_000_000
            span.end_time_unix_nano = now
        return self._message.SerializeToString()


class Pair(NamedTuple):
    """A Collector, and the Prometheus that it sends to."""

    entry: Collector
    store: Prometheus


class _Worker:
    """One thread. `idle` is held while it has a request in flight, and by whoever wants it to have none."""

    def __init__(self, name: str, pairs: Sequence[Pair]) -> None:
        self.idle = threading.Lock()
        self.rounds = 0
        self.failures: list[str] = []
        self._pairs = pairs
        self._metrics, self._direct, self._spans = _Metrics(name), _Metrics(f"{name}-direct"), _Spans(name)
        self._session = requests.Session()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the round that is going on."""
        self._stop.set()
        self._thread.join()
        self._session.close()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            with self.idle:
                try:
                    self._round()
                    self.rounds += 1
                except Exception:
                    self.failures.append(traceback.format_exc())
            due = max(due + ROUND_S, time.monotonic())  # what was missed is not made up for
            self._stop.wait(due - time.monotonic())

    def _round(self) -> None:
        """For each pair: metrics and spans to the Collector, metrics to Prometheus, and a query."""
        for pair in self._pairs:
            for _ in range(TO_COLLECTOR):
                self._post(f"{pair.entry.http}/v1/metrics", self._metrics.next())
                self._post(f"{pair.entry.http}/v1/traces", self._spans.next())
            self._post(f"{pair.store.otlp}/v1/metrics", self._direct.next())
            answer = self._session.get(f"{pair.store.url}/api/v1/query", params={"query": QUERY}, timeout=60)
            assert answer.status_code == 200, answer.text
            assert answer.json()["status"] == "success", answer.text

    def _post(self, url: str, body: bytes) -> None:
        headers = {"Content-Type": "application/x-protobuf"}
        answer = self._session.post(url, data=body, headers=headers, timeout=60)
        assert answer.status_code == 200, (url, answer.status_code, answer.text)


class Load:
    """The threads. A round is the same work at any time, so rounds are what work is counted in."""

    def __init__(self, workers: list[_Worker]) -> None:
        self._workers = workers

    @property
    def rounds(self) -> int:
        """Finished so far."""
        return sum(worker.rounds for worker in self._workers)

    @property
    def failures(self) -> list[str]:
        """What went wrong, as tracebacks."""
        return [failure for worker in self._workers for failure in worker.failures]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block no request is in flight; every connection stays open."""
        with ExitStack() as all_idle:
            for worker in self._workers:
                all_idle.enter_context(worker.idle)
            yield


@contextmanager
def load(*pairs: Pair) -> Iterator[Load]:
    """A load that runs as long as the block."""
    workers = [_Worker(f"load-{number}", pairs) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    try:
        yield Load(workers)
    finally:
        for worker in workers:
            worker.stop()
