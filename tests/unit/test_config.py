"""Settings from a file, from variables and from flags: which one wins, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from otelchan.config import Config, Otlp, Signal, environment, load
from otelchan.config.leaves import LEAVES
from tests.support.config import refused, written


def test_without_anything_there_are_the_built_in_values() -> None:
    """Ten seconds, three percent, ten milliseconds, a hundred spans, to the Collector on this machine."""
    config = load(None, {}, {})
    assert Config() == config
    assert (10.0, 3.0, 10.0, 100.0) == (
        config.interval_s,
        config.max_overhead,
        config.span_threshold_ms,
        config.spans_per_second,
    )
    assert ("http://localhost:4318", True) == (config.otlp.base_endpoint("traces"), config.uses_network)


def test_the_strongest_source_wins(tmp_path: Path) -> None:
    """Built-in, file, OTEL_*, OTELCHAN_*, flags: each beats those before it, setting by setting."""
    path = written(tmp_path, "interval_s: 2\notlp: {endpoint: 'http://file:1', compression: gzip}\n")
    otel = {"OTEL_METRIC_EXPORT_INTERVAL": "3000", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:1"}
    own = {"OTELCHAN_INTERVAL_S": "4", "OTELCHAN_OTLP_ENDPOINT": "http://own:1"}
    flags = {"interval_s": "5", "otlp.endpoint": "http://flag:1", "max_overhead": None}
    loaded = [load(None, {}, {}), load(path, {}, {}), load(path, otel, {}), load(path, otel | own, {})]
    loaded.append(load(path, otel | own, flags))
    assert [10, 2, 3, 4, 5] == [config.interval_s for config in loaded]
    assert [None, "http://file:1", "http://otel:1", "http://own:1", "http://flag:1"] == [
        c.otlp.endpoint for c in loaded
    ]
    assert ["none", "gzip", "gzip", "gzip", "gzip"] == [config.otlp.compression for config in loaded]


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    """OTELCHAN_CONFIG, unless --config names another one."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("interval_s: 1")
    other.write_text("interval_s: 2")
    environ = {"OTELCHAN_CONFIG": str(one)}
    assert (1, 2) == (load(None, environ, {}).interval_s, load(str(other), environ, {}).interval_s)


def test_an_empty_variable_is_unset() -> None:
    """As the OpenTelemetry specification says."""
    environ = dict.fromkeys(["OTEL_EXPORTER_OTLP_ENDPOINT", "OTELCHAN_INTERVAL_S", "OTELCHAN_CONFIG"], " ")
    assert Config() == load(None, environ, {})


def test_the_standard_variables_of_both_signals() -> None:
    """Each as the specification names it."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4317",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20a%2Cb, x-tenant = 7 ,",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/ca.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/etc/client.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/etc/client.key",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_INSECURE": "True",
    }
    assert (
        Otlp(
            endpoint="https://collector:4317",
            headers={"authorization": "Bearer a,b", "x-tenant": "7"},
            compression="gzip",
            timeout_s=2.5,
            certificate="/etc/ca.pem",
            client_certificate="/etc/client.pem",
            client_key="/etc/client.key",
            protocol="grpc",
            insecure=True,
        )
        == load(None, environ, {}).otlp
    )


def test_the_standard_variables_of_one_signal() -> None:
    """They do not touch the other one."""
    environ = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:4318/spans",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1000",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_INSECURE": "false",
    }
    metrics = Signal(headers={"a": "1"}, timeout_s=1.0, protocol="grpc", insecure=False)
    assert Otlp(traces=Signal(endpoint="http://traces:4318/spans"), metrics=metrics) == load(None, environ, {}).otlp


def test_a_timeout_that_looks_like_seconds_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """The specification has milliseconds, the Python SDK seconds: 200 milliseconds are taken, and doubted."""
    assert 0.2 == load(None, {"OTEL_EXPORTER_OTLP_TIMEOUT": "200"}, {}).otlp.timeout_s
    assert "OTEL_EXPORTER_OTLP_TIMEOUT=200 is read as milliseconds" in caplog.text


def test_a_disabled_sdk_sends_nothing() -> None:
    """Only the word true disables it."""
    values = [load(None, {"OTEL_SDK_DISABLED": value}, {}).uses_network for value in ("true", "TRUE", "1", "false")]
    assert [False, False, True, True] == values


def test_a_file_alone_needs_no_network() -> None:
    """Unless an endpoint is given too, in whatever way."""
    flags = {"otlp_file": "out.jsonl"}
    assert not load(None, {}, flags).uses_network
    assert load(None, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:1"}, flags).uses_network
    assert load(None, {}, {**flags, "otlp.endpoint": "http://m:1"}).uses_network


def test_no_budget_in_variables_and_flags() -> None:
    """And a stronger source can set one again."""
    assert load(None, {"OTELCHAN_MAX_OVERHEAD": "off"}, {}).max_overhead is None
    assert 2.5 == load(None, {"OTELCHAN_MAX_OVERHEAD": "off"}, {"max_overhead": "2.5"}).max_overhead


def test_flags_may_be_values_already() -> None:
    """Numbers from argparse as well as text."""
    assert load(None, {}, {"interval_s": 0.5}) == load(None, {}, {"interval_s": "0.5"})


def test_a_wrong_variable_is_named() -> None:
    """By its own name, so that it can be found."""
    assert "OTELCHAN_INTERVAL_S: interval_s is '-1', but must be 0.1 to 3600" in refused(
        environ={"OTELCHAN_INTERVAL_S": "-1"}
    )
    sentence = refused(environ={"OTEL_METRIC_EXPORT_INTERVAL": "10s"})
    assert "OTEL_METRIC_EXPORT_INTERVAL is '10s', but must be a number of milliseconds, such as 10000" == sentence


def test_a_value_that_something_stronger_replaces_is_not_looked_at() -> None:
    """A variable for all programs of a machine may be wrong for this one."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTELCHAN_OTLP_PROTOCOL": "grpc"}
    assert "grpc" == load(None, environ, {}).otlp.protocol


def test_a_protocol_that_is_not_there_is_refused() -> None:
    """OTLP has a third one."""
    assert refused(environ={"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}) == (
        "OTEL_EXPORTER_OTLP_PROTOCOL: otlp.protocol is 'http/json', but must be http/protobuf or grpc; see "
        "docs/configuration.md"
    )


def test_the_default_endpoint_is_that_of_the_protocol() -> None:
    """Signal by signal."""
    otlp = load(None, {}, {"otlp.protocol": "grpc", "otlp.traces.protocol": "http/protobuf"}).otlp
    assert ("http://localhost:4317", "http://localhost:4318") == tuple(map(otlp.base_endpoint, ("metrics", "traces")))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"otlp.endpoint": "http://a:4318"}, []),
        ({"otlp.endpoint": "http://a:4317", "otlp.protocol": "grpc"}, []),
        ({"otlp.endpoint": "http://u:secret@a:4317"}, ["otlp.endpoint is http://a:4317: port 4317 is usually for gRPC; "
                                                        "OTLP over HTTP is usually on port 4318"]),
        ({"otlp.endpoint": "a:4318", "otlp.protocol": "grpc"}, ["otlp.endpoint is a:4318: port 4318 is usually for "
                                                               "HTTP; OTLP over gRPC is usually on port 4317"]),
        ({"otlp.endpoint": "http://a:4318", "otlp.traces.protocol": "grpc", "otlp.traces.endpoint": "http://a:4318"},
         ["otlp.traces.endpoint is http://a:4318: port 4318 is usually for HTTP; OTLP over gRPC is usually on port "
          "4317"]),
        ({"otlp.endpoint": "http://a:4317", "otlp.traces.endpoint": "http://b:1", "otlp.metrics.protocol": "grpc"}, []),
    ],
)  # fmt: skip
def test_the_port_of_the_other_protocol_is_doubted(
    caplog: pytest.LogCaptureFixture, flags: dict[str, str], expected: list[str]
) -> None:
    """It is used, but said once, without a password: the commonest wrong endpoint."""
    load(None, {}, flags)
    assert expected == caplog.messages


@pytest.mark.parametrize("endpoint", ["collector:4317", "10.0.0.1:1", "[::1]:4317"])
def test_grpc_takes_an_endpoint_without_a_scheme(endpoint: str) -> None:
    """HTTP does not, be it for one signal only."""
    assert endpoint == load(None, {}, {"otlp.endpoint": endpoint, "otlp.protocol": "grpc"}).otlp.endpoint
    environ = {"OTELCHAN_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}
    assert refused(environ=environ) == (
        f"OTELCHAN_OTLP_ENDPOINT: otlp.endpoint is '{endpoint}', but must be an http or https URL, or for grpc "
        "host:port; see docs/configuration.md"
    )


@pytest.mark.parametrize("endpoint", ["collector", ":4317", "a:0", "a:65536", "a:b", "a:1:2", "ftp://a:1", "a b:1"])
def test_other_endpoints_are_refused_for_grpc_too(endpoint: str) -> None:
    """A host and a port are needed."""
    sentence = refused(environ={"OTELCHAN_OTLP_ENDPOINT": endpoint, "OTELCHAN_OTLP_PROTOCOL": "grpc"})
    assert f"OTELCHAN_OTLP_ENDPOINT: otlp.endpoint is '{endpoint}', but must be" in sentence


def test_a_password_in_a_wrong_endpoint_is_not_shown() -> None:
    """With or without a scheme."""
    sentences = [refused(environ={"OTELCHAN_OTLP_ENDPOINT": f"{scheme}u:se@cret@a:b"}) for scheme in ("http://", "")]
    assert ["'http://a:b'", "'a:b'"] == [sentence.split()[3].rstrip(",") for sentence in sentences]


def test_headers_are_never_shown() -> None:
    """They are where secrets are."""
    sentence = refused(environ={"OTEL_EXPORTER_OTLP_HEADERS": "a=1,secret"})
    assert "OTEL_EXPORTER_OTLP_HEADERS: header 2 has no `=`; write name=value,name=value" == sentence


def test_an_unknown_variable_that_is_nearly_a_known_one_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """But it is no error: Kubernetes sets OTELCHAN_SERVICE_HOST, and tests OTELCHAN_REQUIRE_KERNEL."""
    environ = {"OTELCHAN_INTERVALS": "5", "OTELCHAN_SERVICE_HOST": "10.0.0.1", "OTELCHAN_REQUIRE_KERNEL": "1"}
    assert Config() == load(None, environ, {})
    assert [
        "the environment variable OTELCHAN_INTERVALS is not known; was OTELCHAN_INTERVAL_S meant?"
    ] == caplog.messages


def test_an_unknown_flag_is_a_usage_error() -> None:
    """So that a flag and its setting cannot drift apart unseen."""
    assert "flags: unknown setting interval; the nearest known one is interval_s" in refused(interval=5)


def test_a_configuration_cannot_be_changed() -> None:
    """It is a value; a changed one is made by msgspec.structs.replace."""
    with pytest.raises(AttributeError):
        Config().interval_s = 5  # type: ignore[misc]
    assert 5 == msgspec.structs.replace(Config(), interval_s=5.0).interval_s


def test_defaults_are_allowed_values() -> None:
    """What is built in passes the same checks as what is given."""
    given = {leaf.key: leaf.default for leaf in LEAVES.values() if leaf.default is not None}
    assert Config() == load(None, {}, given)


def test_the_environment_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of it."""
    monkeypatch.setenv("OTELCHAN_INTERVAL_S", "7")
    assert 7 == load(None, environment(), {}).interval_s
