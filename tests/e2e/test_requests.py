"""From a request's trace to the channel that held it up, and back: with the OpenTelemetry SDK for Go and an integration
that people use, everything through one Collector into one store.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import eventually
from tests.support.agent import agent, clean_environment
from tests.support.jaeger import Reference, Span
from tests.support.stack import Stack

REQUESTS = 3
SLOW_MS = 1500
HELD_UP = "main.(*shop).await"
FOR_NOBODY = "main.idle"


def spans_in(spans: list[Span], function: str) -> list[Span]:
    """Those of blocks in that function."""
    return [span for span in spans if span.tags.get("code.function.name") == function]


def check_request(stack: Stack, service: str, request: dict[str, Any]) -> None:
    """By its trace id the block is found, also while it went on; by their links the request's span."""
    tags = {"otelchan.request.trace_id": request["trace_id"]}
    blocks = spans_in(stack.jaeger.traces(service, tags=tags), HELD_UP)
    (ended,) = [block for block in blocks if "otelchan.span.state" not in block.tags]
    assert SLOW_MS - 100 <= ended.duration_us / 1000 <= request["waited_ms"]
    assert len(blocks) > 1, "no span of the wait while it went on"
    back = Reference("FOLLOWS_FROM", request["trace_id"], request["span_id"])
    for block in blocks:
        assert request["span_id"] == block.tags["otelchan.request.span_id"]
        assert back in block.links
    (span,) = [span for span in stack.jaeger.trace(back.trace_id) if span.span_id == back.span_id]
    assert ("GET /order", request["span_id"]) == (span.name, span.tags["pyroscope.profile.id"])
    assert (span.service, "server") == (service, span.tags["span.kind"])


def test_a_request_and_the_block_that_held_it_up_lead_to_each_other(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Every request's wait links to its span; a wait of the same program for nobody's request links to none."""
    service = f"requests-{uuid.uuid4().hex[:8]}"
    collector = stack.collector.http
    settings = {"OTELCHAN_ONGOING_SPAN_S": "0.5"}
    with (
        subprocess.Popen(
            [workload("requests"), collector, str(SLOW_MS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment({"OTEL_SERVICE_NAME": service}),
        ) as program,
        agent(tmp_path / "log", program.pid, "--interval", 1, "--endpoint", collector, env=settings) as running,
    ):
        try:
            assert program.stdin and program.stdout
            assert "READY\n" == program.stdout.readline()
            running.wait_attached()
            print(REQUESTS, file=program.stdin, flush=True)
            served = json.loads(program.stdout.readline())
            assert REQUESTS == len(served)

            def found() -> bool:
                for request in served:
                    check_request(stack, service, request)
                idle = spans_in(stack.jaeger.traces(service), FOR_NOBODY)
                assert idle, "no span of the wait for nobody"
                for span in idle:
                    assert not [tag for tag in span.tags if tag.startswith("otelchan.request.")]
                    assert served[-1]["trace_id"] not in {link.trace_id for link in span.links}
                return True

            eventually(found, 30)
        finally:
            program.kill()
