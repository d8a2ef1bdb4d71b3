"""What happens when the endpoint or the program goes away: nothing is lost in silence, and nothing stays for ever."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import eventually
from tests.support.agent import agent
from tests.support.programs import free_ports
from tests.support.shop import shop
from tests.support.stack import Stack, collector


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_endpoint_that_refuses_is_said_once_and_recovered_from(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path, protocol: str
) -> None:
    """The agent keeps running while nobody listens, counts what was lost, and totals catch up when somebody does."""
    service = f"late-{uuid.uuid4().hex[:8]}"
    (port,) = free_ports(1)
    http_port, grpc_port = (None, port) if protocol == "grpc" else (port, None)
    to = ("--endpoint", f"http://127.0.0.1:{port}")
    env = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    with (
        shop(workload("shop", go="1.27.3"), env={"OTEL_SERVICE_NAME": service}) as program,
        agent(tmp_path / "log", program.pid, "--interval", 1, *to, env=env) as running,
    ):
        running.wait_attached()
        program.go()
        running.wait_for(r"refused")
        time.sleep(4)
        assert running.process.poll() is None
        assert len([line for line in running.log.splitlines() if "refused" in line]) == 1, running.log
        back_ends = (stack.prometheus.otlp, stack.jaeger.grpc)
        with collector(tmp_path, *back_ends, http_port=http_port, grpc_port=grpc_port, name="late-collector") as late:
            assert (late.grpc if protocol == "grpc" else late.http).endswith(f":{port}")
            running.wait_for(r"again|recovered")
            truth = program.report()["channels"]
            place, orders = next((place, t) for place, t in truth.items() if t["role"] == "unbuffered")
            query = (
                f'channel_process_total{{job="{service}",channel_name=~".* {place}",channel_operation="send",'
                f'channel_status="ok"}}'
            )
            eventually(lambda: [value for _, value in stack.prometheus.query(query)] == [orders["sends"]])
            failed = 'sum(otelchan_export_failed_total{job="otelchan"})'
            eventually(lambda: (stack.prometheus.query(failed) or [({}, 0)])[0][1] > 0)


def test_a_program_that_ends_leaves_its_last_values_and_then_no_series(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Its counters are exported to the last operation; then its series vanish at once, not after five minutes."""
    service = f"ends-{uuid.uuid4().hex[:8]}"
    with (
        shop(workload("shop", go="1.27.3"), env={"OTEL_SERVICE_NAME": service}) as program,
        agent(tmp_path / "log", program.pid, "--interval", 1, "--endpoint", stack.collector.http) as running,
    ):
        running.wait_attached()
        program.go()
        truth = program.report()["channels"]
        program.end()
        assert running.process.wait(30) == 0
    query = f'channel_process_total{{job="{service}",channel_status="ok"}}'
    eventually(lambda: stack.prometheus.query(query) == [], timeout=20)
    history = stack.prometheus.samples(query, 120)
    last = {
        (labels["channel_name"].split()[-1], labels["channel_operation"]): points[-1][1] for labels, points in history
    }
    expected = {(place, "send"): float(t["sends"]) for place, t in truth.items()}
    expected |= {(place, "recv"): float(t["recvs"]) for place, t in truth.items()}
    assert {key: last.get(key) for key in expected} == expected, f"seed {program.seed}"
    assert "every watched program has ended" in running.log


def test_the_same_data_is_written_to_a_file(workload: Callable[..., Path], tmp_path: Path) -> None:
    """With --otlp-file and no endpoint each line is one OTLP JSON document, with the exact counts in the last ones."""
    path = tmp_path / "otlp.jsonl"
    with (
        shop(workload("shop", go="1.26.8")) as program,
        agent(tmp_path / "log", program.pid, "--interval", 1, "--otlp-file", path) as running,
    ):
        running.wait_attached()
        program.go()
        truth = program.report()["channels"]
        running.stop()
    sent: dict[tuple[str, str], int] = {}
    spans = []
    for line in path.read_text().splitlines():
        document = json.loads(line)
        assert len(document) == 1
        for resource in document.get("resourceMetrics", []):
            for metric in (m for scope in resource["scopeMetrics"] for m in scope["metrics"]):
                if metric["name"] == "channel.process":
                    for point in metric["sum"]["dataPoints"]:
                        labels = {a["key"]: a["value"]["stringValue"] for a in point["attributes"]}
                        if labels["channel.status"] == "ok":
                            place = labels["channel.name"].split()[-1]
                            sent[place, labels["channel.operation"]] = int(point["asInt"])
        for resource in document.get("resourceSpans", []):
            spans += [span for scope in resource["scopeSpans"] for span in scope["spans"]]
    expected = {(place, "send"): t["sends"] for place, t in truth.items()}
    expected |= {(place, "recv"): t["recvs"] for place, t in truth.items()}
    assert {key: sent.get(key) for key in expected} == expected, f"seed {program.seed}"
    assert spans
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans)


def test_an_executable_is_watched_by_its_path_also_when_it_starts_later(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """--exe takes what runs now and what is started while the agent runs."""
    binary = workload("shop", go="1.27.3")
    path = tmp_path / "otlp.jsonl"
    with (
        shop(binary) as early,
        agent(tmp_path / "log", "--exe", binary, "--interval", 1, "--otlp-file", path) as running,
    ):
        running.wait_attached()
        with shop(binary) as late:
            running.wait_attached(2)
            assert f"pid {early.pid}: all planes" in running.log
            assert f"pid {late.pid}: all planes" in running.log
