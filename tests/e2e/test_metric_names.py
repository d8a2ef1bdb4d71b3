"""docs/metrics.md against a real Prometheus: every series of a watched program is there, with its name and its labels.
(Those of the agent: test_self_telemetry.py and test_status.py.)
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.signals import Owner, prometheus_label, prometheus_series
from tests.support import eventually
from tests.support.agent import agent
from tests.support.faults import fault, places
from tests.support.gobuild import build
from tests.support.paced import paced
from tests.support.stack import Stack

PROGRAMS = ("F1-abandoned", "F4", "F5", "F6", "F11")
"""They block, leak, read after a close, panic, leave something in a closed channel, and break an objective."""
TOO_QUICK = "pace 200 0"
"""What another one does each millisecond: 400,000 operations a second, which the budget has estimated."""
CONFIG = """
objectives:
  - channel: "{}"
    operation: recv
    objective_ms: 500
    short_window_s: 10
    long_window_s: 30
"""
EVERYWHERE = {"job", "instance", "host_name"}  # host_name: promoted by collector-config/prometheus.yaml


def test_every_series_of_a_program_has_the_name_and_the_labels_that_are_documented(
    stack: Stack, tmp_path: Path
) -> None:
    """All of them and no others; a label is there at least once, as Prometheus leaves out what is empty."""
    documented = {
        series: {prometheus_label(name) for name in metric.attributes}
        | ({"le"} if series.endswith("_bucket") else set())
        for metric in METRICS.values()
        if metric.owner is Owner.TARGET
        for series in prometheus_series(metric)
    }
    (tmp_path / "config.yaml").write_text(CONFIG.format(places()["F11 made"]))
    with ExitStack() as running:
        programs = [running.enter_context(fault(name, "bad")) for name in PROGRAMS]
        quick = running.enter_context(paced(build("paced", go="1.27.3")))
        flags = ("--interval", 1, "--config", tmp_path / "config.yaml", "--endpoint", stack.collector.http)
        watched = (*(each.pid for each in programs), quick.pid)
        watching = running.enter_context(agent(tmp_path / "log", *watched, *flags))
        watching.wait_attached(len(watched))
        for each in programs:
            each.go()
        quick.ask(TOO_QUICK)
        pids = "|".join(map(str, watched))

        def instances() -> str:
            found = stack.prometheus.query(f'target_info{{process_pid=~"{pids}", process_runtime_name="go"}}')
            assert len(watched) == len(found)
            return "|".join(labels["instance"] for labels, _ in found)

        its = f'instance=~"{eventually(instances)}"'

        def all_there() -> bool:
            assert set(documented) | {"target_info"} == stack.prometheus.names(f"{{{its}}}")
            return True

        eventually(all_there, 60)

        def labels_of(series: str) -> set[str]:
            return {
                name
                for labels, _ in stack.prometheus.query(f"last_over_time({series}{{{its}}}[5m])")
                for name in labels
            }

        labels = {series: labels_of(series) - EVERYWHERE for series in documented}
    assert documented == labels
