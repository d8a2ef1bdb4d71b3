"""`otelchan report` on what the Collector's file exporter wrote, and on a watch that is cut short."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.agent import OTELCHAN, Agent, clean_environment, otelchan
from tests.support.faults import fault
from tests.support.stack import run_collector

WRITES_FILES = (
    "yaml:exporters::file::path: {}",
    "yaml:service::pipelines::metrics::exporters: [file]",
    "yaml:service::pipelines::traces::exporters: [file]",
)


def findings_of(page: Path) -> str:
    """The first part of a page, as text without tags."""
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8").partition("<h3>Goroutines")[0])


def test_what_the_collector_wrote_to_a_file_becomes_a_page(tmp_path: Path) -> None:
    """otelchan sends to the real Collector, whose file exporter writes metrics and spans: the page has the finding."""
    written = tmp_path / "collected.jsonl"
    overlays = [overlay.format(written) for overlay in WRITES_FILES]
    with run_collector(tmp_path, "standalone.yaml", {}, overlays=overlays) as collector, fault("F9", "bad") as program:
        program.go()
        ran = otelchan("run", program.pid, "--interval", 1, "--duration", 15, "--endpoint", collector.http)
        assert 0 == ran.returncode, ran.stderr
    done = otelchan("report", written, "-o", tmp_path / "page.html")
    assert 0 == done.returncode, done.stderr
    assert "F9" in findings_of(tmp_path / "page.html")
    assert "1 program, " in done.stdout


def test_ctrl_c_ends_the_watch_and_writes_the_page(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Whoever has seen enough does not lose it."""
    page, log = tmp_path / "page.html", tmp_path / "report.log"
    with subprocess.Popen([workload("leaky")], stdout=subprocess.DEVNULL) as program, log.open("w") as stderr:
        command = (OTELCHAN, "report", program.pid, "--duration", 500, "--log-level", "info", "-o", page)
        with subprocess.Popen(
            [str(word) for word in command], stderr=stderr, text=True, env=clean_environment()
        ) as report:
            Agent(report, log).wait_attached()
            report.send_signal(signal.SIGINT)
            assert 0 == report.wait(60)
        program.kill()
    assert "Ctrl-C ends that now and writes the page" in log.read_text()
    assert "example.com/leaky" in page.read_text(encoding="utf-8")
