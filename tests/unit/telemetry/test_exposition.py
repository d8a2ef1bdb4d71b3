"""The agent's own metrics as Prometheus reads them."""

from __future__ import annotations

import subprocess

import pytest

from otelchan import __version__
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.exposition import exposition
from otelchan.telemetry.own import OBSERVED, AgentMetrics
from otelchan.telemetry.signals import Kind, Owner, prometheus_series
from tests.support.stack import binary


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> AgentMetrics:
    """Metrics of an agent whose environment says nothing."""
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    return AgentMetrics()


def lines(own: AgentMetrics, name: str) -> list[str]:
    """What is said about one metric."""
    return [line for line in exposition(own.collect()).splitlines() if line.split("{")[0].split(" ")[0] == name]


def everything(own: AgentMetrics) -> str:
    """The text when every metric of the agent has a series."""
    for each in METRICS.values():
        if each.owner is Owner.AGENT and each.name not in OBSERVED:
            (own.set if each.kind is Kind.GAUGE else own.add)(each.name, 1.5, dict.fromkeys(each.attributes, "x"))
    return exposition(own.collect())


def test_a_counter_and_a_gauge() -> None:
    """Under Prometheus's names, with meaning and type in front; whole numbers without a point."""
    own = AgentMetrics()
    own.add("otelchan.probe.hit", 12, {"otelchan.plane": "waits"})
    own.add("otelchan.probe.hit", 3, {"otelchan.plane": "makes"})
    own.set("otelchan.overhead.measured", 0.0125)
    text = exposition(own.collect())
    assert (
        "# HELP otelchan_probe_hit_total Probe hits.\n"
        "# TYPE otelchan_probe_hit_total counter\n"
        'otelchan_probe_hit_total{otelchan_plane="waits"} 12\n'
        'otelchan_probe_hit_total{otelchan_plane="makes"} 3\n'
    ) in text
    assert "# TYPE otelchan_overhead_measured_ratio gauge\notelchan_overhead_measured_ratio 0.0125\n" in text


def test_a_histogram_adds_up_its_buckets() -> None:
    """Each has what is in those below it, the last one everything."""
    own = AgentMetrics()
    for value in (0.0005, 0.002, 0.2, 99.0):
        own.add("otelchan.export.duration", value, {"otelchan.signal": "traces"})
    name, label = "otelchan_export_duration_seconds", 'otelchan_signal="traces"'
    bounds = ("0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10", "+Inf")
    counts = (1, 2, 2, 2, 2, 3, 3, 3, 3, 4)
    assert [
        f'{name}_bucket{{{label},le="{bound}"}} {count}' for bound, count in zip(bounds, counts, strict=True)
    ] == lines(own, f"{name}_bucket")
    assert [f"{name}_count{{{label}}} 4"] == lines(own, f"{name}_count")
    (total,) = lines(own, f"{name}_sum")
    assert 99.2025 == pytest.approx(float(total.split()[-1]))


def test_a_text_is_quoted() -> None:
    """Quotes, backslashes and ends of lines."""
    own = AgentMetrics()
    own.set("otelchan.map.entry.count", 1, {"otelchan.map.name": 'a"b\\c\nd'})
    assert ['otelchan_map_entry_count{otelchan_map_name="a\\"b\\\\c\\nd"} 1'] == lines(own, "otelchan_map_entry_count")


def test_who_the_agent_is(own: AgentMetrics) -> None:
    """In target_info, as Prometheus makes it of a Resource that comes by OTLP."""
    (info,) = lines(own, "target_info")
    assert 'service_name="otelchan"' in info
    assert f'service_version="{__version__}"' in info


def test_every_metric_of_the_agent_is_there_under_the_name_in_the_table(own: AgentMetrics) -> None:
    """Nothing is missing that goes out by OTLP, and nothing has another name."""
    expected = {name for each in METRICS.values() if each.owner is Owner.AGENT for name in prometheus_series(each)} | {
        "target_info"
    }
    text = everything(own).splitlines()
    assert expected == {line.split("{")[0].split(" ")[0] for line in text if not line.startswith("#")}


def test_promtool_can_read_it(own: AgentMetrics) -> None:
    """Prometheus's own parser; what its linter finds in names that OpenTelemetry gives is not about the format."""
    checked = subprocess.run(
        [binary("promtool"), "check", "metrics"], input=everything(own), capture_output=True, text=True, check=False
    )
    assert "error while linting: text format parsing error" not in checked.stderr
    about_names = 'non-histogram and non-summary metrics should not have "_count" suffix'
    assert {about_names} == {line.split(" ", 1)[1] for line in checked.stderr.splitlines() if line}
    wrong = subprocess.run(
        [binary("promtool"), "check", "metrics"], input='a{b="c} 1\n', capture_output=True, text=True, check=False
    )
    assert "text format parsing error" in wrong.stderr


def test_a_disabled_sdk_leaves_nothing(own: AgentMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SDK_DISABLED."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert "" == exposition(AgentMetrics().collect())
