"""dashboards/provisioning/: what Grafana makes of it, held against the dashboards, the alerts and what is emitted."""

from __future__ import annotations

import re

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from dashboards.generator.grafana.variables import PROMETHEUS_SOURCE, TEMPO_SOURCE
from dashboards.generator.parameters import Parameters
from otelchan.config.settings import Config
from otelchan.telemetry.catalogue import ATTRIBUTES
from otelchan.telemetry.signals import prometheus_label
from tests.support.compose import DEPLOY, PROVISIONING, Json, compose, load, provisioned, unexplained
from tests.support.emitted import DETERMINED, series
from tests.support.labels import read

ENVIRONMENT = {"PROMETHEUS_URL": "http://p:9090", "TEMPO_URL": "http://t:3200"}
PROMETHEUS, TEMPO = provisioned("datasources", ENVIRONMENT)["datasources"]
SERIES = series()
"""Labels by name."""
PROMETHEUS_LABELS = {"service.name": "job", "service.instance.id": "instance"}
"""What Prometheus makes of these two attributes of a Resource; of all others it makes labels of the same name."""


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"(\d+)(s|m|h)", duration)
    assert found, duration
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_every_line_says_what_it_is_for(kind: str) -> None:
    """As in collector-config/."""
    assert [] == unexplained(PROVISIONING / kind / "otelchan.yaml")


def test_there_is_a_data_source_of_each_kind_that_dashboards_ask() -> None:
    """What their variables `datasource` and `tempo` look for."""
    assert [PROMETHEUS_SOURCE["query"], TEMPO_SOURCE["query"]] == [PROMETHEUS["type"], TEMPO["type"]]


def test_links_of_alerts_lead_to_this_tempo() -> None:
    """By its uid, which the shipped rules have in them."""
    assert Parameters().tempo == TEMPO["uid"]


def test_addresses_come_from_the_environment() -> None:
    """Two variables, which the file explains at its beginning and compose.yaml sets."""
    assert ("http://p:9090", "http://t:3200") == (PROMETHEUS["url"], TEMPO["url"])
    text = (PROVISIONING / "datasources" / "otelchan.yaml").read_text(encoding="utf-8")
    head = "".join(line for line in text.splitlines() if line.startswith("#"))
    assert [] == [name for name in ENVIRONMENT if f"{name}=http://127.0.0.1:" not in head]
    assert set(ENVIRONMENT) <= set(compose()["services"]["grafana"]["environment"])


def test_nothing_else_is_taken_for_a_variable() -> None:
    """With an empty environment the two addresses are empty, and nothing else has changed: each $ for Grafana's own use
    is written twice."""
    empty: Json = {"datasources": provisioned("datasources", {})["datasources"]}
    for source in empty["datasources"]:
        assert "" == source.pop("url")
    assert [{k: v for k, v in each.items() if k != "url"} for each in (PROMETHEUS, TEMPO)] == empty["datasources"]
    assert "${__value.raw}" in PROMETHEUS["jsonData"]["exemplarTraceIdDestinations"][0]["urlDisplayLabel"]


def test_exemplars_lead_to_the_trace() -> None:
    """Their label is what Prometheus makes of an exemplar's trace_id (its otlptranslator 1.0, ExemplarTraceIDKey);
    tests/e2e/test_exemplars.py finds it there."""
    (destination,) = PROMETHEUS["jsonData"]["exemplarTraceIdDestinations"]
    assert TEMPO["uid"] == destination["datasourceUid"]
    assert destination["name"] in Exemplar.DESCRIPTOR.fields_by_name
    assert "trace_id" == destination["name"]


def test_rates_have_four_points_at_least() -> None:
    """$__rate_interval is four times timeInterval, so neither exports nor scrapes may be farther apart than that."""
    interval = _seconds(PROMETHEUS["jsonData"]["timeInterval"])
    assert Config().interval_s <= interval
    assert _seconds(load(DEPLOY / "prometheus.yaml")["global"]["scrape_interval"]) <= interval


def test_spans_lead_to_metrics_of_their_channel() -> None:
    """Each tag is an attribute that spans of blocks have, and the label that Prometheus makes of it."""
    settings = TEMPO["jsonData"]["tracesToMetrics"]
    assert PROMETHEUS["uid"] == settings["datasourceUid"]
    tags = {tag["key"]: tag["value"] for tag in settings["tags"]}
    assert tags == {key: PROMETHEUS_LABELS.get(key, prometheus_label(key)) for key in tags}
    assert set(tags) - set(PROMETHEUS_LABELS) <= set(ATTRIBUTES)
    assert TEMPO["jsonData"]["spanBar"]["tag"] in ATTRIBUTES


def test_metrics_behind_a_span_exist_and_have_its_labels() -> None:
    """$__tags becomes matchers on all three labels; a metric without one of them would find nothing."""
    settings = TEMPO["jsonData"]["tracesToMetrics"]
    tags = ", ".join(f'{tag["value"]}="x"' for tag in settings["tags"])
    assert len({query["name"] for query in settings["queries"]}) == len(settings["queries"]) == 7
    for query in settings["queries"]:
        assert 1 == query["query"].count("{$__tags}"), query
        assert [] == read(query["query"].replace("$__tags", tags), SERIES, DETERMINED)[1], query


def test_a_metric_that_nobody_has_is_found() -> None:
    """The check above can fail."""
    assert read('channel_lagg{channel_name="x"}', SERIES, DETERMINED)[1]
    assert read('goroutine_blocked{channel_name="x"}', SERIES, DETERMINED)[1]


def test_there_is_one_folder_that_only_files_decide_about() -> None:
    """Changes in the browser would be lost at the next update, so Grafana offers none."""
    (provider,) = provisioned("dashboards", {})["providers"]
    assert ("file", False, "otelchan") == (provider["type"], provider["allowUiUpdates"], provider["folderUid"])
