"""OTLP JSON lines as the agent writes them, from snapshots that a test makes up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelchan.findings.types import Assessment
from otelchan.model.types import Snapshot
from otelchan.telemetry.batches import MetricBatch, SpanBatch, metrics_request, traces_request
from otelchan.telemetry.encode import ended_metrics, live_metrics
from otelchan.telemetry.metrics import metric_points
from otelchan.telemetry.otlpfile import json_line
from otelchan.telemetry.points import Point, Series
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.spans import FindingSpans, block_span

NOTHING = Assessment()
AGENT = {
    "service.name": "otelchan",
    "service.instance.id": "agent-1",
    "service.version": "0.1.0",
    "host.name": "node-1",
}


def program(name: str = "shop", pid: int = 4242) -> Resource:
    """The Resource of an observed process."""
    return resource_message(
        {
            "service.name": name,
            "service.instance.id": f"instance-{pid}",
            "process.pid": pid,
            "process.runtime.version": "go1.27.3",
            "host.name": "node-1",
            "telemetry.distro.name": "otelchan",
            "telemetry.distro.version": "0.1.0",
        }
    )


class Recorder:
    """Writes the lines of one process to a file, look by look."""

    def __init__(self, path: Path, resource: Resource | None = None) -> None:
        self.path = path
        self._resource = resource or program()
        self._series: set[Series] = set()
        self._findings = FindingSpans()

    def look(self, snapshot: Snapshot, assessment: Assessment = NOTHING, last: bool = False) -> None:
        """What the agent exports of it: points, the ends of series, spans. last: the program is let go."""
        self.points(metric_points(snapshot, assessment), snapshot.time_unix_ns)
        spans = [block_span(span, exemplar=False) for span in snapshot.spans]
        spans += self._findings.update(assessment.findings, snapshot.time_unix_ns, last)
        if spans:
            self._write(json_line(traces_request([SpanBatch("source", self._resource, tuple(spans))])))

    def end(self, time_unix_ns: int) -> None:
        """The program has ended: so have all its series and findings."""
        messages = [ended_metrics(self._resource, self._series, time_unix_ns)]
        batch = MetricBatch("source", self._resource, time_unix_ns, tuple(messages), 0)
        self._write(json_line(metrics_request([batch])))
        spans = tuple(self._findings.update((), time_unix_ns, True))
        self._write(json_line(traces_request([SpanBatch("source", self._resource, spans)])))

    def points(self, points: list[Point], time_unix_ns: int) -> None:
        """These, and the ends of what was there before and is not any more."""
        now = {point.series for point in points}
        messages = [live_metrics(self._resource, points, time_unix_ns)]
        if self._series - now:
            messages.append(ended_metrics(self._resource, self._series - now, time_unix_ns))
        self._series = now
        batch = MetricBatch("source", self._resource, time_unix_ns, tuple(messages), len(points))
        self._write(json_line(metrics_request([batch])))

    def _write(self, line: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(line)


def agent(path: Path) -> Recorder:
    """Writes the agent's own metrics."""
    return Recorder(path, resource_message(AGENT))


def without(path: Path, kind: str) -> Path:
    """A copy of a file without its lines of one kind, "resourceMetrics" or "resourceSpans"."""
    other = path.with_name(f"without-{kind}-{path.name}")
    other.write_text("".join(line for line in path.read_text().splitlines(True) if kind not in json.loads(line)))
    return other


def changed(path: Path, change: Any) -> Path:
    """A copy of a file of which `change` has been told each line's document."""
    other = path.with_name(f"changed-{path.name}")
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    for document in documents:
        change(document)
    other.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return other
