"""The signal catalogue, its names in Prometheus, and the reference made from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otelchan.kernel.types import Loss, bucket_bound_ns
from otelchan.telemetry.catalogue import ATTRIBUTES, BLOCK_BOUNDS_NS, METRICS, SPANS
from otelchan.telemetry.reference import markdown
from otelchan.telemetry.signals import Kind, Metric, prometheus_label, prometheus_name, prometheus_series

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("channel.lag", "channel_lag"),
        ("channel.capacity", "channel_capacity"),
        ("channel.count", "channel_count"),
        ("channel.waiters", "channel_waiters"),
        ("channel.wait.age", "channel_wait_age_seconds"),
        ("channel.process", "channel_process_total"),
        ("channel.block.duration", "channel_block_duration_seconds"),
        ("channel.close", "channel_close_total"),
        ("goroutine.blocked", "goroutine_blocked"),
        ("goroutine.wait.age", "goroutine_wait_age_seconds"),
        ("go.goroutine.count", "go_goroutine_count"),
        ("goroutine.created", "goroutine_created_total"),
        ("goroutine.exited", "goroutine_exited_total"),
        ("goroutine.leak.suspected", "goroutine_leak_suspected"),
        ("otelchan.finding", "otelchan_finding"),
        ("channel.edge", "channel_edge_total"),
        ("channel.edge.waiters", "channel_edge_waiters"),
        ("channel.slo.state", "channel_slo_state"),
        ("channel.slo.objective", "channel_slo_objective_seconds"),
        ("channel.slo.p999", "channel_slo_p999_seconds"),
        ("goroutine.surge", "goroutine_surge_total"),
        ("otelchan.overhead.measured", "otelchan_overhead_measured_ratio"),
        ("otelchan.probe.time", "otelchan_probe_time_seconds_total"),
    ],
)
def test_prometheus_names_are_those_of_its_default_translation(name: str, expected: str) -> None:
    """Dots to underscores, the unit's word, `_total` for monotonic sums, `_ratio` for gauges of unit 1."""
    assert expected == prometheus_name(METRICS[name])


def test_a_word_that_is_there_is_not_said_twice() -> None:
    """The unit's word is left out when the name has it; `total` moves to the end."""
    assert "wait_seconds_total" == prometheus_name(Metric("wait.seconds", Kind.COUNTER, "s", (), ""))
    assert "of_all_total" == prometheus_name(Metric("total.of.all", Kind.COUNTER, "{x}", (), ""))
    assert "hit_ratio" == prometheus_name(Metric("hit.ratio", Kind.GAUGE, "1", (), ""))


def test_a_histogram_is_three_series() -> None:
    """Dashboards and alerts use these names."""
    expected = tuple(f"channel_block_duration_seconds_{part}" for part in ("bucket", "count", "sum"))
    assert expected == prometheus_series(METRICS["channel.block.duration"])
    assert ("channel_lag",) == prometheus_series(METRICS["channel.lag"])


def test_labels_have_underscores() -> None:
    """As Prometheus writes attribute names."""
    assert "channel_element_type" == prometheus_label("channel.element.type")


def test_no_two_metrics_meet_in_prometheus() -> None:
    """Two OTLP names that become one would mix their series."""
    names = [name for metric in METRICS.values() for name in prometheus_series(metric)]
    assert sorted(set(names)) == sorted(names)


def test_names_follow_the_conventions() -> None:
    """Lower case words with dots; no `total`; never unit 1 for something that is counted."""
    form = re.compile(r"[a-z]+(\.[a-z][a-z0-9_]*)+")
    assert [] == [name for name in (*METRICS, *ATTRIBUTES) if not form.fullmatch(name)]
    assert [] == [name for name in METRICS if "total" in name.split(".")]
    assert [] == [m.name for m in METRICS.values() if m.unit == "1" and m.kind is not Kind.GAUGE]


def test_every_attribute_that_is_used_is_declared_and_the_other_way_round() -> None:
    """One place for each attribute; none that nothing carries, except what the cap adds to any metric."""
    used = {name for metric in METRICS.values() for name in metric.attributes}
    used |= {name for span in SPANS for name in (*span.attributes, *span.event_attributes, *span.link_attributes)} | {
        "otel.metric.overflow"
    }
    assert used == set(ATTRIBUTES)


def test_exported_bounds_are_edges_of_the_kernels_buckets() -> None:
    """Only then is no operation counted in a wrong bucket."""
    edges = {bound for index in range(109) if (bound := bucket_bound_ns(index))}
    assert set() == set(BLOCK_BOUNDS_NS) - edges
    assert sorted(set(BLOCK_BOUNDS_NS)) == list(BLOCK_BOUNDS_NS)


def test_every_reason_for_a_loss_is_explained() -> None:
    """In the description of the metric that counts them; a span over the rate has a metric of its own."""
    said = METRICS["otelchan.event.lost"].description
    assert [] == [
        loss.name.lower() for loss in Loss if loss is not Loss.SAMPLED and f"`{loss.name.lower()}`" not in said
    ]


def test_the_reference_names_every_series() -> None:
    """Also the three of a histogram, with the label that its buckets have."""
    table = markdown().split("## Names in Prometheus")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    named = [row[0].strip("| `") for row in rows]
    assert [name for metric in METRICS.values() for name in prometheus_series(metric)] == named
    assert {row[0].strip("| `") for row in rows if "`le`" in row[3]} == {n for n in named if n.endswith("_bucket")}


def test_the_reference_is_what_the_catalogue_says() -> None:
    """docs/metrics.md is generated; `python -m otelchan.telemetry.catalogue > docs/metrics.md` brings it up to date."""
    assert markdown() == (ROOT / "docs" / "metrics.md").read_text()
