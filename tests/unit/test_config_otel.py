"""The standard OTEL_* variables: what each sets, what is said about values of no use, and that none is forgotten."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry import environment_variables as api
from opentelemetry.sdk import environment_variables as sdk

from otelchan.config import Config, load, log_level
from otelchan.config.leaves import LEAVES
from otelchan.config.otel_variables import VARIABLES, table
from otelchan.errors import UsageError

NAMES = [name for row in VARIABLES for name in row.names]


def value(config: Config, key: str) -> Any:
    """A setting by its dotted key."""
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found


SET = [
    ("OTEL_SDK_DISABLED", "true", "otlp.enabled", False),
    ("OTEL_METRIC_EXPORT_INTERVAL", "2500", "interval_s", 2.5),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "7000", "otlp.metrics.export_timeout_s", 7.0),
    ("OTEL_BSP_EXPORT_TIMEOUT", "0", "otlp.traces.export_timeout_s", 300.0),
    ("OTEL_BSP_SCHEDULE_DELAY", "1500", "otlp.span_delay_s", 1.5),
    ("OTEL_BSP_SCHEDULE_DELAY", "0", "otlp.span_delay_s", 0.0),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "100", "otlp.span_queue", 100),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50", "otlp.span_batch", 50),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "64", "span_limits.value_length", 64),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "8", "span_limits.attributes", 8),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "32", "span_limits.value_length", 32),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "4", "span_limits.attributes", 4),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "0", "span_limits.events", 0),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "1", "span_limits.links", 1),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "2", "span_limits.event_attributes", 2),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "3", "span_limits.link_attributes", 3),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off", "exemplars", False),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "exemplars", True),
    ("OTEL_METRICS_EXPORTER", "none", "otlp.metrics.enabled", False),
    ("OTEL_TRACES_EXPORTER", "None", "otlp.traces.enabled", False),
    ("OTEL_TRACES_EXPORTER", "otlp", "otlp.traces.enabled", True),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "otlp.timeout_s", 300.0),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1", "otlp.traces.endpoint", "http://t:1"),
]


@pytest.mark.parametrize(("name", "text", "key", "expected"), SET)
def test_a_variable_sets_what_the_table_says(
    name: str, text: str, key: str, expected: object, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing is said about it."""
    config = load(None, {name: text}, {})
    assert expected == value(config, key)
    row = next(row for row in VARIABLES if name in row.names)
    assert key.replace(".traces", "").replace(".metrics", "") == row.setting.replace(".traces", "").replace(
        ".metrics", ""
    )
    assert [] == [record.getMessage() for record in caplog.records]


def test_what_is_only_for_spans_is_stronger() -> None:
    """The general limits stand in where the others are not given."""
    both = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_ATTRIBUTE_COUNT_LIMIT": "9"}
    assert 5 == load(None, both, {}).span_limits.attributes


def test_our_own_variables_and_files_win_or_lose_as_ever() -> None:
    """OTEL_* are weaker than OTELCHAN_*."""
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTELCHAN_OTLP_SPAN_QUEUE": "200"}
    assert 200 == load(None, environ, {}).otlp.span_queue


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "10s"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "-5"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "1.5"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
    ],
)
def test_what_cannot_be_used_is_said_and_ignored(name: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """As the specification wants it; the value and the variable are in the one line."""
    assert Config() == load(None, {name: text}, {})
    (line,) = [record.getMessage() for record in caplog.records]
    assert (True, True, True) == (name in line, text in line, "ignored" in line), line


def test_one_of_several_exporters_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    """The others are said."""
    assert load(None, {"OTEL_TRACES_EXPORTER": "console, otlp"}, {}).otlp.traces.enabled
    assert ["OTEL_TRACES_EXPORTER: console is ignored; known are none, otlp"] == [
        r.getMessage() for r in caplog.records
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "lowmemory"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
        ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
        ("OTEL_EXPERIMENTAL_CONFIG_FILE", "/etc/otel.yaml"),
    ],
)
def test_what_is_asked_for_and_not_done_is_said(name: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once, as a warning."""
    assert Config() == load(None, {name: text}, {})
    (record,) = caplog.records
    assert (logging.WARNING, True) == (record.levelno, record.getMessage().startswith(name))


def test_what_is_done_anyway_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    """Cumulative totals and explicit buckets."""
    names = ("TEMPORALITY_PREFERENCE", "DEFAULT_HISTOGRAM_AGGREGATION")
    words = ("Cumulative", "explicit_bucket_histogram")
    environ = {f"OTEL_EXPORTER_OTLP_METRICS_{name}": word for name, word in zip(names, words, strict=True)}
    assert Config() == load(None, environ, {})
    assert [] == caplog.records


def test_what_has_no_meaning_here_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """In one line for those who look."""
    caplog.set_level(logging.INFO, logger="otelchan.config")
    ignored = {
        name: "1" for row in VARIABLES if not row.setting and "CONFIG_FILE" not in row.names[0] for name in row.names
    }
    assert Config() == load(None, ignored, {})
    (line,) = [record.getMessage() for record in caplog.records]
    assert sorted(ignored) == line.partition(": ")[2].split(", ")


def test_every_variable_of_the_specification_is_decided() -> None:
    """Those that the OpenTelemetry SDK and API for Python know, which follow it, and are not Python's own."""
    known = {
        name for module in (sdk, api) for name in vars(module) if name.startswith("OTEL_") and "PYTHON" not in name
    }
    assert len(known) > 60
    assert set() == known - set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_every_setting_in_the_table_exists() -> None:
    """And every exporter variable is there in its three forms."""
    settings = {row.setting for row in VARIABLES if "." in row.setting or row.setting in ("interval_s", "exemplars")}
    assert settings <= set(LEAVES)
    for name in NAMES:
        assert f"`{name}`" in table()


@pytest.mark.parametrize(
    ("text", "level"), [("", None), ("DEBUG", "debug"), ("warn", "warning"), ("error", "error"), ("loud", None)]
)
def test_the_log_level_is_known_by_its_usual_names(
    text: str, level: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not known is said, and the usual level stays."""
    assert level == log_level({"OTEL_LOG_LEVEL": text})
    assert (text == "loud") == bool(caplog.records)


def test_an_interval_that_is_no_number_ends_the_start() -> None:
    """It decides what everything costs: better no start than a wrong one."""
    with pytest.raises(UsageError, match="OTEL_METRIC_EXPORT_INTERVAL is 'soon'"):
        load(None, {"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, {})
