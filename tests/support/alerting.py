"""A real Prometheus with the alert rules, shortened, behind the real gateway, and the alerts that it has."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlparse

import requests
import yaml

from dashboards.generator.alerts.__main__ import write
from dashboards.generator.parameters import Parameters
from tests.support import eventually
from tests.support.jaeger import Jaeger
from tests.support.programs import free_ports
from tests.support.stack import CONFIGS, Collector, Prometheus, jaeger, prometheus, run_collector

SPEED = 20
"""All durations in the rules are divided by this: an hour is three minutes, and an agent is down after nine seconds."""


class Fired(NamedTuple):
    """One alert of Prometheus."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Alerting(NamedTuple):
    """All that runs."""

    prometheus: Prometheus
    jaeger: Jaeger
    collector: Collector

    def alerts(self, state: str = "firing") -> list[Fired]:
        """Those that fire now, or are pending."""
        answer = requests.get(f"{self.prometheus.url}/api/v1/alerts", timeout=30).json()
        assert answer["status"] == "success", answer
        every = (
            Fired(each["labels"]["alertname"], each["state"], each["labels"], each["annotations"])
            for each in answer["data"]["alerts"]
        )
        return [alert for alert in every if alert.state == state]

    def wait_for(self, name: str, timeout: float = 90, **labels: str) -> Fired:
        """The alert with these labels, once it fires."""

        def one() -> Fired:
            firing = self.alerts()
            found = [a for a in firing if a.name == name and labels.items() <= a.labels.items()]
            assert len(found) == 1, f"{name} {labels}: {found}; firing are {sorted(a.name for a in firing)}"
            return found[0]

        return eventually(one, timeout)

    def instance(self, pid: int) -> str:
        """The service.instance.id of an observed process, once Prometheus knows it."""

        def known() -> str:
            of_pid = f'target_info{{process_pid="{pid}", telemetry_distro_name="otelchan"}}'
            (found,) = {labels["instance"] for labels, _ in self.prometheus.query(of_pid)}
            return found

        def asked() -> str:
            with contextlib.suppress(ValueError):
                return known()
            return ""

        return eventually(asked, 60)

    def broken_rules(self) -> list[str]:
        """Rules that could not be evaluated, or templates that could not be filled in, in Prometheus's words."""
        groups = requests.get(f"{self.prometheus.url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        return [f"{r['name']}: {r.get('lastError')}" for g in groups for r in g["rules"] if r["health"] == "err"] + [
            f"{alert.name}: {text}"
            for alert in self.alerts()
            for text in alert.annotations.values()
            if "error expanding template" in text or "<no value>" in text or "{{" in text
        ]


@contextlib.contextmanager
def alerting(folder: Path, **settings: str) -> Iterator[Alerting]:
    """Prometheus with the rules and the gateway's own metrics, Jaeger, and gateway.yaml. settings: as SLOW_MS="100"."""
    (port,) = free_ports(1)
    gateway = {"STORAGE": str(folder / "queues"), "DECISION_WAIT": "1s", "SPAN_METRICS_INTERVAL": "1s", **settings}
    with jaeger(folder) as traces:
        ends = {
            "PROMETHEUS_OTLP_ENDPOINT": f"http://127.0.0.1:{port}/api/v1/otlp",
            "TEMPO_OTLP_ENDPOINT": traces.grpc,
            **{f"OTELCHAN_GATEWAY_{name}": value for name, value in gateway.items()},
        }
        with run_collector(folder, "gateway.yaml", ends, name="gateway") as entry:
            config = _config(folder, entry)
            with prometheus(folder, port, config) as metrics:
                yield Alerting(metrics, traces, entry)


def _config(folder: Path, entry: Collector) -> Path:
    """The shipped prometheus.yaml with what docs/alerts.md says to add."""
    rules = folder / "rules"
    write(rules, Parameters(speed=SPEED))
    config: dict[str, Any] = yaml.safe_load((CONFIGS / "prometheus.yaml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(rules / "*.yaml")]
    config["scrape_configs"] = [
        {
            "job_name": "otelcol",
            "scrape_interval": "1s",
            "static_configs": [{"targets": [urlparse(entry.metrics_url).netloc]}],
        }
    ]
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def query_behind(link: str) -> str:
    """The TraceQL query that a link to Grafana's Explore carries, as Grafana reads it."""
    (panes,) = parse_qs(urlparse(link).query)["panes"]
    (pane,) = json.loads(panes).values()
    (query,) = pane["queries"]
    assert query["queryType"] == "traceql"
    text = query["query"]
    assert isinstance(text, str)
    return text


def variables_behind(link: str) -> dict[str, str]:
    """The variables that a link to a dashboard fills, by name."""
    given = parse_qs(urlparse(link).query, strict_parsing=True)
    return {name.removeprefix("var-"): value for name, (value,) in given.items() if name.startswith("var-")}
