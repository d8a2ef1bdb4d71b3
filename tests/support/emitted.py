"""What dashboards and alerts can ask for: every series with its labels, every attribute of a span."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from dashboards.generator.alerts import collector
from dashboards.generator.alerts.__main__ import groups
from dashboards.generator.alerts.rules import Alert, Record
from dashboards.generator.boards import pipeline
from dashboards.generator.parameters import Parameters
from otelchan.telemetry.catalogue import METRICS, SPANS
from otelchan.telemetry.resource import RESOURCE_ATTRIBUTES
from otelchan.telemetry.signals import Kind, prometheus_label, prometheus_series
from tests.support.labels import read

_PROMETHEUS = Path(__file__).resolve().parents[2] / "collector-config" / "prometheus.yaml"
_PROMOTED = yaml.safe_load(_PROMETHEUS.read_text(encoding="utf-8"))["otlp"]["promote_resource_attributes"]
PROCESS = frozenset({"job", "instance", *(prometheus_label(name) for name in _PROMOTED)})
"""Labels of every series."""
RESOURCE = frozenset({"job", "instance", *(prometheus_label(name) for name in RESOURCE_ATTRIBUTES)})
"""Labels of target_info."""
DETERMINED = (PROCESS | RESOURCE) - {"telemetry_distro_version"}
"""An instance has one value of each; of the agent's version two, for five minutes, after a new one has come."""
COLLECTOR_LABELS = {"policy", "sampled", "decision", "receiver", "transport", "exporter", "data_type"}
"""Of the Collector's metrics in alerts; tests/e2e/test_alerts.py looks at them in the real one."""


def rules() -> list[Alert | Record]:
    """All that Prometheus evaluates, in their order."""
    return [rule for group in groups(Parameters()) for rule in group.rules]


def of_otelchan() -> dict[str, tuple[Kind, frozenset[str]]]:
    """Kind and labels by name of series."""
    found = {}
    for metric in METRICS.values():
        labels = PROCESS | {prometheus_label(name) for name in metric.attributes}
        for series in prometheus_series(metric):
            bucket = metric.kind is Kind.HISTOGRAM and series.endswith("_bucket")
            found[series] = (metric.kind, labels | ({"le"} if bucket else set()))
    return found


def of_collector() -> dict[str, tuple[Kind, frozenset[str]]]:
    """The same of the Collector's own metrics, scraped; tests/e2e ask the real one for each."""
    scraped = frozenset({"job", "instance"})
    counters = [name for names in collector.COUNTERS.values() for name in names]
    found = {name: (Kind.COUNTER, scraped | COLLECTOR_LABELS) for name in counters}
    found |= {name: (Kind.GAUGE, scraped | COLLECTOR_LABELS) for name in collector.GAUGES}
    found |= {name: (Kind.COUNTER, scraped | set(labels)) for name, labels in pipeline.COUNTERS.items()}
    found |= {name: (Kind.GAUGE, scraped | set(labels)) for name, labels in pipeline.GAUGES.items()}
    return {**found, "otelcol_process_uptime": (Kind.GAUGE, scraped)}


@cache
def series() -> dict[str, frozenset[str]]:
    """Labels by name: what otelchan and the Collector emit, what rules record, what Prometheus adds."""
    found = {name: labels for name, (_, labels) in (of_otelchan() | of_collector()).items()}
    found["target_info"] = RESOURCE
    alerted = frozenset({"alertname", "alertstate", "severity"})
    for rule in rules():
        labels, _ = read(rule.expr, found)
        if isinstance(rule, Record):
            found[rule.record] = labels
        else:
            alerted |= labels
    return {**found, "ALERTS": alerted}


@cache
def kinds() -> dict[str, Kind]:
    """Of every series that is emitted."""
    return {name: kind for name, (kind, _) in (of_otelchan() | of_collector()).items()}


@cache
def owners() -> dict[str, str]:
    """Whose series they are, of all that are emitted: "target", "agent", "collector"."""
    found = {name: metric.owner.value for metric in METRICS.values() for name in prometheus_series(metric)}
    return found | dict.fromkeys(of_collector(), "collector")


@cache
def attributes() -> set[str]:
    """With their scopes, as TraceQL writes them."""
    spans = {f"span.{name}" for span in SPANS for name in span.attributes}
    events = {f"event.{name}" for span in SPANS for name in span.event_attributes}
    links = {f"link.{name}" for span in SPANS for name in span.link_attributes}
    return spans | events | links | {f"resource.{name}" for name in RESOURCE_ATTRIBUTES}
