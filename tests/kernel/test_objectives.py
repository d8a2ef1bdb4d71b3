"""Latency objectives on a real program, with windows shortened so that a test can wait for them."""

from __future__ import annotations

import threading

import pytest

from otelchan.agent import Agent
from otelchan.config import Config, Objective
from otelchan.findings.types import Assessment
from otelchan.model.types import Snapshot
from otelchan.service import opened
from otelchan.target.selection import Selection
from tests.support.faults import fault, places
from tests.support.objectives import SHORTENED, objective, told, watched

INTERVAL_S = 0.2
EIGHTH = 1.125


@pytest.mark.parametrize("name", ["F11", "F11-select"])
def test_an_objective_is_breached_tried_breached_again_tried_and_kept(name: str) -> None:
    """As the program is slow, quick, slow on probation, and quick; in this order in what is handed to telemetry."""
    with watched(objective(**SHORTENED), INTERVAL_S, name) as seen:
        seen.becomes("closed", 30)
        seen.rests(4)
        for _ in range(2):
            seen.program.say("slow")
            seen.becomes("open", 20)
            seen.program.say("fast")
            seen.becomes("half-open", 20)
        seen.becomes("closed", 20)

    assert ["closed", "open", "half-open", "open", "half-open", "closed"] == seen.states
    for view, findings in ((each.view, each.findings) for each in seen.rounds):
        found = [finding for finding in findings if finding.id == "F11"]
        assert (view.state != "closed") == bool(found)
        assert all((1, view.channel) == (each.count, each.channel) for each in found)


def test_a_breach_names_the_line_where_they_wait_and_the_line_where_the_channel_is_made() -> None:
    """A short time after the objective was broken, and nothing else is wrong with the program."""
    with watched(objective(**SHORTENED), INTERVAL_S, first="slow") as seen:
        (found,) = seen.becomes("open", 30).findings

    assert found.site
    assert found.created_by
    assert places()["F11 stuck"] == found.site.place.split()[-1]
    assert places()["F11 started"] == found.created_by.place.split()[-1]
    assert places()["F11 made"] == found.channel.split()[-1]


def test_the_quantile_is_what_the_program_measures_by_itself() -> None:
    """At most an eighth above it, and nothing below but what the two clocks differ; from the same waits."""
    rule = objective(short_window_s=30, quantile=0.99)  # so that half a thousand waits are enough
    with watched(rule, INTERVAL_S, first="slow") as seen:
        seen.rests(8)
        view = seen.rounds[-1].view
        own = told(seen.program)

    shown_ns = view.p999_ns["short"]
    assert shown_ns
    assert 0.97 <= shown_ns / own["p999_ns"] <= EIGHTH * 1.03
    assert 0.5 <= view.samples["short"] / own["waits"] <= 1.1


def test_who_waits_for_ever_is_counted_with_the_time_that_has_passed() -> None:
    """Nothing ends any more, so only the goroutines that wait can say how long it takes: longer in every second."""
    with watched(objective(**SHORTENED), INTERVAL_S) as seen:
        seen.becomes("closed", 30)
        seen.rests(4)
        seen.program.say("stop")
        seen.becomes("open", 20)
        seen.rests(4)  # nothing but them is left in the short window
        first, second = (seen.rests(2).findings for _ in range(2))

    highest_ms = [
        finding.facts["short_highest_ms"] for found in (first, second) for finding in found if finding.id == "F11"
    ]
    assert 8 == seen.rounds[-1].view.samples["short"]
    assert None is seen.rounds[-1].view.p999_ns["short"]
    assert sorted(highest_ms, key=float) == highest_ms != highest_ms[::-1]  # type: ignore[arg-type]


def test_rules_come_and_go_while_the_agent_runs_and_leave_nothing_behind() -> None:
    """First one of another channel: nothing is entered in the kernel's map. Then one that fits, and then none."""
    other = Config(interval_s=INTERVAL_S, objectives=(Objective(channel="*other.go:1", operation="both"),))
    mine, none = (Config(interval_s=INTERVAL_S, objectives=rules) for rules in ((objective(),), ()))
    stop, seen, entries = threading.Event(), [0], [0]
    steps = [other, mine, none]

    def round_ended(agent: Agent) -> None:
        entries.append(len(agent.session.fine()[0]))
        if len(entries) == 40:
            program.go()
        elif len(entries) in (60, 80):
            agent.reconfigure(steps[len(entries) // 20 - 2])
        elif len(entries) == 100:
            stop.set()

    def publish(_: Snapshot, assessment: Assessment) -> None:
        seen.append(len(assessment.objectives))

    with fault("F11", "good") as program, opened(other, Selection(pids=(program.pid,))) as agent:
        agent.run(stop, 60, publish, round_ended)

    assert {0} == set(seen[:60]) == set(entries[:60])
    assert (1, 1) == (max(seen[60:80]), max(entries[60:80]))
    assert {0} == set(seen[85:]) == set(entries[85:])
