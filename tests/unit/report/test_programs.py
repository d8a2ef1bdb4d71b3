"""From recorded OTLP to a program's part of the page: what was true at the end, and what is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelchan.findings.types import Assessment, Health, Member, ObjectiveView
from otelchan.model.types import Age, Counter, Edge, GoroutineView, Histogram
from otelchan.report import make_report
from otelchan.report.page import page_of
from otelchan.telemetry.points import Point
from tests.support.otlp_lines import Recorder, agent, changed, without
from tests.support.recorded import at, of
from tests.support.snapshots import ATTACHED, NOW, SECOND, WORKER, bare_channel, block_span, channel, finding, snapshot

WORK = "main.work main.go:41"


def test_a_channels_row_says_what_holds_at_the_end_and_what_came_before(tmp_path: Path) -> None:
    """Lag over time, what waits, rates of the recorded time and totals since the counts began."""
    recorder = Recorder(tmp_path / "a")
    for second in range(11):
        processed = {("send", "ok"): Counter(1000 + 20 * second, ATTACHED), ("recv", "ok"): Counter(990, ATTACHED)}
        view = channel(WORK, lag=second, processed=processed)
        assessed = Assessment(health={WORK: Health(40, {})}, states={WORK: {"stalled": 2, "closed": 1}})
        recorder.look(snapshot([view], time_unix_ns=at(second)), assessed)
    (row,) = of(tmp_path / "a").channels
    assert (WORK, "make", "int", 10.0, 24.0) == (row.name, row.source, row.element_type, row.lag_now, row.capacity)
    assert tuple(float(second) for second in range(11)) == row.lag.values
    assert ({"send": 2.0}, {"send": 1.5}) == (row.waiters, row.oldest)
    assert {("send", "ok"): 20.0, ("recv", "ok"): 0.0} == row.rates
    assert {("send", "ok"): 1200.0, ("recv", "ok"): 990.0} == row.totals
    assert ({"stalled": 2.0, "closed": 1.0}, 40.0) == (row.states, row.health)
    (waits,) = row.waits
    assert ("send", 4, 3.0) == (waits.operation, waits.count, waits.total)
    assert (4.096e-06, 1.073741824) == (waits.p50, waits.p99)


def test_a_channel_that_is_gone_has_nothing_at_the_end(tmp_path: Path) -> None:
    """What it had is not shown as if it were so now; what was counted of it stays."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot([channel("main.old main.go:7", lag=9)]))
    recorder.look(snapshot([channel(WORK, lag=1)], time_unix_ns=at(1)))
    rows = {row.name: row for row in of(tmp_path / "a").channels}
    gone = rows["main.old main.go:7"]
    assert (None, None, {}, {}, {}) == (gone.lag_now, gone.capacity, gone.waiters, gone.oldest, gone.states)
    assert 1009.0 == gone.totals["send", "ok"]
    assert (9.0, None) == gone.lag.values


def test_findings_that_hold_at_the_end_are_told_apart_from_those_that_are_over(tmp_path: Path) -> None:
    """With the words of their spans; one that the stop of the agent has ended held until then."""
    recorder = Recorder(tmp_path / "a")
    over = finding(id="F10", severity="warning", sentence="saturated", channel="c", evidence="", members=())
    recorder.look(snapshot([channel()]), Assessment((over, finding())))
    recorder.look(snapshot([channel()], time_unix_ns=at(5)), Assessment((finding(count=90, sentence="90 stuck"),)))
    recorder.look(snapshot([channel()], time_unix_ns=at(20)), Assessment((finding(count=99, sentence="99 stuck"),)))
    rows = of(tmp_path / "a").findings
    assert [("F1", None, "37 goroutines are stuck", True), ("F10", at(5), "saturated", False)] == [
        (row.id, row.end, row.sentence, row.at_start) for row in rows
    ]
    assert (99.0, WORKER.function, 57) == (rows[0].now, rows[0].site and rows[0].site.function, rows[0].site.line)  # type: ignore[union-attr]
    recorder.look(
        snapshot([channel()], time_unix_ns=at(21)), Assessment((finding(sentence="the last words"),)), last=True
    )
    assert [(None, "the last words", False), (at(5), "saturated", False)] == [
        (row.end, row.sentence, row.at_start) for row in of(tmp_path / "a").findings
    ]


def test_a_finding_that_became_worse_has_the_severity_of_the_end(tmp_path: Path) -> None:
    """Its span is of when it began."""
    recorder = Recorder(tmp_path / "a")
    for second, severity in enumerate(("warning", "warning", "critical", "critical")):
        recorder.look(snapshot(time_unix_ns=at(second)), Assessment((finding(severity=severity),)))
    program = of(tmp_path / "a")
    assert [("F1", "critical", True)] == [(row.id, row.severity, row.told) for row in program.findings]
    (held,) = program.held
    assert ["warning", "critical"] == [stretch.state for stretch in held.stretches]


def test_a_finding_without_its_span_is_there_by_its_metric(tmp_path: Path) -> None:
    """A gateway may have dropped the span: a page without the finding would be a wrong silence."""
    recorder = Recorder(tmp_path / "a")
    for second in range(3):
        recorder.look(snapshot(time_unix_ns=at(second)), Assessment((finding(),)))
    (row,) = of(without(tmp_path / "a", "resourceSpans")).findings
    assert ("F1", "critical", WORK, False, "", None) == (
        row.id, row.severity, row.channel, row.told, row.sentence, row.end
    )  # fmt: skip


def test_a_finding_whose_end_was_not_recorded_ends_by_its_metric(tmp_path: Path) -> None:
    """Only the span of its start came through."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot(), Assessment((finding(),)))
    recorder.look(snapshot(time_unix_ns=at(10)), Assessment((finding(),)))
    recorder.look(snapshot(time_unix_ns=at(20)))
    recorder.look(snapshot(time_unix_ns=at(30)))

    def without_ends(document: dict[str, Any]) -> None:
        for resource in document.get("resourceSpans", []):
            for scope in resource["scopeSpans"]:
                scope["spans"] = [span for span in scope["spans"] if "links" not in span]

    (row,) = of(changed(tmp_path / "a", without_ends)).findings
    assert (at(20), True) == (row.end, row.at_start)


def test_members_of_a_finding_have_their_stacks(tmp_path: Path) -> None:
    """Of a deadlock each goroutine is another."""
    member = Member(7, "main.other main.go:9", "send", "chan send", Age(5, False), (WORKER,), "needs goroutine 8")
    Recorder(tmp_path / "a").look(snapshot(), Assessment((finding(id="F14", members=(member,)),)))
    (row,) = of(tmp_path / "a").findings
    (shown,) = row.members
    assert (7, "main.other main.go:9", "send; needs goroutine 8", (WORKER,)) == tuple(shown)
    assert {WORK, "main.other main.go:9"} == row.channels


def ongoing(goroutine: int, since: int, told: int, at_least: bool = False) -> object:
    """A span of a wait that goes on."""
    times = {"start_unix_ns": at(since), "end_unix_ns": at(told), "goroutine_id": goroutine}
    return block_span(**times, ongoing=True, at_least=at_least, waker=None, links=())


def test_waits_that_go_on_are_told_by_place_with_their_stacks(tmp_path: Path) -> None:
    """Goroutines of one stack are one row; one that has ended since is not among them."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot(spans=(ongoing(1, -30, 0), ongoing(2, -20, 0, True), ongoing(3, -15, 0))))
    done = block_span(goroutine_id=3, start_unix_ns=at(-15), end_unix_ns=at(5))
    recorder.look(snapshot(spans=(done,), time_unix_ns=at(10)), Assessment((finding(),)))
    (row,) = of(tmp_path / "a").places
    assert (2, 30.0, True, "chan send", WORK, "send") == (
        row.count, row.oldest, row.at_least, row.wait_reason, row.channel, row.operation
    )  # fmt: skip
    assert (WORKER, True, 2) == (row.site, row.suspected, len(row.stack))


def edge(function: str, channel_name: str, operation: str, samples: int, parked: int = 0) -> Edge:
    """A function that uses a channel."""
    return Edge(channel_name, operation, WORKER._replace(function=function), samples, parked, NOW)


CHAIN = (
    edge("main.request", "jobs", "send", 100, parked=9),
    edge("main.worker", "jobs", "recv", 100),
    edge("main.worker", "results", "send", 100, parked=4),
    edge("main.collect", "results", "recv", 100),
    edge("main.idle", "quit", "recv", 0, parked=1),
)


def chained(path: Path) -> Path:
    """Requests wait for workers, and workers for a collector."""
    views = [
        bare_channel(name, waiters={"send": 9}, oldest={"send": Age(30 * SECOND, False)})
        for name in ("jobs", "results")
    ]
    views.append(bare_channel("quit", oldest={"recv": Age(9 * SECOND, False)}))
    recorder = Recorder(path)
    for second in range(2):
        recorder.look(snapshot(views, edges=CHAIN, time_unix_ns=at(second)))
    return path


def test_the_blocking_chain_leads_from_who_waits_to_who_would_have_to_act(tmp_path: Path) -> None:
    """Step by step, through those that wait themselves; who merely rests is in the table and not in the picture."""
    program = of(chained(tmp_path / "a"))
    assert "metrics" == program.chain_by
    assert [
        ("main.request", "jobs", "send", 9.0, 30.0, ("main.worker",)),
        ("main.worker", "results", "send", 4.0, 30.0, ("main.collect",)),
    ] == [tuple(link) for link in program.links[:2]]
    assert ("main.idle", "quit", "recv", 1.0, 9.0, ()) == tuple(program.links[2])
    arrows = [(arrow.source, arrow.target) for arrow in program.chain.arrows]
    assert [
        ("f main.request", "c jobs"), ("c jobs", "f main.worker"),
        ("f main.worker", "c results"), ("c results", "f main.collect"),
    ] == arrows  # fmt: skip


def test_the_topology_leads_the_way_that_elements_go(tmp_path: Path) -> None:
    """A send from a function to a channel, a receive from the channel to the function."""
    ways = {(arrow.source, arrow.target): arrow for arrow in of(chained(tmp_path / "a")).topology.arrows}
    assert {
        ("f main.request", "c jobs"), ("c jobs", "f main.worker"), ("f main.worker", "c results"),
        ("c results", "f main.collect"), ("c quit", "f main.idle"),
    } == set(ways)  # fmt: skip
    assert ("9 wait", True) == (ways["f main.request", "c jobs"].label, ways["f main.request", "c jobs"].blocked)


def test_an_older_recording_has_a_chain_from_its_spans_and_says_so(tmp_path: Path) -> None:
    """Before the metric channel.edge.waiters there were spans of waits that go on."""

    def older(document: dict[str, Any]) -> None:
        for resource in document.get("resourceMetrics", []):
            for scope in resource["scopeMetrics"]:
                scope["metrics"] = [metric for metric in scope["metrics"] if metric["name"] != "channel.edge.waiters"]

    recorder = Recorder(tmp_path / "a")
    uses = (edge("main.worker", WORK, "send", 5), edge("main.consume", WORK, "recv", 5))
    recorder.look(snapshot([channel()], spans=(ongoing(1, -30, 0), ongoing(2, -20, 0)), edges=uses))
    program = of(changed(tmp_path / "a", older))
    assert "spans" == program.chain_by
    assert [("main.worker", WORK, "send", 2.0, 1.5, ("main.consume",))] == [tuple(link) for link in program.links]
    assert any("made from spans" in sentence for sentence in program.missing)


def test_block_times_are_seen_when_they_came(tmp_path: Path) -> None:
    """What comes between two looks is between them; what was counted before the recording is not in it."""
    recorder = Recorder(tmp_path / "a")
    for second, count in ((0, 1000), (10, 1000), (20, 1500)):
        blocks = {"send": Histogram(count, count, ((1 << 20, count),))}
        recorder.look(snapshot([channel(blocks=blocks, blocks_start_unix_ns=ATTACHED)], time_unix_ns=at(second)))
    heat = of(tmp_path / "a").heat
    assert heat is not None
    row = heat.rows[heat.bounds.index(0.001048576)]
    assert (21, 20) == (len(heat.edges), len(row))
    assert ([0.0] * 10, [50.0] * 10) == (list(row[:10]), list(row[10:]))


def test_objectives_have_their_state_quantiles_and_breaches(tmp_path: Path) -> None:
    """It opened twice, and is open at the end."""
    recorder = Recorder(tmp_path / "a")
    for second, state in enumerate(("closed", "open", "open", "half-open", "open", "open")):
        view = ObjectiveView(
            WORK, "make", "recv", state, 50_000_000, {"short": 70_000_000, "long": None}, {"short": 9, "long": 90}
        )
        recorder.look(snapshot([channel()], time_unix_ns=at(second)), Assessment(objectives=(view,)))
    program = of(tmp_path / "a")
    (row,) = program.objectives
    assert (WORK, "recv", "open", 0.05, {"short": 0.07}, {"short": 9.0, "long": 90.0}, 2) == tuple(row)
    assert ["closed", "open", "half-open", "open"] == [stretch.state for stretch in program.states[0].stretches]


def test_goroutines_over_time_are_on_one_clock(tmp_path: Path) -> None:
    """A wait reason that was not there at a look has no value there, so that areas can be stacked."""
    recorder = Recorder(tmp_path / "a")
    for second, blocked in enumerate(({"chan send": 3}, {"chan send": 4, "select": 1})):
        view = GoroutineView(12 + second, blocked, created=Counter(7, ATTACHED), exited=Counter(5, ATTACHED))
        recorder.look(snapshot(goroutines=view, time_unix_ns=at(second)))
    goroutines = of(tmp_path / "a").goroutines
    assert [("chan send", (3.0, 4.0)), ("select", (None, 1.0))] == [
        (line.label, line.values) for line in goroutines.blocked
    ]
    assert ((12.0, 13.0), 7.0, 5.0) == (goroutines.total.values, goroutines.created, goroutines.exited)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """Of one look without probes nearly everything is missing; of a recording by halves the other half."""
    Recorder(tmp_path / "a").look(snapshot([bare_channel(WORK)]))
    said = " ".join(of(tmp_path / "a").missing)
    for words in ("No spans", "one look only", "No block times", "No counts", "No topology", "No latency objective"):
        assert words in said
    Recorder(tmp_path / "b").look(snapshot(spans=(block_span(),)))
    (missing,) = of(without(tmp_path / "b", "resourceMetrics")).missing
    assert "No metrics of this program" in missing


@pytest.mark.parametrize("bounds", [[*range(100_000)], ["NaN"], ["Infinity"], [-1.0], [2.0, 1.0], []])
def test_a_histogram_that_cannot_be_is_left_out_and_that_is_said(tmp_path: Path, bounds: list[Any]) -> None:
    """Bounds without number would take all the memory; and what comes after it is taken."""

    def odd(document: dict[str, Any]) -> None:
        for metric in document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
            for point in metric.get("histogram", {}).get("dataPoints", [])[:1]:
                point.update(explicitBounds=bounds, bucketCounts=[1] * (len(bounds) + 1))

    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot([channel()]))
    first = changed(tmp_path / "a", odd).read_text()
    recorder.look(snapshot([channel()], time_unix_ns=at(1)))
    later = (tmp_path / "a").read_text().splitlines(True)[-1]
    (tmp_path / "a").write_text(first + later)
    program = of(tmp_path / "a")
    assert "1 point left out: histograms with other buckets" in " ".join(program.missing)
    assert [("send", 4)] == [(waits.operation, waits.count) for waits in program.channels[0].waits]


def test_series_over_the_cap_and_points_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    """A page that hides losses is wrong."""

    def as_deltas(document: dict[str, Any]) -> None:
        for metric in document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
            if metric["name"] == "channel.process":
                metric["sum"]["aggregationTemporality"] = 1

    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot([channel()]))
    assert "cumulativetodelta" in " ".join(of(changed(tmp_path / "a", as_deltas)).missing)
    overflow = Point("channel.lag", (("otel.metric.overflow", True),), 5)
    recorder.points([overflow], at(1))
    assert "channel.lag was over the cap of series" in " ".join(of(tmp_path / "a").missing)


def test_the_agents_own_losses_are_there_with_their_meaning(tmp_path: Path) -> None:
    """What was lost, what it cost, and which planes are not on."""
    reason = "otelchan.reason"
    agent(tmp_path / "a").points(
        [
            Point("otelchan.event.lost", ((reason, "span"),), 12, ATTACHED),
            Point("otelchan.event.lost", ((reason, "park"),), 0, ATTACHED),
            Point("otelchan.export.failed", (("otelchan.signal", "traces"), (reason, "timeout")), 512, ATTACHED),
            Point("otelchan.probe.left_out", (("otelchan.plane", "polls"), (reason, "over_budget")), 1),
            Point("otelchan.overhead.measured", (), 0.021),
            Point("otelchan.overhead.allowed", (), 0.03),
        ],
        NOW,
    )
    Recorder(tmp_path / "a").look(snapshot())
    (one,) = make_report([str(tmp_path / "a")], NOW, "0.1.0").agents
    assert (
        ("points and spans given up", "traces timeout", 512.0),
        ("spans lost, the ring buffer was full", "span", 12.0),
    ) == one.losses
    assert ((("polls", "over budget", 1.0),), 0.021, 0.03) == (one.left_out, one.overhead, one.overhead_allowed)


@pytest.mark.parametrize("others", [1, 3])
def test_large_numbers_of_channels_are_cut_with_their_number(tmp_path: Path, others: int) -> None:
    """Those with the largest lag stay, and what a finding is about."""
    views = [channel(f"main.f main.go:{line}", lag=line + 1) for line in range(1, 60 + others)]
    views.append(channel("main.suspected main.go:5", lag=0))
    about = finding(channel="main.suspected main.go:5")
    Recorder(tmp_path / "a").look(snapshot(views), Assessment((about,)))
    program = of(tmp_path / "a")
    assert (50, others + 10) == (len(program.channels), program.more["channels"])
    assert ["main.suspected main.go:5", f"main.f main.go:{59 + others}"] == [row.name for row in program.channels[:2]]


def test_block_times_of_a_channel_that_is_new_came_since_the_last_look(tmp_path: Path) -> None:
    """Though its counter is said to begin when the probes came: nobody had waited on it before."""
    recorder = Recorder(tmp_path / "a")
    recorder.look(snapshot([bare_channel("other")]))
    recorder.look(snapshot([bare_channel("other")], time_unix_ns=at(10)))
    blocks = {"send": Histogram(50, 50, ((1 << 20, 50),))}
    views = [bare_channel("other"), channel(WORK, blocks=blocks, blocks_start_unix_ns=ATTACHED)]
    recorder.look(snapshot(views, time_unix_ns=at(20)))
    heat = of(tmp_path / "a").heat
    assert heat is not None
    row = heat.rows[heat.bounds.index(0.001048576)]
    assert ([0.0] * 10, [5.0] * 10) == (list(row[:10]), list(row[10:]))


def test_channels_without_a_lag_come_after_those_that_have_one(tmp_path: Path) -> None:
    """A timer on which many wait is no news."""
    timer = bare_channel("time.NewTimer", kind="timer", waiters={"recv": 99})
    Recorder(tmp_path / "a").look(snapshot([timer, bare_channel("main.calm", lag=0, waiters={})]))
    assert ["main.calm", "time.NewTimer"] == [row.name for row in of(tmp_path / "a").channels]


@pytest.mark.parametrize("number", [1e308, "NaN", "Infinity", "-Infinity", -1e300])
def test_numbers_that_nothing_has_ever_measured_do_not_end_the_report(tmp_path: Path, number: float | str) -> None:
    """A recording may have been damaged or made up: there is a page all the same."""

    def wild(document: dict[str, Any]) -> None:
        of_one = document.get("resourceMetrics", [])
        for metric in (metric for one in of_one for scope in one["scopeMetrics"] for metric in scope["metrics"]):
            data = metric.get("gauge") or metric.get("sum") or metric["histogram"]
            for point in data["dataPoints"]:
                point.update({"sum": number} if "bucketCounts" in point else {"asDouble": number})
                point.pop("asInt", None)

    recorder = Recorder(tmp_path / "a")
    for second in range(2):
        goroutines = GoroutineView(3, {"select": 3}, {"select": Age(5, False)})
        closed = channel(closed_by=WORKER, closed_unix_ns=NOW)
        recorder.look(snapshot([closed], goroutines=goroutines, time_unix_ns=at(second)), Assessment((finding(),)))
    page = page_of(make_report([str(changed(tmp_path / "a", wild))], NOW, "0.1.0"))
    assert WORK.encode() in page
