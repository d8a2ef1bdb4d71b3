"""OTLP JSON lines, read back by the rules of the OTLP File format."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from otelchan.errors import UsageError
from otelchan.telemetry.batches import MetricBatch, SpanBatch, metrics_request, traces_request
from otelchan.telemetry.encode import live_metrics
from otelchan.telemetry.otlpfile import ITEMS_KEPT, FileSink, json_line
from otelchan.telemetry.own import AgentMetrics
from otelchan.telemetry.points import Exemplar, HistogramValue, Point
from otelchan.telemetry.resource import resource_message
from otelchan.telemetry.spans import block_span
from tests.support.snapshots import ATTACHED, NOW, attributes, by_name, data_points
from tests.support.snapshots import block_span as model_span

RESOURCE = resource_message({"service.name": "shop", "process.pid": 4242})
NAME = (("channel.name", "main.wörk main.go:41"),)


def metric_batch() -> MetricBatch:
    """A counter and a histogram with an exemplar."""
    points = [
        Point("channel.process", NAME, 1009, ATTACHED),
        Point(
            "channel.block.duration",
            NAME,
            HistogramValue((1,) * 17, 0.5),
            ATTACHED,
            (Exemplar(0.25, NOW, b"\xab" * 16, b"\xcd" * 8),),
        ),
    ]
    return MetricBatch("shop", RESOURCE, NOW, (live_metrics(RESOURCE, points, NOW),), 2)


def span_batch() -> SpanBatch:
    """One span with a link."""
    return SpanBatch("shop", RESOURCE, (block_span(model_span(), exemplar=True),))


def in_base64(value: Any) -> Any:
    """Ids back to what protobuf's own JSON reader wants."""
    if isinstance(value, list):
        return [in_base64(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ("traceId", "spanId") else in_base64(item)
            for key, item in value.items()
        }
    return value


def written(path: Path, *batches: MetricBatch | SpanBatch) -> AgentMetrics:
    """Write batches to a file and close it."""
    sink, own = FileSink(str(path)), AgentMetrics()
    sink.start(own)
    for batch in batches:
        (sink.offer_metrics if isinstance(batch, MetricBatch) else sink.offer_spans)(batch)  # type: ignore[arg-type]
    assert sink.close(5.0)
    return own


def test_a_line_has_the_form_of_otlp_json() -> None:
    """Keys in lowerCamelCase, 64-bit integers as strings, enums as integers, ids in hexadecimal, UTF-8 as it is."""
    line = json_line(metrics_request([metric_batch()]))
    document = json.loads(line)
    (resource,) = document["resourceMetrics"]
    histogram, counter = resource["scopeMetrics"][0]["metrics"]
    (point,) = counter["sum"]["dataPoints"]
    assert ["resourceMetrics"] == list(document)
    assert ("1009", str(ATTACHED), str(NOW)) == (point["asInt"], point["startTimeUnixNano"], point["timeUnixNano"])
    assert (2, True) == (counter["sum"]["aggregationTemporality"], counter["sum"]["isMonotonic"])
    (blocks,) = histogram["histogram"]["dataPoints"]
    assert ("17", ["1"] * 17, 0.5) == (blocks["count"], blocks["bucketCounts"], blocks["sum"])
    assert ("ab" * 16, "cd" * 8) == (blocks["exemplars"][0]["traceId"], blocks["exemplars"][0]["spanId"])
    assert {"key": "process.pid", "value": {"intValue": "4242"}} in resource["resource"]["attributes"]
    assert "main.wörk".encode() in line
    assert (b"\n", 1) == (line[-1:], line.count(b"\n"))


def test_a_span_line_has_hexadecimal_ids_in_links_too() -> None:
    """Span kind and status are numbers."""
    (span,) = json.loads(json_line(traces_request([span_batch()])))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (bytes(range(16)).hex(), bytes(range(8)).hex(), 1) == (span["traceId"], span["spanId"], span["kind"])
    assert ("01" * 16, "02" * 8) == (span["links"][0]["traceId"], span["links"][0]["spanId"])


def test_lines_hold_everything_that_the_network_gets() -> None:
    """Read by protobuf's own JSON reader they are the same messages."""
    metrics, traces = metrics_request([metric_batch()]), traces_request([span_batch()])
    read = ParseDict(in_base64(json.loads(json_line(metrics))), MetricsData())
    assert list(metrics.resource_metrics) == list(read.resource_metrics)
    read_traces = ParseDict(in_base64(json.loads(json_line(traces))), TracesData())
    assert list(traces.resource_spans) == list(read_traces.resource_spans)


def test_a_file_gets_a_line_for_each_batch(tmp_path: Path) -> None:
    """In order; what was in the file before stays."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(b'{"before":1}\n')
    own = written(path, metric_batch(), span_batch(), metric_batch())
    keys = [next(iter(json.loads(line))) for line in path.read_text().splitlines()]
    assert ["before", "resourceMetrics", "resourceSpans", "resourceMetrics"] == keys
    (live,) = own.collect()
    sent = {attributes(p)["otelchan.signal"]: p.as_int for p in data_points(by_name(live)["otelchan.export.sent"])}
    assert {"metrics": 4, "traces": 1} == sent


def test_a_path_with_signal_in_it_is_a_file_for_each_kind(tmp_path: Path) -> None:
    """The OTLP File format wants one kind of data per file."""
    written(tmp_path / "out-{signal}.jsonl", metric_batch(), span_batch())
    assert {"out-metrics.jsonl": "resourceMetrics", "out-traces.jsonl": "resourceSpans"} == {
        path.name: next(iter(json.loads(path.read_text()))) for path in tmp_path.iterdir()
    }


def test_a_path_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    """With the path, the reason and what to do."""
    with pytest.raises(
        UsageError, match=r"cannot write telemetry to .*/no/out\.jsonl: No such file or directory; give"
    ):
        FileSink(str(tmp_path / "no" / "out.jsonl")).start(AgentMetrics())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk")
def test_a_full_disk_is_said_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The agent goes on."""
    own = written(Path("/dev/full"), metric_batch(), metric_batch(), span_batch())
    (live,) = own.collect()
    failed = data_points(by_name(live)["otelchan.export.failed"])
    assert {"metrics": 4, "traces": 1} == {attributes(p)["otelchan.signal"]: p.as_int for p in failed}
    assert {"file"} == {attributes(p)["otelchan.reason"] for p in failed}
    assert ["cannot deliver telemetry to /dev/full"] == [r.getMessage().split(" (")[0] for r in caplog.records]


def test_a_pipe_that_nobody_reads_does_not_hold_up_the_agent(tmp_path: Path) -> None:
    """Lines wait in the thread; what cannot be written by the deadline is given up."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = FileSink(str(pipe))
    sink.start(AgentMetrics())
    large = SpanBatch("shop", RESOURCE, tuple(Span(name="x" * 1000) for _ in range(200)))
    for _ in range(50):
        sink.offer_spans(large)
    assert not sink.close(0.2)
    os.close(reader)


def test_what_waits_for_a_pipe_is_bounded_by_what_is_in_it(tmp_path: Path) -> None:
    """However many series there are: the oldest lines go first, and are counted."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink, own = FileSink(str(pipe)), AgentMetrics()
    sink.start(own)
    large = SpanBatch("shop", RESOURCE, tuple(Span(name="x" * 100) for _ in range(ITEMS_KEPT // 4)))
    for _ in range(20):
        sink.offer_spans(large)
    (live,) = own.collect()
    (point,) = data_points(by_name(live)["otelchan.export.failed"])
    os.close(reader)
    sink.close(0.0)
    assert {"otelchan.signal": "traces", "otelchan.reason": "overflow"} == attributes(point)
    # Four of them may wait, and one may be on its way into the pipe.
    assert point.as_int // large.items in (15, 16)
