"""gateway.yaml in the real Collector: queues that outlive it, and who may send."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
import requests

from tests.support import eventually
from tests.support.certificates import make
from tests.support.gateway import Gateway, Settings, blocks, gateway, ids
from tests.support.programs import free_ports
from tests.support.stack import Stack

ALL: Settings = {"SAMPLE_PERCENT": 100, "SPANS_PER_SECOND": 1000}


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_what_is_queued_arrives_after_a_restart(stack: Stack, tmp_path: Path, end: str) -> None:
    """Both stores are down while spans come, the gateway ends, is started again, and nothing is missing."""
    service = f"queued-{uuid.uuid4().hex[:8]}"
    spans = [*blocks(700), *blocks(30, exemplar=True)]
    metrics, traces = free_ports(2)
    with gateway(tmp_path, f"http://127.0.0.1:{metrics}", f"127.0.0.1:{traces}", ALL, name="first") as entry:
        entry.send(service, spans)
        eventually(lambda: waiting(entry, "traces") == len(spans))
        eventually(lambda: waiting(entry, "metrics") > 0)
        time.sleep(1)  # several batches of span metrics are queued, and a request of each kind is under way
        if end == "killed":
            entry.kill()
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, ALL, name="second"):
        eventually(lambda: {s.span_id for s in stack.jaeger.traces(service, limit=5000)} == ids(spans))
        calls = f'sum(channel_span_calls_total{{job="{service}"}})'
        eventually(lambda: [value for _, value in stack.prometheus.query(calls)] == [len(spans)])


def waiting(entry: Gateway, signal: str) -> float:
    """Items in the queue of a kind, those that are being sent included."""
    return entry.metric("otelcol_exporter_queue_size", f'data_type="{signal}"')


def test_what_a_full_queue_does_not_take_is_counted(stack: Stack, tmp_path: Path) -> None:
    """With room for 1000 spans and 1600 to keep, 600 are lost and said to be, and 1000 arrive later."""
    service = f"full-{uuid.uuid4().hex[:8]}"
    metrics, traces = free_ports(2)
    small = "exporters::otlp_grpc/tempo::sending_queue::queue_size: 1000"
    with gateway(tmp_path, f"http://127.0.0.1:{metrics}", f"127.0.0.1:{traces}", name="first", overlay=small) as entry:
        entry.send(service, blocks(1600, exemplar=True))
        eventually(lambda: waiting(entry, "traces") == 1000)
        eventually(lambda: entry.metric("otelcol_exporter_enqueue_failed_spans") == 600)
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, name="second"):
        eventually(lambda: len(stack.jaeger.traces(service, limit=5000)) == 1000)


def test_what_waits_for_a_decision_is_decided_when_the_gateway_is_stopped(stack: Stack, tmp_path: Path) -> None:
    """A stop in the middle of decision_wait loses nothing that should be kept: it is sent then, or after the start."""
    service = f"pending-{uuid.uuid4().hex[:8]}"
    spans = [*blocks(5, exemplar=True), *blocks(5, ms=2000)]
    settings: Settings = {"DECISION_WAIT": "60s", "SAMPLE_PERCENT": 0}
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, settings) as entry:
        entry.send(service, spans + blocks(5))
        eventually(lambda: entry.metric("otelcol_processor_tail_sampling_new_trace_id_received") == 15)
        assert stack.jaeger.traces(service) == []
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, name="second"):
        eventually(lambda: {s.span_id for s in stack.jaeger.traces(service)} == ids(spans))


def test_with_tls_only_those_with_a_certificate_of_ours_may_send(stack: Stack, tmp_path: Path) -> None:
    """A client certificate of the right authority gets in; none, or no TLS at all, does not."""
    own = make(tmp_path)
    service = f"tls-{uuid.uuid4().hex[:8]}"
    settings: Settings = {"TLS": "true", "CERT": own.server, "KEY": own.server_key, "CLIENT_CA": own.ca}
    with gateway(tmp_path, stack.prometheus.otlp, stack.jaeger.grpc, settings) as entry:
        entry.http = entry.http.replace("http:", "https:")
        spans = blocks(3, exemplar=True)
        with pytest.raises(requests.exceptions.RequestException):
            entry.send(service, blocks(3, exemplar=True), verify=own.ca)
        with pytest.raises((requests.exceptions.RequestException, AssertionError)):
            plain = Gateway(entry.http.replace("https:", "http:"), entry.grpc, "", entry.pid)
            plain.send(service, blocks(3, exemplar=True))
        entry.send(service, spans, verify=own.ca, cert=(own.client, own.client_key))
        eventually(entry.settled)
    assert {s.span_id for s in stack.jaeger.traces(service)} == ids(spans)
