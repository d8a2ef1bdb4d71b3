"""The standard OTEL_* variables as settings. What each one means is data: otel_variables."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from otelchan.config import values
from otelchan.config.given import Given
from otelchan.config.leaves import LEAVES
from otelchan.config.otel_variables import IGNORED
from otelchan.errors import UsageError

log = logging.getLogger("otelchan.config")

# OpenTelemetry specification, protocol/exporter.md and configuration/sdk-environment-variables.md.
EXPORTER = {
    "ENDPOINT": "endpoint",
    "HEADERS": "headers",
    "PROTOCOL": "protocol",
    "INSECURE": "insecure",
    "COMPRESSION": "compression",
    "TIMEOUT": "timeout_s",
    "CERTIFICATE": "certificate",
    "CLIENT_CERTIFICATE": "client_certificate",
    "CLIENT_KEY": "client_key",
}
_NUMBERS = {  # those that stand for both kinds of attributes come first
    "OTEL_BSP_MAX_QUEUE_SIZE": "otlp.span_queue",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "otlp.span_batch",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "span_limits.value_length",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "span_limits.attributes",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "span_limits.value_length",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "span_limits.attributes",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "span_limits.events",
    "OTEL_SPAN_LINK_COUNT_LIMIT": "span_limits.links",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "span_limits.event_attributes",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "span_limits.link_attributes",
}
_TIMES = {
    "OTEL_BSP_SCHEDULE_DELAY": "otlp.span_delay_s",
    "OTEL_BSP_EXPORT_TIMEOUT": "otlp.traces.export_timeout_s",
    "OTEL_METRIC_EXPORT_TIMEOUT": "otlp.metrics.export_timeout_s",
}
_CHOICES = {  # what the words mean that are known
    "OTEL_METRICS_EXEMPLAR_FILTER": ("exemplars", {"always_off": False, "always_on": True, "trace_based": True}),
    "OTEL_METRICS_EXPORTER": ("otlp.metrics.enabled", {"otlp": True, "none": False}),
    "OTEL_TRACES_EXPORTER": ("otlp.traces.enabled", {"otlp": True, "none": False}),
}
_ONLY = {  # nothing else is to be had
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": (
        "cumulative",
        "totals are cumulative, so that an outage loses nothing of them; the Collector's cumulativetodelta processor "
        "turns them into deltas",
    ),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
        "explicit_bucket_histogram",
        "histograms have explicit buckets, as they are counted in the kernel",
    ),
}
_LOG_LEVELS = {"debug": "debug", "info": "info", "warn": "warning", "warning": "warning", "error": "error"}
_SHORT_TIMEOUT_MS = 500
_FOR_EVER_S = 300.0  # the longest there is: a timeout of 0 stands for none


def from_otel(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    """Settings by key. Raises UsageError for an interval or a timeout that is no number."""
    yield from _exporter(environ)
    if "OTEL_METRIC_EXPORT_INTERVAL" in environ:
        variable = "OTEL_METRIC_EXPORT_INTERVAL"
        yield "interval_s", Given(_milliseconds(variable, environ[variable]) / 1000, variable, True)
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield "otlp.enabled", Given(False, "OTEL_SDK_DISABLED", False)
    for variable, key in _NUMBERS.items():
        if variable in environ:
            yield from _lenient(variable, key, environ[variable], environ[variable])
    for variable, key in _TIMES.items():
        if variable in environ:
            yield from _lenient_time(variable, key, environ[variable])
    yield from _choices(environ)
    _say_what_is_not_done(environ)


def log_level(environ: Mapping[str, str]) -> str | None:
    """What OTEL_LOG_LEVEL asks for, as a level of --log-level; None when it is unset, or not known, which is said."""
    asked = environ.get("OTEL_LOG_LEVEL", "").strip().lower()
    if asked and asked not in _LOG_LEVELS:
        log.warning("OTEL_LOG_LEVEL is %r, which is ignored: it must be debug, info, warn or error", asked)
    return _LOG_LEVELS.get(asked)


def _exporter(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    for signal, section in (("", "otlp."), ("METRICS_", "otlp.metrics."), ("TRACES_", "otlp.traces.")):
        for suffix, name in EXPORTER.items():
            variable = f"OTEL_EXPORTER_OTLP_{signal}{suffix}"
            if variable in environ:
                value: str | float = environ[variable]
                if suffix == "TIMEOUT":
                    value = _timeout_s(variable, environ[variable])
                yield section + name, Given(value, variable, True)


def _lenient(variable: str, key: str, value: str | float, text: str) -> Iterator[tuple[str, Given]]:
    """What cannot be used is said and ignored, as the specification wants it. text: as it was written."""
    try:
        values.checked(LEAVES[key], value, text=True)
    except UsageError as error:
        log.warning("%s=%s is ignored: %s", variable, text, error)
    else:
        yield key, Given(value, variable, True)


def _lenient_time(variable: str, key: str, value: str) -> Iterator[tuple[str, Given]]:
    try:
        milliseconds = float(value)
    except ValueError:
        log.warning("%s=%s is ignored: it must be a number of milliseconds", variable, value)
        return
    endless = milliseconds == 0 and key.endswith("timeout_s")
    yield from _lenient(variable, key, _FOR_EVER_S if endless else milliseconds / 1000, value)


def _choices(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    for variable, (key, words) in _CHOICES.items():
        asked = {word.strip().lower() for word in environ.get(variable, "").split(",")} - {""}
        if unknown := asked - words.keys():
            log.warning(
                "%s: %s is ignored; known are %s", variable, ", ".join(sorted(unknown)), ", ".join(sorted(words))
            )
        known = [words[word] for word in asked & words.keys()]
        if known:
            yield key, Given(any(known), variable, False)


def _say_what_is_not_done(environ: Mapping[str, str]) -> None:
    for variable, (word, reason) in _ONLY.items():
        asked = environ.get(variable, word).strip()
        if asked.lower() != word:
            log.warning("%s=%s is not done: %s", variable, asked, reason)
    for name in ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"):
        if name in environ:
            log.warning("%s is not read: otelchan has a file of its own, OTELCHAN_CONFIG or --config", name)
    if ignored := sorted(environ.keys() & IGNORED):
        log.info("without a meaning here, see docs/configuration.md: %s", ", ".join(ignored))


def _milliseconds(variable: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{variable} is {value!r}, but must be a number of milliseconds, such as 10000") from None


def _timeout_s(variable: str, value: str) -> float:
    milliseconds = _milliseconds(variable, value)
    if milliseconds == 0:
        return _FOR_EVER_S
    if milliseconds < _SHORT_TIMEOUT_MS:
        log.warning(
            "%s=%s is read as milliseconds, as the OpenTelemetry specification says; if seconds were meant, as the "
            "Python SDK reads it, write %g",
            variable,
            value,
            milliseconds * 1000,
        )
    return milliseconds / 1000
