"""SIGHUP: a running agent reads its configuration again, and what changed there shows in what it does."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import eventually
from tests.support.agent import Agent, agent
from tests.support.hammer import hammer
from tests.support.otlp_server import otlp_server
from tests.support.paced import paced

READ = r"configuration read again from .*: \d+ settings changed"


class Output:
    """The OTLP JSON lines of an agent, those since the last `forget`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._skip = 0

    def forget(self) -> None:
        """What was written so far does not count any more."""
        self._skip = self._path.stat().st_size

    def _resources(self, kind: str) -> Iterator[Any]:
        text = self._path.read_bytes()[self._skip :].decode()
        for line in text.splitlines():
            if line.endswith("}"):
                yield from json.loads(line).get(kind, [])

    def metrics(self, name: str) -> list[list[Any]]:
        """The points of a metric, by export."""
        scopes = [scope for resource in self._resources("resourceMetrics") for scope in resource["scopeMetrics"]]
        found = [metric for scope in scopes for metric in scope["metrics"] if metric["name"] == name]
        return [metric.get("gauge", metric.get("sum", {})).get("dataPoints", []) for metric in found]

    def spans(self) -> list[Any]:
        """Spans of blocks, not of findings."""
        scopes = [scope for resource in self._resources("resourceSpans") for scope in resource["scopeSpans"]]
        spans = [span for scope in scopes for span in scope["spans"]]
        return [span for span in spans if "finding.id" not in {a["key"] for a in span["attributes"]}]


@contextmanager
def leaky(binary: Path) -> Iterator[int]:
    """The process id of a program that blocks all the time, mostly for a millisecond, and leaks."""
    with subprocess.Popen([binary], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            yield program.pid
        finally:
            program.kill()


def reload(running: Agent, config: Path, text: str, expected: str = READ) -> None:
    """Write the file anew, send SIGHUP, and wait for the line that says how it went."""
    before = len([line for line in running.log.splitlines() if "onfiguration" in line])
    config.write_text(text)
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: len([line for line in running.log.splitlines() if "onfiguration" in line]) > before)
    running.wait_for(expected)


def test_changed_settings_show_in_what_is_exported(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Interval, span threshold, rate of spans and thresholds of findings, one after the other, in one agent; the
    probes stay as they are."""
    config, out = tmp_path / "otelchan.yaml", Output(tmp_path / "otlp.jsonl")
    quiet = "findings: {leak_suspect_s: 3600, leak_long_s: 7200}\nongoing_span_s: off\n"
    config.write_text(f"interval_s: 600\nspan_threshold_ms: 600000\n{quiet}")
    with (
        leaky(workload("leaky", go="1.27.3")) as pid,
        agent(tmp_path / "log", pid, "--config", config, "--otlp-file", tmp_path / "otlp.jsonl") as running,
    ):
        running.wait_attached()
        trials = running.log.count("on trial")
        assert ([], []) == (out.metrics("go.goroutine.count"), out.spans())

        reload(running, config, f"interval_s: 0.5\nspan_threshold_ms: 600000\n{quiet}")
        assert "configuration: interval_s: 600 -> 0.5" in running.log
        eventually(lambda: len(out.metrics("go.goroutine.count")) > 6, timeout=20)
        assert ([], []) == (out.spans(), out.metrics("otelchan.finding"))

        reload(running, config, f"interval_s: 0.5\nspan_threshold_ms: 0.1\n{quiet}")
        assert "configuration: span_threshold_ms: 600000 -> 0.1" in running.log
        eventually(lambda: len(out.spans()) > 40, timeout=20)
        assert trials == running.log.count("on trial")

        reload(running, config, f"interval_s: 0.5\nspan_threshold_ms: 0.1\nspans_per_second: 0\n{quiet}")
        time.sleep(2)  # what was on its way
        out.forget()
        eventually(lambda: len(out.metrics("go.goroutine.count")) > 4, timeout=20)
        rest = [{attribute["key"] for attribute in span["attributes"]} for span in out.spans()]
        assert [] == [keys for keys in rest if "otelchan.exemplar" not in keys]  # an exemplar has its span all the same

        reload(running, config, "interval_s: 0.5\nfindings: {leak_suspect_s: 1, leak_long_s: 7200}\n")
        assert "configuration: findings.leak_suspect_s: 3600 -> 1" in running.log
        eventually(lambda: any(out.metrics("otelchan.finding")), timeout=30)


def test_a_wrong_file_changes_nothing(workload: Callable[..., Path], tmp_path: Path) -> None:
    """The agent goes on with what it had, and says in one line what is wrong and where; what needs a restart is said
    and left; a right file takes effect afterwards."""
    config, out = tmp_path / "otelchan.yaml", Output(tmp_path / "otlp.jsonl")
    config.write_text("interval_s: 0.5\n")
    with (
        leaky(workload("leaky", go="1.27.3")) as pid,
        agent(tmp_path / "log", pid, "--config", config, "--otlp-file", tmp_path / "otlp.jsonl") as running,
    ):
        running.wait_attached()
        wrong = r"ERROR +the configuration stays as it was: .*otelchan\.yaml:2: unknown setting intervall_s"
        reload(running, config, "interval_s: 600\nintervall_s: 600\n", wrong)
        out.forget()
        eventually(lambda: len(out.metrics("go.goroutine.count")) > 4, timeout=20)

        reload(running, config, "interval_s: 0.5\nattach: perf\n")
        assert "configuration: attach: auto -> perf; restart to apply" in running.log

        reload(running, config, "interval_s: 600\n")
        time.sleep(1)
        out.forget()
        time.sleep(2)
        assert [] == out.metrics("go.goroutine.count")


def test_another_budget_takes_planes_off_and_brings_them_back(workload: Callable[..., Path], tmp_path: Path) -> None:
    """A program that does nothing but channel operations: without a budget all planes stay; with one they go at once;
    without one again they are back, without the pause after which they would have been tried again."""
    config = tmp_path / "otelchan.yaml"
    config.write_text("max_overhead: off\n")
    with (
        hammer(workload("hammer", go="1.27.3")) as program,
        agent(tmp_path / "log", program.pid, "--config", config, "--otlp-file", tmp_path / "otlp.jsonl") as running,
    ):
        running.wait_attached()
        program.ask("run")
        time.sleep(1)
        assert "is detached" not in running.log

        reload(running, config, "max_overhead: 2\n")
        assert "configuration: max_overhead: off -> 2" in running.log
        running.wait_for(r"the operations plane is detached: .* the budget is 2\.0%")
        running.wait_for(r"the waits plane is detached: .* the budget is 2\.0%|needs the waits plane")

        reload(running, config, "max_overhead: off\n", "configuration: max_overhead: 2 -> off")
        running.wait_for(r"all planes are attached", 2, timeout=10)


def test_the_budget_of_the_node_is_kept_by_the_dearest_program(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Two programs, each under its own budget, are over that of the node together: the one that costs more has to do
    with less, and gets it back when there is room."""
    config, binary = tmp_path / "otelchan.yaml", workload("paced", go="1.27.3")
    config.write_text("max_overhead: 100\nmax_overhead_node: off\n")
    with (
        paced(binary) as dear,
        paced(binary) as cheap,
        agent(
            tmp_path / "log", dear.pid, cheap.pid, "--config", config, "--otlp-file", tmp_path / "otlp.jsonl"
        ) as running,
    ):
        running.wait_attached(2)
        dear.ask("pace 20 0")
        cheap.ask("pace 5 0")
        time.sleep(2)
        assert "is detached" not in running.log

        reload(running, config, "max_overhead: 100\nmax_overhead_node: 2\n")
        together = r"the operations plane is detached: probes in all programs cost .* the budget of the node is 2\.0%"
        running.wait_for(rf"pid {dear.pid}: {together}")
        time.sleep(2)
        assert f"pid {cheap.pid}: the" not in running.log

        reload(running, config, "max_overhead: 100\n", "configuration: max_overhead_node: 2 -> 10")
        running.wait_for(rf"pid {dear.pid}: all planes are attached", 2, timeout=10)


def test_telemetry_goes_to_another_endpoint_with_another_token(workload: Callable[..., Path], tmp_path: Path) -> None:
    """From the next request on; the token is in no line of the log."""
    config = tmp_path / "otelchan.yaml"
    with otlp_server() as old, otlp_server() as new, hammer(workload("hammer", go="1.27.3")) as program:
        text = "interval_s: 0.5\notlp: {{endpoint: '{}', headers: {{authorization: {}}}}}\n"
        config.write_text(text.format(old.url, "token-one"))
        with agent(tmp_path / "log", program.pid, "--config", config) as running:
            old.wait_for("/v1/metrics", 2, 60)
            reload(running, config, text.format(new.url, "token-two"))
            new.wait_for("/v1/metrics", 2, 60)
            assert f"configuration: otlp.endpoint: {old.url} -> {new.url}" in running.log
            assert "token" not in running.log
        assert {"token-one"} == {request.headers["authorization"] for request in old.received}
        assert {"token-two"} == {request.headers["authorization"] for request in new.received}


def test_without_a_file_sighup_is_harmless(workload: Callable[..., Path], tmp_path: Path) -> None:
    """One line says that there is nothing to read, and the agent goes on."""
    with (
        hammer(workload("hammer", go="1.27.3")) as program,
        agent(tmp_path / "log", program.pid, "--otlp-file", tmp_path / "otlp.jsonl") as running,
    ):
        running.wait_attached()
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("asked to read the configuration again, but there is no file; start with --config FILE")
        assert running.process.poll() is None
