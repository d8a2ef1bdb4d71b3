"""Which cases go into which file of tests."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.generator.alerts import cases_agent, cases_collector, cases_findings, cases_objectives
from dashboards.generator.alerts.cases import file


def test_files() -> Mapping[str, str]:
    """Text by path under dashboards/alerts/."""
    texts = {
        "otelchan-findings": file("otelchan-findings", cases_findings.cases()),
        "otelchan-agent": file("otelchan-agent", cases_agent.cases()),
        "otelchan-collector": file("otelchan-collector", cases_collector.cases()),
        "otelchan-objectives": file("otelchan-objectives", cases_objectives.cases(), tuple(cases_objectives.values())),
    }
    return {f"tests/{name}.test.yaml": text for name, text in texts.items()}
