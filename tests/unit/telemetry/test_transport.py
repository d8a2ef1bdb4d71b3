"""Where a signal goes by the settings, and what of them is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.config import Otlp, Signal
from otelchan.errors import UsageError
from otelchan.telemetry.otlpgrpc import GrpcTransport
from otelchan.telemetry.otlphttp import HttpTransport
from otelchan.telemetry.transport import Destination, Outcome, destination, open_transport
from tests.support.certificates import make


def test_a_base_endpoint_gets_the_path_of_the_signal() -> None:
    """With a path of its own before it, and without double slashes."""
    urls = [destination(Otlp(endpoint=f"http://collector:4318{path}"), "traces").url for path in ("", "/", "/otlp/")]
    assert [f"http://collector:4318{path}/v1/traces" for path in ("", "", "/otlp")] == urls
    assert "http://localhost:4318/v1/metrics" == destination(Otlp(), "metrics").url


def test_an_endpoint_of_one_signal_is_used_as_it_is() -> None:
    """The other one keeps the base."""
    otlp = Otlp(endpoint="http://a:1", traces=Signal(endpoint="https://b:2/spans"))
    assert ("https://b:2/spans", "http://a:1/v1/metrics") == tuple(
        destination(otlp, signal).url for signal in ("traces", "metrics")
    )


def test_what_is_set_for_a_signal_beats_what_is_set_for_both() -> None:
    """Headers are added up, everything else is replaced."""
    otlp = Otlp(
        headers={"a": "1", "b": "2"},
        compression="gzip",
        timeout_s=7,
        metrics=Signal(headers={"b": "3"}, compression="none", timeout_s=2),
    )
    metrics, traces = destination(otlp, "metrics"), destination(otlp, "traces")
    assert ({"a": "1", "b": "3"}, False, 2) == (metrics.headers, metrics.gzip, metrics.timeout_s)
    assert ({"a": "1", "b": "2"}, True, 7) == (traces.headers, traces.gzip, traces.timeout_s)


@pytest.mark.parametrize(
    ("endpoint", "insecure", "url"),
    [
        (None, False, "http://localhost:4317"),
        ("http://collector:4317/otlp", False, "http://collector:4317"),
        ("https://collector:4317", True, "https://collector:4317"),
        ("http://collector", False, "http://collector"),
        ("collector:4317", False, "https://collector:4317"),
        ("collector:4317", True, "http://collector:4317"),
        ("[::1]:4317", True, "http://[::1]:4317"),
    ],
)
def test_over_grpc_the_scheme_decides_about_tls(endpoint: str | None, insecure: bool, url: str) -> None:
    """Without one the setting `insecure` does; a path means nothing."""
    otlp = Otlp(endpoint=endpoint, insecure=insecure, protocol="grpc")
    assert url == destination(otlp, "metrics").url == destination(otlp, "traces").url


def test_each_signal_has_its_own_protocol() -> None:
    """And its own way of being insecure."""
    otlp = Otlp(
        endpoint="http://a:1/base",
        metrics=Signal(protocol="grpc"),
        traces=Signal(protocol="grpc", endpoint="b:2", insecure=True),
    )
    to = [destination(otlp, signal) for signal in ("metrics", "traces")]
    assert [("http://a:1", "grpc"), ("http://b:2", "grpc")] == [(each.url, each.protocol) for each in to]
    mixed = destination(Otlp(protocol="grpc", traces=Signal(protocol="http/protobuf")), "traces")
    assert ("http://localhost:4318/v1/traces", "http/protobuf") == (mixed.url, mixed.protocol)


def test_the_transport_is_that_of_the_protocol() -> None:
    """HTTP unless gRPC is asked for."""
    asked = (Otlp(), Otlp(protocol="grpc"))
    opened = [open_transport(destination(otlp, "metrics")) for otlp in asked]
    assert [HttpTransport, GrpcTransport] == [type(transport) for transport in opened]


def test_certificates_are_those_of_the_signal(tmp_path: Path) -> None:
    """Else those for both; none are the built-in ones."""
    pki = make(tmp_path)
    otlp = Otlp(certificate=pki.ca, traces=Signal(certificate=pki.stranger, client_certificate=pki.client,
                                                  client_key=pki.client_key))  # fmt: skip
    metrics, traces = destination(otlp, "metrics"), destination(otlp, "traces")
    assert (pki.ca, None, None) == (metrics.certificate, metrics.client_certificate, metrics.client_key)
    assert (pki.stranger, pki.client, pki.client_key) == (
        traces.certificate,
        traces.client_certificate,
        traces.client_key,
    )
    assert destination(Otlp(), "metrics").certificate is None


def test_a_file_that_is_missing_is_named_with_its_setting() -> None:
    """At the start, by the setting that it comes from."""
    with pytest.raises(UsageError, match=r"^otlp\.certificate is /no/such\.pem, but there is no such file; give the "):
        destination(Otlp(certificate="/no/such.pem"), "metrics")
    with pytest.raises(UsageError, match=r"^otlp\.traces\.client_key is /no/such\.pem, but there is no such file"):
        destination(Otlp(traces=Signal(client_key="/no/such.pem")), "traces")


def test_the_name_of_a_header_must_be_one_for_grpc_too() -> None:
    """It allows less than HTTP."""
    assert {"a!": "1"} == destination(Otlp(headers={"a!": "1"}), "metrics").headers
    with pytest.raises(UsageError, match=r"^otlp\.headers has the name 'a!', which gRPC does not allow; leave it out$"):
        destination(Otlp(headers={"a!": "1"}, protocol="grpc"), "metrics")


def test_what_is_logged_has_no_password() -> None:
    """Neither the origin nor the address."""
    to = Destination("metrics", "https://user:secret@collector:4318/v1/metrics?key=secret", {}, False, 1.0)
    assert ("https://collector:4318", "https://collector:4318/v1/metrics") == (to.origin, to.address)
    over_grpc = Destination("metrics", "https://user:secret@collector:4317", {}, False, 1.0, "grpc")
    assert ("https://collector:4317", "https://collector:4317 (metrics)") == (over_grpc.origin, over_grpc.address)


def test_a_status_is_an_answer_and_a_broken_connection_is_none() -> None:
    """It decides whether the trouble is that of one address or of the host."""
    assert [True, True, False, False] == [
        Outcome(False, reason=reason).answered for reason in ("http_503", "grpc_unavailable", "refused", "tls")
    ]
