"""Waits that go on, through otelchan and the real Collector, in the trace store: found, and followed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.support import eventually
from tests.support.agent import agent
from tests.support.driven import Driven, driven
from tests.support.jaeger import Span
from tests.support.stack import Stack

SHORT = {"OTELCHAN_ONGOING_SPAN_S": "0.5", "OTELCHAN_MAX_OVERHEAD": "off"}


def test_a_program_that_hung_can_be_followed_from_its_end_back(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """From the finished wait by its link to the last span of when it went on, and so on to the first."""
    service = f"lasting-{uuid.uuid4().hex[:8]}"

    def choosing(ongoing: bool, wanted: int) -> list[Span]:
        """The waits of main.choose that went on, or that have ended, once there are so many, the shortest first."""

        def enough() -> list[Span]:
            spans = stack.jaeger.traces(service, tags={"code.function.name": "main.choose"})
            found = [span for span in spans if ongoing == (span.tags.get("otelchan.span.state") == "ongoing")]
            assert wanted <= len(found)
            return sorted(found, key=lambda span: span.duration_us)

        return eventually(enough, 40)

    binary, env = workload("lasting"), {"OTEL_SERVICE_NAME": service}
    with (
        driven(Driven, binary, 2, env) as program,
        agent(
            tmp_path / "log", program.pid, "--interval", "0.3", "--endpoint", stack.collector.http, env=SHORT
        ) as running,
    ):
        running.wait_attached()
        program.ask("begin")
        choosing(ongoing=True, wanted=2)
        program.ask("release")
        (last,) = choosing(ongoing=False, wanted=1)
        told = choosing(ongoing=True, wanted=2)
    chain = [*told, last]
    assert {"select main.choose"} == {span.name for span in chain}
    assert [[], *([(span.trace_id, span.span_id)] for span in told)] == [
        [(link.trace_id, link.span_id) for link in span.links if link.trace_id in {s.trace_id for s in told}]
        for span in chain
    ]
    for span in told:
        cases = json.loads(span.tags["channel.select.case"])
        assert ["recv main.init"] * 2 == [case[:14] for case in cases if "main.init" in case]
        assert 3 == len(cases)
        assert f"{span.tags['channel.operation']} {span.tags['channel.name']}" in cases
        assert span.tags["code.stacktrace"].startswith("main.choose\n")
        assert "otelchan.wait.at_least" not in span.tags
