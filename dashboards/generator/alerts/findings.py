"""Alerts on findings: one for each in the catalogue. Thresholds live in the agent, so they compare with zero."""

from __future__ import annotations

from typing import NamedTuple

from dashboards.generator import links
from dashboards.generator.alerts.rules import Alert, Group
from dashboards.generator.alerts.wording import ON_CHANNEL, WHERE, number_of
from dashboards.generator.parameters import Parameters
from otelchan.findings.catalogue import FINDINGS

KEPT_S = 300  # a finding that comes and goes is one alert


class Row(NamedTuple):
    """Words for one finding. name: of the alert, after "Otelchan". summary: before the channel and the service.

    meaning: what it means; to_do: first step. holds_s: beyond the time that the agent has looked already. within_s: not
    0 when a finding may be told once only, by a program that dies of it: it then counts for so long.
    """

    name: str
    summary: str
    meaning: str
    to_do: str
    dashboard: str
    number: str = ""
    holds_s: int = 60
    within_s: int = 0


_LEAKED = number_of("goroutine_leak_suspected", "%s goroutines are suspected.")
_LAG = number_of("channel_lag", "The lag is %s elements and waiting senders.")
_PANICS = number_of("channel_panic_total", "%s panics since the agent came.")

# Of the finding itself: its sentence, place and members. Of blocks and panics of that process and channel: the stack,
# and who ended the wait.
_FINDING = "{{ $q = printf `%s && name = %q` $q (printf `finding %s` $labels.finding_id) }}"
_BLOCKS = "{{ $q = printf `%s && span.code.stacktrace != nil` $q }}"

ROWS = {
    "F1": Row(
        "LeakedGoroutines",
        "Goroutines leak",
        "Goroutines wait and nobody will ever wake them; each keeps its stack and what that points to.",
        "Look at the line where they wait and ask who should be at the other end.",
        links.GOROUTINES,
        _LEAKED,
    ),
    "F2": Row(
        "GoroutineSurge",
        "The number of goroutines jumped up",
        "Within seconds there are several times as many as before: something starts them faster than they end.",
        "The trace says which place started them and where they wait.",
        links.GOROUTINES,
        holds_s=0,
    ),
    "F4": Row(
        "ReadAfterClose",
        "Goroutines read from a channel that is closed and empty",
        "They get zero values at once, again and again: usually a loop that does not see the close.",
        "Make the loop end when the second result of the receive is false.",
        links.CLOSE,
    ),
    "F5": Row(
        "CloseFault",
        "A channel operation panicked",
        "A send on a closed channel, or a close of a closed or nil one; the program dies of it unless it recovers.",
        "The trace has the stack, and says who had closed the channel before.",
        links.CLOSE,
        _PANICS,
        holds_s=0,
        within_s=300,
    ),
    "F6": Row(
        "DrainResidue",
        "A closed channel still has elements that nobody takes",
        "What was in the buffer at the close was not received: the receivers stopped too early.",
        "Find out why the receivers left before the channel was empty.",
        links.CLOSE,
    ),
    "F7": Row(
        "CloseOrder",
        "A channel was closed before the one that feeds it",
        "What still comes out of the other one has nowhere to go: it is dropped, or the next send panics.",
        "Close from the source to the sink, each after its senders are done.",
        links.CLOSE,
    ),
    "F8": Row(
        "NeverClosed",
        "Receivers wait for a close that nobody will do",
        "All that ever sent have ended and nobody is left to close: they wait with everything they hold.",
        "Close the channel where its last sender ends.",
        links.CLOSE,
        _LEAKED,
    ),
    "F9": Row(
        "NilChannel",
        "Goroutines wait on a nil channel",
        "A send or a receive on nil never ends, nor does a select without cases that could.",
        "See where the channel should have been made.",
        links.CHANNELS,
        _LEAKED,
    ),
    "F10": Row(
        "Saturation",
        "A channel is full and its senders wait",
        "More comes in than is taken out; everything in it is late by as long as the backlog takes.",
        "See who receives and what it waits for; a larger buffer only delays this.",
        links.CHANNELS,
        _LAG,
        holds_s=300,
    ),
    "F11": Row(
        "LatencyObjective",
        "A latency objective is broken",
        "Operations block longer than the objective allows, and it gets worse; a warning means it is on probation.",
        "The slowest block says who woke it: see what the other side did meanwhile.",
        links.OBJECTIVES,
        holds_s=0,
    ),
    "F12": Row(
        "DanglingChannels",
        "Channels are made and kept without being used or closed",
        "There are more and more of them, and something keeps them in memory.",
        "See what keeps them: a map, a slice, a closure.",
        links.CHANNELS,
        holds_s=300,
    ),
    "F14": Row(
        "SuspectedDeadlock",
        "Goroutines wait for each other",
        "All that could let any of them go on are among them; none will go on by itself.",
        "The trace has one event for each goroutine with its stack and its role.",
        links.TOPOLOGY,
    ),
    "F15": Row(
        "DeepStacks",
        "Goroutines are blocked below very many frames",
        "A deep recursion, or many layers, holds on to all that its frames refer to.",
        "See the line in the trace, and what calls itself there.",
        links.GOROUTINES,
        holds_s=300,
    ),
    "F16": Row(
        "StuckOnLock",
        "Goroutines are stuck on a lock",
        "A mutex is not unlocked, a WaitGroup is not done, a Cond is not signalled.",
        "See who holds it: often one that returned early, or waits for something else with it.",
        links.GOROUTINES,
    ),
}


def alert(finding: str, parameters: Parameters) -> Alert:
    """The alert on one finding, of every severity that it has."""
    row = ROWS[finding]
    selector = f'otelchan_finding{{finding_id="{finding}"}}'
    channel = {"channel": "channel_name"} if row.dashboard in links.OF_ONE_CHANNEL else {}
    lately = f"max_over_time({selector}[{parameters.time(row.within_s)}])"
    return Alert(
        name=f"Otelchan{row.name}",
        expr=f"{lately if row.within_s else selector} > 0",
        severity="{{ $labels.finding_severity }}",
        summary=f"{row.summary}{ON_CHANNEL} in {{{{ $labels.job }}}}.",
        description=f"{row.meaning} {WHERE}{row.number} {row.to_do}",
        dashboard=row.dashboard,
        variables={"job": "job", "instance": "instance", **channel},
        traces={"": f"{links.OF_CHANNEL}{_FINDING}", "blocks_": f"{links.OF_CHANNEL}{_BLOCKS}"},
        holds_s=row.holds_s,
        keeps_s=0 if row.within_s else KEPT_S,
    )


def group(parameters: Parameters) -> Group:
    """One for each finding that there is."""
    rules = tuple(alert(finding, parameters) for finding in FINDINGS)
    return Group("otelchan-findings", "Alerts on what otelchan finds wrong in programs.", rules)
