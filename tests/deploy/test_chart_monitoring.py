"""What the chart has for Prometheus and Grafana: the alerts and dashboards of dashboards/, in the operator's words."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from scripts import chart
from tests.support.chart import custom_faults, one, rendered
from tests.support.chart_rules import faults

Json = dict[str, Any]
MIB = 1 << 20


def _of(kind: str) -> list[Json]:
    return [each for each in rendered("everything") if each["kind"] == kind]


def test_nothing_of_it_is_there_unless_asked_for() -> None:
    """A cluster without the Prometheus operator would refuse its kinds."""
    kinds = [each["kind"] for each in rendered("node-collector")]
    assert [] == [kind for kind in kinds if kind in ("ServiceMonitor", "PrometheusRule", "Service", "NetworkPolicy")]
    assert 2 == kinds.count("ConfigMap")


def test_the_prometheus_operator_takes_the_objects() -> None:
    """By its own definitions (v0.85.0), unknown fields refused."""
    objects = _of("PrometheusRule") + _of("ServiceMonitor")
    assert 5 == len(objects)
    assert [] == [fault for each in objects for fault in custom_faults(each)]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("PrometheusRule", lambda spec: spec["groups"][0]["rules"][0].update(expresion="up")),
        ("PrometheusRule", lambda spec: spec["groups"][0].update(interval="soon")),
        ("ServiceMonitor", lambda spec: spec["endpoints"][0].update(intervall="15s")),
        ("ServiceMonitor", lambda spec: spec.pop("selector")),
    ],
)
def test_a_wrong_object_is_found(kind: str, change: Callable[[Json], object]) -> None:
    """The check above can fail."""
    wrong = copy.deepcopy(_of(kind)[0])
    change(wrong["spec"])
    assert custom_faults(wrong)


def test_the_rules_are_the_shipped_ones() -> None:
    """Every group of every file, with Prometheus's own templates untouched by Helm's; links lead to that Grafana."""
    mine = {each["metadata"]["name"].removeprefix("watcher-"): each["spec"] for each in _of("PrometheusRule")}
    files = (chart.REPO / "dashboards/alerts").glob("*.yaml")
    texts = {path.stem.removeprefix("otelchan-"): path.read_text(encoding="utf-8") for path in files}
    assert "http://127.0.0.1:3000/d/" in texts["agent"]
    here = "https://grafana.example.com/"
    theirs = {name: yaml.safe_load(text.replace("http://127.0.0.1:3000/", here)) for name, text in texts.items()}
    assert theirs == mine
    assert "{{ $value | humanize }}" in json.dumps(mine)
    assert {"prometheus"} == {each["metadata"]["labels"]["release"] for each in _of("PrometheusRule")}


def test_the_dashboards_are_the_shipped_ones() -> None:
    """A ConfigMap each, that Kubernetes takes (1 MiB) and kubectl too (256 KiB with its annotation)."""
    maps = [each for each in _of("ConfigMap") if "-dashboard-" in each["metadata"]["name"]]
    mine = {name: json.loads(text) for each in maps for name, text in each["data"].items()}
    files = (chart.REPO / "dashboards").glob("*.json")
    assert {f"otelchan-{path.name}": json.loads(path.read_text(encoding="utf-8")) for path in files} == mine
    assert [] == [each["metadata"]["name"] for each in maps if len(json.dumps(each)) > MIB // 4]
    assert [{"grafana_dashboard": "1"}.items() <= each["metadata"]["labels"].items() for each in maps] == [True] * len(
        maps
    )


def test_a_release_fits_into_what_helm_keeps_of_it() -> None:
    """Helm writes chart and objects, compressed, into one Secret: 1 MiB at most. Here with every option."""
    files = [path.read_bytes() for path in chart.CHART.rglob("*") if path.is_file()]
    objects = chart.render(chart.ci_values("everything")).encode()
    kept = base64.b64encode(gzip.compress(b"".join(base64.b64encode(each) for each in files) + objects))
    assert len(kept) < MIB * 3 // 4


def test_the_monitor_finds_the_service_and_the_service_the_pods() -> None:
    """By labels and names of ports; under a job of its own, because the same metrics come by OTLP as "otelchan"."""
    objects = rendered("everything")
    monitor, service, daemons = (one(objects, kind) for kind in ("ServiceMonitor", "Service", "DaemonSet"))
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert "otelchan-status" == service["metadata"]["labels"][monitor["spec"]["jobLabel"]]
    template = daemons["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    ports = {port["name"] for each in template["spec"]["containers"] for port in each["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert {"status", "metrics"} == {each["port"] for each in monitor["spec"]["endpoints"]}
    assert {"status", "metrics"} == {port["name"] for port in service["spec"]["ports"]}
    assert ["otelcol"] == [each["replacement"] for each in monitor["spec"]["endpoints"][1]["relabelings"]]


def test_a_network_policy_lets_in_who_is_named() -> None:
    """And nobody when nobody is; the pods are those of the DaemonSet."""
    policy = one(rendered("everything"), "NetworkPolicy")["spec"]
    daemons = one(rendered("everything"), "DaemonSet")
    assert policy["podSelector"]["matchLabels"] == daemons["spec"]["selector"]["matchLabels"]
    assert ["monitoring"] == [
        each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in policy["ingress"][0]["from"]
    ]
    closed = one(rendered("node", "networkPolicy.enabled=true"), "NetworkPolicy")["spec"]
    assert (["Ingress"], None) == (closed["policyTypes"], closed.get("ingress"))


def test_two_releases_do_not_share_names_of_the_cluster() -> None:
    """ClusterRole and PriorityClass have the namespace in their names."""
    names = {each["metadata"]["name"] for each in rendered("node-collector") if "namespace" not in each["metadata"]}
    assert {"otelchan-otelchan", "otelchan-otelchan-collector"} == names
    assert [] == faults(rendered("node", "fullnameOverride=second"))
