"""Settings from a file, from variables and from flags, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from otelchan.config import Config, Otlp, Signal, environment, load
from otelchan.config.reference import markdown
from otelchan.config.settings import LEAVES
from otelchan.errors import UsageError

ROOT = Path(__file__).parents[2]


def written(tmp_path: Path, text: str) -> str:
    """A configuration file."""
    path = tmp_path / "otelchan.yaml"
    path.write_text(text)
    return str(path)


def refused(path: str | None = None, environ: dict[str, str] | None = None, **flags: Any) -> str:
    """The sentence that these settings are refused with."""
    with pytest.raises(UsageError) as error:
        load(path, environ or {}, flags)
    return str(error.value)


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
    assert ("http://localhost:4318", True) == (config.otlp.base_endpoint, config.uses_network)


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


def test_an_empty_file_and_empty_settings_are_fine(tmp_path: Path) -> None:
    """Commented-out sections leave keys without values."""
    assert Config() == load(written(tmp_path, "# nothing\n"), {}, {})
    assert Config() == load(written(tmp_path, "otlp:\n  metrics:\ninterval_s:\n"), {}, {})


def test_the_standard_variables_of_both_signals() -> None:
    """Each as the specification names it."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20a%2Cb, x-tenant = 7 ,",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/ca.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/etc/client.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/etc/client.key",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    assert (
        Otlp(
            endpoint="https://collector:4318",
            headers={"authorization": "Bearer a,b", "x-tenant": "7"},
            compression="gzip",
            timeout_s=2.5,
            certificate="/etc/ca.pem",
            client_certificate="/etc/client.pem",
            client_key="/etc/client.key",
        )
        == load(None, environ, {}).otlp
    )


def test_the_standard_variables_of_one_signal() -> None:
    """They do not touch the other one."""
    environ = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:4318/spans",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1000",
    }
    assert (
        Otlp(traces=Signal(endpoint="http://traces:4318/spans"), metrics=Signal(headers={"a": "1"}, timeout_s=1.0))
        == load(None, environ, {}).otlp
    )


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


@pytest.mark.parametrize("text", ["max_overhead: off", "max_overhead: 'off'", "max_overhead: OFF"])
def test_no_budget_is_written_off(tmp_path: Path, text: str) -> None:
    """A bare `off` is false for YAML."""
    assert load(written(tmp_path, text), {}, {}).max_overhead is None


def test_no_budget_in_variables_and_flags() -> None:
    """And a stronger source can set one again."""
    assert load(None, {"OTELCHAN_MAX_OVERHEAD": "off"}, {}).max_overhead is None
    assert 2.5 == load(None, {"OTELCHAN_MAX_OVERHEAD": "off"}, {"max_overhead": "2.5"}).max_overhead


def test_flags_may_be_values_already() -> None:
    """Numbers from argparse as well as text."""
    assert load(None, {}, {"interval_s": 0.5}) == load(None, {}, {"interval_s": "0.5"})


def test_an_unknown_setting_in_the_file_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    """Also inside a section."""
    path = written(tmp_path, "intervall_s: 5")
    sentence = refused(path)
    assert (
        f"{path}: unknown setting intervall_s; the nearest known one is interval_s, see docs/configuration.md"
        == sentence
    )
    path = written(tmp_path, "otlp:\n  traces:\n    endpiont: http://a:1\n")
    assert f"{path}: unknown setting otlp.traces.endpiont; the nearest known one is otlp.traces.endpoint" in refused(
        path
    )
    assert "the nearest known one is" in refused(written(tmp_path, "zzz: 1"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval_s: soon", "interval_s is 'soon', but must be 0.1 to 3600"),
        ("interval_s: true", "interval_s is True, but must be 0.1 to 3600"),
        ("interval_s: '5'", "interval_s is '5', but must be 0.1 to 3600"),
        ("interval_s: 0", "interval_s is 0, but must be 0.1 to 3600"),
        ("interval_s: .nan", "interval_s is nan, but must be 0.1 to 3600"),
        ("max_overhead: 101", "max_overhead is 101, but must be more than 0, at most 100, or off"),
        ("max_overhead: 0", "max_overhead is 0, but must be more than 0, at most 100, or off"),
        ("series_total: 1.5", "series_total is 1.5, but must be 1 or more"),
        ("otlp: {timeout_s: 0}", "otlp.timeout_s is 0, but must be 0.1 to 300"),
        ("otlp: {metrics: {timeout_s: 900}}", "otlp.metrics.timeout_s is 900, but must be 0.1 to 300"),
        ("otlp: {compression: deflate}", "otlp.compression is 'deflate', but must be none or gzip"),
        ("otlp: {endpoint: 'collector:4318'}", "otlp.endpoint is 'collector:4318', but must be an http or https URL"),
        ("otlp: {endpoint: 'http://'}", "otlp.endpoint is 'http://', but must be an http or https URL"),
        ("otlp: {endpoint: 'http://a:b'}", "otlp.endpoint is 'http://a:b', but must be an http or https URL"),
        ("otlp: 7", "otlp is 7, but it must be a mapping of settings"),
        ("findings: {leak_stuck: 1}", "findings.leak_stuck is 1, but must be 2 or more"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    """The file, the key, the value, what is allowed."""
    path = written(tmp_path, text)
    assert refused(path).startswith(f"{path}: {expected}")


def test_a_wrong_variable_is_named() -> None:
    """By its own name, so that it can be found."""
    assert "OTELCHAN_INTERVAL_S: interval_s is '-1', but must be 0.1 to 3600" in refused(
        environ={"OTELCHAN_INTERVAL_S": "-1"}
    )
    sentence = refused(environ={"OTEL_METRIC_EXPORT_INTERVAL": "10s"})
    assert "OTEL_METRIC_EXPORT_INTERVAL is '10s', but must be a number of milliseconds" == sentence


def test_a_value_that_something_stronger_replaces_is_not_looked_at() -> None:
    """A variable for all programs of a machine may be wrong for this one."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTELCHAN_OTLP_PROTOCOL": "http/protobuf"}
    assert "http/protobuf" == load(None, environ, {}).otlp.protocol


def test_grpc_is_refused_with_what_to_do_instead() -> None:
    """Until it is there."""
    sentence = refused(environ={"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert sentence == (
        "OTEL_EXPORTER_OTLP_PROTOCOL: otlp.protocol is 'grpc', but only http/protobuf is supported so far; set "
        "OTELCHAN_OTLP_PROTOCOL=http/protobuf and give the Collector's HTTP port, usually 4318"
    )
    assert "must be http/protobuf" in refused(environ={"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})


def test_the_port_of_grpc_is_doubted(caplog: pytest.LogCaptureFixture) -> None:
    """It is used, but said: the commonest wrong endpoint."""
    assert "http://a:4317" == load(None, {}, {"otlp.endpoint": "http://a:4317"}).otlp.endpoint
    assert "port 4317 is usually for gRPC" in caplog.text


def test_headers_are_never_shown() -> None:
    """They are where secrets are."""
    sentence = refused(environ={"OTEL_EXPORTER_OTLP_HEADERS": "a=1,secret"})
    assert "OTEL_EXPORTER_OTLP_HEADERS: header 2 has no `=`; write name=value,name=value" == sentence


def test_wrong_headers_in_the_file_are_not_shown_either(tmp_path: Path) -> None:
    """A list where a mapping should be."""
    sentence = refused(written(tmp_path, "otlp: {headers: [secret]}"))
    assert "otlp.headers is given, but must be names and values" in sentence
    assert "secret" not in sentence


def test_an_unknown_variable_that_is_nearly_a_known_one_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """But it is no error: Kubernetes sets OTELCHAN_SERVICE_HOST, and tests OTELCHAN_REQUIRE_KERNEL."""
    environ = {"OTELCHAN_INTERVALS": "5", "OTELCHAN_SERVICE_HOST": "10.0.0.1", "OTELCHAN_REQUIRE_KERNEL": "1"}
    assert Config() == load(None, environ, {})
    assert [
        "the environment variable OTELCHAN_INTERVALS is not known; was OTELCHAN_INTERVAL_S meant?"
    ] == caplog.messages


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Not there, not text, not YAML, not a mapping."""
    assert "cannot read the configuration file /no/such: No such file or directory; give another --config" == refused(
        "/no/such"
    )
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert f"cannot read the configuration file {binary}: not UTF-8 text; give another --config" == refused(str(binary))
    path = written(tmp_path, "interval_s: 5\notlp: {endpoint")
    assert refused(path).startswith(f"{path} line 2: ")
    path = written(tmp_path, "- interval_s")
    assert f"{path}: the configuration file must be a mapping of settings, see docs/configuration.md" == refused(path)


def test_an_unknown_flag_is_a_usage_error() -> None:
    """So that a flag and its setting cannot drift apart unseen."""
    assert "flags: unknown setting interval; the nearest known one is interval_s" in refused(interval=5)


def test_a_configuration_cannot_be_changed() -> None:
    """It is a value; a changed one is made by msgspec.structs.replace."""
    with pytest.raises(AttributeError):
        Config().interval_s = 5  # type: ignore[misc]
    assert 5 == msgspec.structs.replace(Config(), interval_s=5.0).interval_s


def test_every_setting_is_documented_with_its_unit() -> None:
    """A text, what is allowed, and a variable of its own."""
    assert [] == [leaf.key for leaf in LEAVES.values() if not leaf.text or not leaf.allowed]
    assert len(LEAVES) == len({leaf.variable for leaf in LEAVES.values()})


def test_defaults_are_allowed_values() -> None:
    """What is built in passes the same checks as what is given."""
    given = {leaf.key: leaf.default for leaf in LEAVES.values() if leaf.default is not None}
    assert Config() == load(None, {}, given)


def test_the_reference_is_what_the_settings_say() -> None:
    """docs/configuration.md is generated; `python -m otelchan.config > docs/configuration.md` brings it up to date."""
    assert markdown() == (ROOT / "docs" / "configuration.md").read_text()


def test_the_example_in_the_reference_can_be_loaded(tmp_path: Path) -> None:
    """As a file."""
    example = markdown().split("```yaml\n")[1].split("```")[0]
    config = load(written(tmp_path, example), {}, {})
    assert {"authorization": "Bearer secret"} == config.otlp.headers


def test_the_environment_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of it."""
    monkeypatch.setenv("OTELCHAN_INTERVAL_S", "7")
    assert 7 == load(None, environment(), {}).interval_s
