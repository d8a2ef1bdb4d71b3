"""Every variable of the OpenTelemetry specification, and what becomes of it. Data, for docs/configuration.md.

Specification 1.60: configuration/sdk-environment-variables.md, protocol/exporter.md, metrics/sdk_exporters/otlp.md,
resource/sdk.md; and those that are obsolete but still set somewhere.
"""

from __future__ import annotations

from typing import NamedTuple


class Variables(NamedTuple):
    """Some of one meaning. setting: what they set, "" without a meaning here. text: what they do, or why not."""

    names: tuple[str, ...]
    setting: str
    text: str


def _signals(suffix: str, setting: str, text: str) -> Variables:
    names = tuple(f"OTEL_EXPORTER_OTLP_{signal}{suffix}" for signal in ("", "METRICS_", "TRACES_"))
    return Variables(names, f"otlp.{setting}", text)


_NO_LOGS = "otelchan sends metrics and spans, no log records"
_LOGS = ("ENDPOINT", "HEADERS", "PROTOCOL", "INSECURE", "COMPRESSION", "TIMEOUT", "CERTIFICATE", "CLIENT_CERTIFICATE",
         "CLIENT_KEY")  # fmt: skip

VARIABLES = (
    Variables(
        ("OTEL_SDK_DISABLED",),
        "otlp.enabled",
        "`true`: nothing is sent over the network, and the agent has no metrics about itself",
    ),
    Variables(
        ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"),
        "the agent's own Resource",
        "never that of a watched program, which has its own",
    ),
    Variables(
        ("OTEL_LOG_LEVEL",),
        "--log-level",
        "of `otelchan run`: `debug`, `info`, `warn` or `error`; the flag is stronger",
    ),
    _signals("ENDPOINT", "endpoint", "over HTTP `/v1/metrics` and `/v1/traces` are added to the one for both"),
    _signals("HEADERS", "headers", "`name=value,name=value`, percent-encoded"),
    _signals("PROTOCOL", "protocol", "`http/protobuf` or `grpc`; `http/json` is refused"),
    _signals("INSECURE", "insecure", "`true`: no TLS over gRPC where the endpoint has no `http://` or `https://`"),
    _signals("COMPRESSION", "compression", "`gzip` or `none`"),
    _signals(
        "TIMEOUT", "timeout_s", "**milliseconds**, as specified (the Python SDK: seconds); warns below 500; 0: 300 s"
    ),
    _signals("CERTIFICATE", "certificate", "PEM file"),
    _signals("CLIENT_CERTIFICATE", "client_certificate", "PEM file"),
    _signals("CLIENT_KEY", "client_key", "PEM file"),
    Variables(("OTEL_METRIC_EXPORT_INTERVAL",), "interval_s", "milliseconds; also of spans"),
    Variables(
        ("OTEL_METRIC_EXPORT_TIMEOUT",),
        "otlp.metrics.export_timeout_s",
        "milliseconds, of one request; what is not taken within it is tried again",
    ),
    Variables(("OTEL_BSP_EXPORT_TIMEOUT",), "otlp.traces.export_timeout_s", "the same for spans"),
    Variables(("OTEL_BSP_SCHEDULE_DELAY",), "otlp.span_delay_s", "milliseconds; unset: spans leave with each interval"),
    Variables(("OTEL_BSP_MAX_QUEUE_SIZE",), "otlp.span_queue", "spans"),
    Variables(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",), "otlp.span_batch", "spans"),
    Variables(
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        "span_limits.value_length",
        "the first is stronger; metrics and Resources have no limits, as specified",
    ),
    Variables(
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        "span_limits.attributes",
        "the first is stronger; unset: no limit, spans have few",
    ),
    Variables(("OTEL_SPAN_EVENT_COUNT_LIMIT",), "span_limits.events", "unset: no limit"),
    Variables(("OTEL_SPAN_LINK_COUNT_LIMIT",), "span_limits.links", "unset: no limit"),
    Variables(("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",), "span_limits.event_attributes", "unset: no limit"),
    Variables(("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",), "span_limits.link_attributes", "unset: no limit"),
    Variables(
        ("OTEL_METRICS_EXEMPLAR_FILTER",),
        "exemplars",
        "`always_off`: none; `always_on` and `trace_based`: as without it, since each exemplar has a span",
    ),
    Variables(("OTEL_METRICS_EXPORTER",), "otlp.metrics.enabled", "`otlp` or `none`; others are said and ignored"),
    Variables(("OTEL_TRACES_EXPORTER",), "otlp.traces.enabled", "the same; with `none` there are no exemplars either"),
    Variables(
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",),
        "only cumulative",
        "totals are cumulative, so that an outage loses nothing of them; anything else warns: the Collector's "
        "cumulativetodelta processor turns them into deltas",
    ),
    Variables(
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",),
        "only explicit buckets",
        "as they are counted in the kernel; anything else warns",
    ),
    Variables(
        ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"),
        "",
        "warns: otelchan has a file of its own (`OTELCHAN_CONFIG`), and the other variables stay in force",
    ),
    Variables(
        ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"),
        "",
        "the kernel decides which blocks become spans: `span_threshold_ms`, `spans_per_second`",
    ),
    Variables(("OTEL_PROPAGATORS",), "", "the agent serves no requests whose context it could pass on"),
    Variables(
        ("OTEL_LOGS_EXPORTER", *(f"OTEL_EXPORTER_OTLP_LOGS_{suffix}" for suffix in _LOGS)),
        "",
        _NO_LOGS,
    ),
    Variables(
        (
            "OTEL_BLRP_SCHEDULE_DELAY",
            "OTEL_BLRP_EXPORT_TIMEOUT",
            "OTEL_BLRP_MAX_QUEUE_SIZE",
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
            "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        ),
        "",
        _NO_LOGS,
    ),
    Variables(
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT"),
        "",
        "OTLP is pushed; the agent's own metrics can be scraped at `status.listen`",
    ),
    Variables(
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "OTEL_EXPORTER_ZIPKIN_PROTOCOL"),
        "",
        "only OTLP is spoken",
    ),
    Variables(
        ("OTEL_EXPORTER_OTLP_SPAN_INSECURE", "OTEL_EXPORTER_OTLP_METRIC_INSECURE"),
        "",
        "obsolete names of `OTEL_EXPORTER_OTLP_TRACES_INSECURE` and `OTEL_EXPORTER_OTLP_METRICS_INSECURE`",
    ),
)
IGNORED = frozenset(name for row in VARIABLES if not row.setting for name in row.names) - {
    "OTEL_CONFIG_FILE",
    "OTEL_EXPERIMENTAL_CONFIG_FILE",
}


def table() -> str:
    """The rows as Markdown."""
    rows = (f"| {_code(row.names)} | {_setting(row.setting)} | {row.text} |\n" for row in VARIABLES)
    return "".join(rows)


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _setting(setting: str) -> str:
    if not setting:
        return "not applicable"
    return setting if " " in setting else f"`{setting}`"
