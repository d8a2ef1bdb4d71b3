"""The shipped gateway.yaml run by the real Collector, spans to send through it, and what it says it did with them."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.findings.types import Finding
from otelchan.gobinary.types import Frame
from otelchan.model.request import Request
from otelchan.model.types import BlockSpan, PanicEvent, SpanContext
from otelchan.telemetry.batches import SpanBatch, traces_request
from otelchan.telemetry.spans import FindingSpans, block_span, panic_span
from tests.support.programs import free_ports, running
from tests.support.stack import CONFIGS, binary

FRAMES = (Frame("main.work", "/srv/shop/orders.go", 42), Frame("main.main", "/srv/shop/main.go", 9))
Client = tuple[str, str] | None  # certificate and key
Settings = Mapping[str, str | int]
_FNV_OFFSET, _FNV_PRIME, _LARGEST = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
_COUNTED = re.compile(r"^otelcol_processor_tail_sampling_count_traces_sampled(?:_total)?\{(.*)\} (\S+)$", re.MULTILINE)


class Gateway:
    """A running gateway: its OTLP endpoints, its own metrics, its process, and what tests have sent to it."""

    def __init__(self, http: str, grpc: str, metrics_url: str, pid: int) -> None:
        self.http, self.grpc, self.pid = http, grpc, pid
        self._metrics_url = metrics_url
        self._traces: set[bytes] = set()

    def send(self, service: str, spans: Sequence[Span], verify: str | bool = True, cert: Client = None) -> None:
        """One request, as otelchan makes them. verify, cert: as requests has them."""
        headers = {"Content-Type": "application/x-protobuf"}
        url, body = f"{self.http}/v1/traces", encoded(service, spans)
        answer = requests.post(url, data=body, headers=headers, timeout=30, verify=verify, cert=cert)
        assert answer.status_code == 200, answer.text
        self._traces |= {span.trace_id for span in spans}

    def metric(self, name: str, label: str = "") -> float:
        """One of the Collector's own metrics, summed over its series, of those with a label such as `sampled="true"`;
        0 when it has not happened yet."""
        found = re.findall(rf"^{name}(?:_total)?({{.*}})? (\S+)$", self._own_metrics(), re.MULTILINE)
        return sum(float(value) for labels, value in found if label in labels)

    def decisions(self) -> Counter[tuple[str, str]]:
        """How many traces each policy has decided on, by policy and decision."""
        counted: Counter[tuple[str, str]] = Counter()
        for labels, value in _COUNTED.findall(self._own_metrics()):
            by_name = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            counted[by_name["policy"], by_name["decision"]] += int(float(value))
        return counted

    def settled(self) -> bool:
        """Whether what tests have sent is decided, and what is kept is with the trace store (a trace is one span)."""
        decided = self.metric("otelcol_processor_tail_sampling_global_count_traces_sampled")
        kept = sum(n for (_, decision), n in self.decisions().items() if decision == "sampled")
        again = self.metric("otelcol_processor_tail_sampling_early_releases_from_cache_decision", 'sampled="true"')
        assert (decided, self.metric("otelcol_exporter_sent_spans")) == (len(self._traces), kept + again)
        return True

    def kill(self) -> None:
        """As a crash does it: at once."""
        os.kill(self.pid, signal.SIGKILL)

    def _own_metrics(self) -> str:
        return requests.get(self._metrics_url, timeout=10).text


@contextmanager
def gateway(
    folder: Path,
    metrics_otlp: str,
    traces_grpc: str,
    settings: Settings | None = None,
    *,
    name: str = "gateway",
    overlay: str = "",
) -> Iterator[Gateway]:
    """gateway.yaml as it is, with its queues in `folder`. settings: "SLOW_MS" for OTELCHAN_GATEWAY_SLOW_MS.
    overlay: a line of YAML that changes what no variable does."""
    http, grpc, health, metrics = free_ports(4)
    defaults = {"STORAGE": folder / "queues", "DECISION_WAIT": "1s", "SPAN_METRICS_INTERVAL": "1s"}
    env = {f"OTELCHAN_GATEWAY_{key}": str(value) for key, value in {**defaults, **(settings or {})}.items()}
    env |= {
        "OTELCHAN_COLLECTOR_HTTP": f"127.0.0.1:{http}",
        "OTELCHAN_COLLECTOR_GRPC": f"127.0.0.1:{grpc}",
        "OTELCHAN_COLLECTOR_HEALTH": f"127.0.0.1:{health}",
        "OTELCHAN_COLLECTOR_METRICS_PORT": str(metrics),
        "PROMETHEUS_OTLP_ENDPOINT": metrics_otlp,
        "TEMPO_OTLP_ENDPOINT": traces_grpc,
    }
    command: list[str | Path] = [binary("otelcol"), "--config", CONFIGS / "gateway.yaml"]
    command += ["--config", f"yaml:{overlay}"] if overlay else []
    with running(command, folder / f"{name}.log", f"http://127.0.0.1:{health}/", env) as program:
        yield Gateway(
            f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", f"http://127.0.0.1:{metrics}/metrics", program.pid
        )


def context() -> SpanContext:
    """Ids that nobody else has."""
    return SpanContext(os.urandom(16), os.urandom(8))


def block(ms: float = 20, *, exemplar: bool = False, ongoing: bool = False, request: Request | None = None) -> Span:
    """What otelchan sends for a receive that waited so long and ended now, or still waits."""
    end = time.time_ns()
    made = BlockSpan(
        context=context(),
        operation="recv",
        select=False,
        channel="main.f f.go:7",
        channel_source="make",
        channel_address=0xC000123456,
        element_type="int",
        start_unix_ns=end - int(ms * 1e6),
        end_unix_ns=end,
        goroutine_id=18,
        wait_reason="chan receive",
        frames=FRAMES,
        stack_complete=True,
        ongoing=ongoing,
        request=request,
    )
    return block_span(made, exemplar)


def blocks(count: int, ms: float = 20, *, exemplar: bool = False, ongoing: bool = False) -> list[Span]:
    """So many of them."""
    return [block(ms, exemplar=exemplar, ongoing=ongoing) for _ in range(count)]


def requested(count: int) -> list[Span]:
    """Blocks of goroutines that work for a request; of every second one its span is known, and not its trace."""
    return [block(request=Request(os.urandom(16) if n % 2 else b"", os.urandom(8))) for n in range(count)]


def panics(count: int) -> list[Span]:
    """What otelchan sends for sends on closed channels."""
    now = time.time_ns()
    event = ("send_on_closed", "main.f f.go:7", "make", 0xC000123456, "int", now, 18, FRAMES, True)
    return [panic_span(PanicEvent(context(), *event)) for _ in range(count)]


def findings(count: int) -> list[Span]:
    """What otelchan sends when so many findings start: alternately a warning and, which is no error, a mere fact."""
    now = time.time_ns()
    found = [
        Finding(
            id="F1" if number % 2 else "F12",
            severity="warning" if number % 2 else "info",
            sentence="3 goroutines are blocked for ever",
            channel=f"main.f f.go:{number}",
            count=3,
        )
        for number in range(count)
    ]
    return FindingSpans().update(found, now, False)


def resource(service: str) -> Resource:
    """A watched program of that name."""
    named = {"service.name": service, "service.instance.id": "one"}
    return Resource(attributes=[KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in named.items()])


def encoded(service: str, spans: Sequence[Span]) -> bytes:
    """One export of otelchan's."""
    return traces_request([SpanBatch(service, resource(service), tuple(spans))]).SerializeToString()


def ids(spans: Sequence[Span]) -> set[str]:
    """Span ids in hexadecimal, as stores show them."""
    return {span.span_id.hex() for span in spans}


def drawn(trace_id: bytes, percent: float) -> bool:
    """Whether the processor's `probabilistic` policy takes a trace: FNV-1a of its salt and the id, against a share
    (tailsamplingprocessor 0.155, internal/sampling/probabilistic.go)."""
    value = _FNV_OFFSET
    for byte in b"default-hash-seed" + trace_id:
        value = ((value ^ byte) * _FNV_PRIME) & _LARGEST
    return value <= int(_LARGEST * (percent / 100))
