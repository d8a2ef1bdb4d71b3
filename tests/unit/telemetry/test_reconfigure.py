"""Other settings for a pipeline that runs: where it sends to, with what, and how many series there may be."""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.config import Config, Otlp
from otelchan.errors import UsageError
from otelchan.findings.types import Assessment
from otelchan.telemetry import Telemetry
from otelchan.telemetry.batches import SpanBatch
from otelchan.telemetry.export import Backoff, NetworkSink
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.transport import destination
from tests.support import certificates, grpc_server
from tests.support.otlp_server import Answer, OtlpServer, Received, free_port, otlp_server
from tests.support.snapshots import NOW, SECOND, attributes, bare_channel, by_name, data_points, process, snapshot

METRICS, TRACES = "/v1/metrics", "/v1/traces"
SLOW = Backoff(first_s=60.0, most_s=60.0)


def spans(name: str) -> SpanBatch:
    """One span."""
    return SpanBatch("shop", resource_message({"service.name": "shop"}), (Span(name=name),))


def names(requests: list[Received]) -> list[str]:
    """Of all spans in requests."""
    resources = [resource for request in requests for resource in request.traces().resource_spans]
    return [span.name for resource in resources for scope in resource.scope_spans for span in scope.spans]


def to(otlp: Otlp) -> tuple[Any, Any]:
    """Both destinations."""
    return destination(otlp, "metrics"), destination(otlp, "traces")


@contextmanager
def sink(otlp: Otlp) -> Iterator[NetworkSink]:
    """A started sink that waits a minute after a failure."""
    started = NetworkSink(*to(otlp), SLOW)
    started.start(AgentMetrics())
    try:
        yield started
    finally:
        started.close(0.0)


@contextmanager
def running(config: Config) -> Iterator[Telemetry]:
    """A pipeline, closed at the end."""
    telemetry = Telemetry(config)
    try:
        yield telemetry
    finally:
        telemetry.close(0.1)


def otlp(server: OtlpServer[Any], **changes: Any) -> Config:
    """Settings that send to a server."""
    return Config(otlp=Otlp(endpoint=server.url, **changes))


def shop(seconds: int, *channels: str, pid: int = 1) -> Any:
    """A look at a program with these channels."""
    return snapshot(
        [bare_channel(name) for name in channels], process=process(pid), time_unix_ns=NOW + seconds * SECOND
    )


def allowed(telemetry: Telemetry) -> list[float]:
    """The budget that is shown."""
    (live,) = telemetry.own.collect()
    metric = by_name(live).get("otelchan.overhead.allowed")
    return [point.as_double for point in data_points(metric)] if metric else []


def test_what_waits_goes_to_the_new_endpoint_at_once() -> None:
    """Nothing is lost, also when the old one never worked, and the pause after its failure is not waited for."""
    with otlp_server() as server, sink(Otlp(endpoint=f"http://127.0.0.1:{free_port()}")) as redirected:
        redirected.offer_spans(spans("first"))
        time.sleep(0.3)  # refused by now, and again in a minute
        redirected.offer_spans(spans("second"))
        redirected.redirect(*to(Otlp(endpoint=server.url)))
        assert ["first", "second"] == names(server.wait_for(TRACES, 1))


def test_what_is_under_way_comes_first() -> None:
    """The old endpoint takes it; what was offered meanwhile goes to the new one, once."""
    with (
        otlp_server(traces=[Answer(wait_s=0.5)]) as old,
        otlp_server() as new,
        sink(Otlp(endpoint=old.url)) as redirected,
    ):
        redirected.offer_spans(spans("first"))
        old.wait_for(TRACES, 1)
        redirected.offer_spans(spans("second"))
        redirected.redirect(*to(Otlp(endpoint=new.url)))
        assert ["second"] == names(new.wait_for(TRACES, 1))
        assert redirected.close(5.0)
        assert (["first"], ["second"]) == (names(old.of(TRACES)), names(new.of(TRACES)))


def test_what_fails_under_way_goes_to_the_new_endpoint() -> None:
    """The answer of the old one came after the change: it is not waited for again."""
    with (
        otlp_server(traces=[Answer(503, wait_s=0.5)]) as old,
        otlp_server() as new,
        sink(Otlp(endpoint=old.url)) as redirected,
    ):
        redirected.offer_spans(spans("first"))
        old.wait_for(TRACES, 1)
        redirected.redirect(*to(Otlp(endpoint=new.url)))
        redirected.redirect(*to(Otlp(endpoint=new.url, compression="gzip")))  # the last one counts
        assert ["first"] == names(new.wait_for(TRACES, 1))
        assert "gzip" == new.of(TRACES)[0].headers["Content-Encoding"]


def test_the_protocol_can_be_changed() -> None:
    """From HTTP to gRPC, with what waited."""
    with grpc_server.grpc_server() as server, sink(Otlp(endpoint=f"http://127.0.0.1:{free_port()}")) as redirected:
        redirected.offer_spans(spans("first"))
        redirected.redirect(*to(Otlp(endpoint=server.url, protocol="grpc")))
        assert ["first"] == names(server.wait_for(grpc_server.TRACES, 1))


def test_another_token_is_sent_from_then_on() -> None:
    """A header of the settings, without a restart."""
    with otlp_server() as server, running(otlp(server, headers={"authorization": "old"})) as telemetry:
        telemetry.publish(shop(0, "a"), Assessment())
        server.wait_for(METRICS, 1)
        telemetry.reconfigure(otlp(server, headers={"authorization": "new"}))
        telemetry.publish(shop(1, "a"), Assessment())
        server.wait_for(METRICS, 2)
        assert ["old", "new"] == [request.headers["authorization"] for request in server.of(METRICS)]


def test_a_certificate_that_was_replaced_under_its_name_is_read_again(tmp_path: Path) -> None:
    """The settings are the same; the file is another one. Before that the endpoint cannot be trusted."""
    made = certificates.make(tmp_path)
    trusted = tmp_path / "trusted.pem"
    shutil.copy(made.stranger, trusted)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.server, made.server_key)
    with otlp_server(tls=tls) as server:
        config = Config(otlp=Otlp(endpoint=server.url, certificate=str(trusted)))
        with running(config) as telemetry:
            telemetry.publish(shop(0, "a"), Assessment())
            time.sleep(0.5)
            assert [] == server.of(METRICS)
            shutil.copy(made.ca, trusted)
            telemetry.reconfigure(config)
            server.wait_for(METRICS, 1)


def test_files_that_cannot_be_used_change_nothing(tmp_path: Path) -> None:
    """Not the endpoint, and not what could have been changed."""
    with otlp_server() as server, running(otlp(server)) as telemetry:
        wrong = Otlp(endpoint="http://127.0.0.1:1", certificate=str(tmp_path / "none.pem"))
        with pytest.raises(UsageError, match="there is no such file"):
            telemetry.reconfigure(Config(otlp=wrong, series_per_process=1, max_overhead=1.0))
        telemetry.publish(shop(0, "a", "b"), Assessment())
        server.wait_for(METRICS, 1)
        assert [0.03] == allowed(telemetry)


def test_the_network_can_be_left_and_come_back_to() -> None:
    """What waited is delivered before it is left; then nothing is sent until it is enabled again."""
    with otlp_server() as server, running(otlp(server)) as telemetry:
        telemetry.publish(shop(0, "a"), Assessment())
        telemetry.reconfigure(otlp(server, enabled=False))
        server.wait_for(METRICS, 1)
        telemetry.publish(shop(1, "a"), Assessment())
        telemetry.reconfigure(otlp(server))
        telemetry.publish(shop(2, "a"), Assessment())
        server.wait_for(METRICS, 2)
        lags = [by_name(r)["channel.lag"] for request in server.of(METRICS) for r in request.metrics().resource_metrics]
        times = [(data_points(metric)[0].time_unix_nano - NOW) // SECOND for metric in lags]
    assert [0, 2] == times


def test_more_series_are_allowed_from_then_on() -> None:
    """Per program, of one that is watched already, and in all; what exists stays when it becomes less."""
    with running(Config(series_per_process=3, series_total=4, otlp=Otlp(enabled=False))) as telemetry:
        target = telemetry._target(shop(0, pid=1))
        telemetry.publish(shop(0, "a", "b", "c", pid=1), Assessment())
        assert 3 == len(target.series._admitted)
        telemetry.reconfigure(Config(series_per_process=2000, series_total=20, otlp=Otlp(enabled=False)))
        telemetry.publish(shop(1, "d", "e", "f", "g", pid=1), Assessment())
        assert 20 == len(target.series._admitted)
        telemetry.reconfigure(Config(series_per_process=1, series_total=1, otlp=Otlp(enabled=False)))
        telemetry.publish(shop(2, "d", "e", "f", "g", pid=1), Assessment())
        assert 20 == len(target.series._admitted)


def test_the_budget_that_is_shown_is_the_new_one() -> None:
    """Also where there was none; none any more is no series, not the last value for ever."""
    off = Otlp(enabled=False)
    with running(Config(max_overhead=None, otlp=off)) as telemetry:
        assert [] == allowed(telemetry)
        telemetry.reconfigure(Config(max_overhead=5.0, otlp=off))
        assert [0.05] == allowed(telemetry)
        telemetry.reconfigure(Config(max_overhead=None, otlp=off))
        assert [] == allowed(telemetry)
        telemetry.reconfigure(Config(max_overhead=2.0, otlp=off))
        assert [0.02] == allowed(telemetry)


def test_the_agents_own_resource_stays() -> None:
    """It is the same agent, and its counters go on."""
    with otlp_server() as server, running(otlp(server)) as telemetry:
        telemetry.flush()
        server.wait_for(METRICS, 1)
        telemetry.reconfigure(otlp(server, compression="gzip"))
        telemetry.flush()
        server.wait_for(METRICS, 2)
        resources = [r.resource for request in server.of(METRICS) for r in request.metrics().resource_metrics]
    first, second = (attributes(resource)["service.instance.id"] for resource in resources)
    assert first == second
