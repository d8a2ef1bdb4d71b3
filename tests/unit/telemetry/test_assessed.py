"""What findings make of a snapshot, beside the findings themselves, as points."""

from __future__ import annotations

from otelchan.findings.types import Assessment, Health, Member, ObjectiveView
from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, Edge
from otelchan.telemetry.catalogue import METRICS
from otelchan.telemetry.metrics import metric_points
from otelchan.telemetry.points import Point
from otelchan.telemetry.spans import FindingSpans, stack_text
from tests.support.snapshots import ATTACHED, NOW, channel, finding, snapshot

NAME = "main.work main.go:41"
NAMED = (("channel.name", NAME), ("channel.name.source", "make"))
SEND = (*NAMED, ("channel.operation", "send"))


def of(points: list[Point], name: str) -> dict[object, object]:
    """Value by attributes of one metric's points."""
    return {point.attributes: point.value for point in points if point.name == name}


def test_channels_are_counted_by_state() -> None:
    """In use and closed are said of every channel, so that there is something to compare with; the rest when there is
    one."""
    points = metric_points(snapshot([channel()]), Assessment(states={NAME: {"stalled": 2, "dangling": 0, "closed": 1}}))
    assert {"in_use": 0, "closed": 1, "stalled": 2} == {
        dict(attributes)["channel.state"]: value  # type: ignore[call-overload]
        for attributes, value in of(points, "channel.count").items()
    }


def test_channels_of_timers_and_contexts_are_counted_too() -> None:
    """They have no other state than that they are closed or not."""
    done = channel("context.WithCancel", kind="context", channels=5, closed=2)
    counts = of(metric_points(snapshot([done]), Assessment(states={})), "channel.count")
    assert {"in_use": 3, "closed": 2} == {dict(key)["channel.state"]: value for key, value in counts.items()}  # type: ignore[call-overload]


def test_health_is_said_of_channels_that_have_a_score() -> None:
    """Those of timers have none."""
    seen = snapshot([channel(), channel("time.Sleep", kind="timer")])
    assert {NAMED: 60} == of(metric_points(seen, Assessment(health={NAME: Health(60, {"F1": 40})})), "channel.health")


def test_an_objective_is_its_state_and_what_it_looks_at() -> None:
    """A quantile of too few samples is not there, but their number is."""
    view = ObjectiveView(
        NAME, "make", "send", "open", 800_000_000, {"short": 1_500_000_000, "long": None}, {"short": 3000, "long": 12}
    )
    points = metric_points(snapshot([channel()]), Assessment(objectives=(view,)))
    short, long = ((*SEND, ("slo.window", window)) for window in ("short", "long"))
    assert {SEND: 2} == of(points, "channel.slo.state")
    assert {SEND: 0.8} == of(points, "channel.slo.objective")
    assert {short: 1.5} == of(points, "channel.slo.p999")
    assert {short: 3000, long: 12} == of(points, "channel.slo.sample")


def test_edges_of_one_function_are_one_series() -> None:
    """Its lines are added up; a function that is known from a parked goroutine only has no samples."""
    here, there = Frame("main.fill", "main.go", 7), Frame("main.fill", "main.go", 9)
    edges = (
        Edge(NAME, "send", here, 5, 0, NOW),
        Edge(NAME, "send", there, 2, 1, NOW),
        Edge(NAME, "recv", Frame("main.empty", "main.go", 20), 0, 1, NOW),
    )
    points = metric_points(snapshot([channel()], edges=edges), Assessment())
    function = "code.function.name"
    assert {
        (*SEND, (function, "main.fill")): 7,
        (*NAMED, ("channel.operation", "recv"), (function, "main.empty")): 0,
    } == of(points, "channel.edge")
    assert {ATTACHED} == {point.start_unix_ns for point in points if point.name == "channel.edge"}


def test_who_waits_where_is_said_of_functions_that_wait() -> None:
    """Its lines are added up; a function in which nobody is parked has no series, and nor has a close."""
    edges = (
        Edge(NAME, "send", Frame("main.fill", "main.go", 7), 5, 2, NOW),
        Edge(NAME, "send", Frame("main.fill", "main.go", 9), 0, 3, NOW),
        Edge(NAME, "recv", Frame("main.empty", "main.go", 20), 8, 0, NOW),
        Edge(NAME, "close", Frame("main.stop", "main.go", 30), 0, 0, NOW),
    )
    points = metric_points(snapshot([channel()], edges=edges), Assessment())
    assert {(*SEND, ("code.function.name", "main.fill")): 5} == of(points, "channel.edge.waiters")


def test_surges_are_counted() -> None:
    """Since the agent came."""
    (point,) = (p for p in metric_points(snapshot(), Assessment(surges=2)) if p.name == "goroutine.surge")
    assert (2, ATTACHED) == (point.value, point.start_unix_ns)


def test_points_carry_the_attributes_that_the_catalogue_promises() -> None:
    """In the catalogue's words, each metric with its own set."""
    view = ObjectiveView(NAME, "make", "send", "closed", 1, {"short": 1, "long": 1}, {"short": 1, "long": 1})
    edges = (
        Edge(NAME, "close", Frame("main.stop", "main.go", 7), 0, 0, NOW),
        Edge(NAME, "recv", Frame("main.wait", "main.go", 9), 0, 1, NOW),
    )
    assessment = Assessment(states={NAME: {"stalled": 1}}, health={NAME: Health(100, {})}, objectives=(view,))
    for point in metric_points(snapshot([channel()], edges=edges), assessment):
        assert METRICS[point.name].attributes == tuple(key for key, _ in point.attributes)


def test_goroutines_that_differ_are_events_of_the_findings_span() -> None:
    """Each with its stack and what it has to do with the others."""
    frames = (Frame("main.left", "main.go", 7), Frame("main.main", "main.go", 3))
    member = Member(18, NAME, "send", "chan send", Age(10, at_least=False), frames, "waits for goroutine 19")
    (span,) = FindingSpans().update([finding(id="F14", members=(member,))], NOW, last=False)
    (event,) = span.events
    said = {each.key: each.value for each in event.attributes}
    assert "goroutine" == event.name
    assert 18 == said["goroutine.id"].int_value
    assert stack_text(frames) == said["code.stacktrace"].string_value
    assert "waits for goroutine 19" == said["finding.role"].string_value
