"""The real otelchan on programs that misbehave, through gateway.yaml: what is kept, compared with all that was sent.

otelchan writes into a file what it also sends, so the file says which spans there were; by the rules of
docs/tail-sampling.md, written down here once more, it follows which of them must be in the store.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import eventually
from tests.support.agent import agent
from tests.support.certificates import make
from tests.support.driven import Driven, driven
from tests.support.faults import fault
from tests.support.gateway import Settings, drawn, gateway
from tests.support.stack import Stack

SLOW_MS, PERCENT = 300, 20
PLENTY = 10_000
REQUESTS = 10
REQUEST_WAITS_MS = 60  # long enough for a span, too short to be slow
BAD = ("F1", "F5-send", "F9", "F14")  # a leak, sends on closed channels, nil channels, a deadlock
SOONER = {"WAIT_S": "3", "LEAK_SUSPECT_S": "1", "LEAK_WINDOW_S": "10"}  # findings after seconds, not a minute
NOT_DROPPED = {"otelchan-exemplar", "otelchan-finding", "otelchan-panic"}
POLICIES = NOT_DROPPED | {"otelchan-ongoing", "otelchan-slow", "otelchan-request", "otelchan-sample"}


class Told(NamedTuple):
    """A span in the file."""

    id: str
    trace_id: bytes
    service: str
    ms: int
    attributes: dict[str, Any]

    @property
    def policy(self) -> str | None:
        """The first policy that must keep it; None: it must be dropped."""
        matches = {
            "otelchan-exemplar": self.attributes.get("otelchan.exemplar") is True,
            "otelchan-finding": "finding.id" in self.attributes,
            "otelchan-panic": self.attributes.get("error.type") == "send_on_closed",
            "otelchan-ongoing": self.attributes.get("otelchan.span.state") == "ongoing",
            "otelchan-slow": self.ms >= SLOW_MS,
            "otelchan-request": {"otelchan.request.trace_id", "otelchan.request.span_id"} & set(self.attributes)
            != set(),
            "otelchan-sample": drawn(self.trace_id, PERCENT),
        }
        return next((policy for policy, holds in matches.items() if holds), None)


def told(path: Path) -> list[Told]:
    """All spans in a file of OTLP JSON lines."""
    found = []
    for line in path.read_text().rpartition("\n")[0].splitlines():  # the last one may be half written
        for of_resource in json.loads(line).get("resourceSpans", []):
            service = _values(of_resource["resource"]["attributes"])["service.name"]
            for span in (each for scope in of_resource["scopeSpans"] for each in scope["spans"]):
                ms = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) // 1_000_000
                trace = bytes.fromhex(span["traceId"])
                found.append(Told(span["spanId"], trace, service, ms, _values(span["attributes"])))
    return found


def _values(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), "") for each in attributes}


class Result(NamedTuple):
    """What was sent, ids of what the store has of it, and what the gateway has counted."""

    sent: list[Told]
    stored: set[str]
    decisions: Counter[tuple[str, str]]
    quiet: str


@pytest.fixture(scope="module")
def result(stack: Stack, workload: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Long blocks of two programs, one of which nobody wants to see; requests; programs with something wrong."""
    folder = tmp_path_factory.mktemp("gateway")
    lines, own = folder / "otlp.jsonl", make(folder)
    busy, quiet = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("busy", "quiet"))
    settings: Settings = {
        "SLOW_MS": SLOW_MS,
        "SAMPLE_PERCENT": PERCENT,
        "SPANS_PER_SECOND": PLENTY,
        "DROP_SERVICES": f"[{quiet}]",
    }
    settings = {**settings, "TLS": "true", "CERT": own.server, "KEY": own.server_key, "CLIENT_CA": own.ca}
    env = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": own.ca,
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": own.client,
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": own.client_key,
        "OTELCHAN_ONGOING_SPAN_S": "2",
        **{f"OTELCHAN_FINDINGS_{key}": value for key, value in SOONER.items()},
    }
    with gateway(folder, stack.prometheus.otlp, stack.jaeger.grpc, settings) as entry:
        with ExitStack() as block:
            one = block.enter_context(driven(Driven, workload("delays"), 2, env={"OTEL_SERVICE_NAME": busy}))
            two = block.enter_context(driven(Driven, workload("delays"), 2, env={"OTEL_SERVICE_NAME": quiet}))
            bad = [block.enter_context(fault(name, "bad")) for name in BAD]
            pids = [one.pid, two.pid, *(program.pid for program in bad)]
            flags = ("--interval", 1, "--endpoint", f"https://{entry.grpc}", "--otlp-file", lines)
            running = block.enter_context(agent(folder / "log", *pids, *flags, env=env))
            running.wait_attached(len(pids))
            one.ask("go 3")
            two.ask("go 3")
            for program in bad:
                program.go()

            def all_there() -> bool:
                assert one.ask(f"requests {REQUESTS} {REQUEST_WAITS_MS}") == str(REQUESTS)
                return lines.exists() and enough(told(lines))

            eventually(all_there, timeout=120, every=1)
        sent = told(lines)
        decided = "otelcol_processor_tail_sampling_global_count_traces_sampled"
        eventually(lambda: entry.metric(decided) == len(sent))
        eventually(lambda: entry.metric("otelcol_exporter_queue_size") == 0)
        decisions = entry.decisions()
    stored = {s.span_id for name in {span.service for span in sent} for s in stack.jaeger.traces(name, limit=10_000)}
    return Result(sent, stored & {span.id for span in sent}, decisions, quiet)


def enough(sent: list[Told]) -> bool:
    """Whether everything was there that a policy is for, and each finding."""
    return POLICIES <= {span.policy for span in sent} and {"F1", "F5", "F9", "F14"} <= found(sent)


def found(sent: list[Told]) -> set[str]:
    """Ids of the findings."""
    return {span.attributes["finding.id"] for span in sent if "finding.id" in span.attributes}


def test_suspected_leaks_and_deadlocks_are_in_the_store(result: Result) -> None:
    """Each as often as it was told of: when it started, and when it ended."""
    wanted = [span for span in result.sent if "finding.id" in span.attributes]
    assert {"F1", "F5", "F9", "F14"} <= found(wanted)
    assert [span.attributes["finding.id"] for span in wanted if span.id not in result.stored] == []


def test_the_store_has_exactly_what_the_policies_keep(result: Result) -> None:
    """Of all spans that otelchan sent, not one more and not one less."""
    must = {span.id for span in result.sent if must_be_kept(span, result.quiet)}
    assert result.stored == must
    assert 0 < len(must) < len(result.sent)


def must_be_kept(span: Told, quiet: str) -> bool:
    """The blocks of a service on the drop list are dropped, but for exemplars."""
    return span.policy in NOT_DROPPED if span.service == quiet else span.policy is not None


def test_the_gateway_counts_what_each_policy_has_kept(result: Result) -> None:
    """Every policy that could match did, as often as it had to, by the Collector's own metrics."""
    expected = Counter(span.policy for span in result.sent if must_be_kept(span, result.quiet))
    kept = {policy: n for (policy, decision), n in result.decisions.items() if decision == "sampled" and n}
    assert kept == expected
    assert set(kept) == POLICIES
    dropped = sum(span.service == result.quiet and span.policy not in NOT_DROPPED for span in result.sent)
    assert result.decisions["otelchan-drop", "dropped"] == dropped > 0
