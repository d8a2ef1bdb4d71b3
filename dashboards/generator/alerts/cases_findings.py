"""How alerts on findings come out."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.generator.alerts.cases import Case

CHANNEL = "main.main shop.go:12"
ALONE = ("otelchan-channels", "otelchan-close", "otelchan-objectives")
# As otelchan names a channel of which the make is not known: with the quotes of a struct tag in its type.
ODD = 'chan struct { A int "json:\\"a,b\\"" } main.(*Q[...]).Put 100% & more'
WHERE = "In shop, instance i-1, pid 4242 on node-7."
INFO = 'target_info{job="shop", instance="i-1", host_name="node-7", process_pid="4242"}'
PANICS = 'channel_panic_total{job="shop", instance="i-1", channel_name="main.main shop.go:12", error_type="%s"}'
SUSPECTED = 'goroutine_leak_suspected{job="shop", instance="i-1", channel_name="%s", leak_evidence="%s"}'


def quoted(name: str) -> str:
    """As a string of PromQL, TraceQL and Go."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _case(
    finding: str,
    alert: str,
    severity: str,
    summary: str,
    meaning: str,
    to_do: str,
    dashboard: str,
    channel: str = CHANNEL,
    number: str = "",
    more: dict[str, str] | None = None,
    not_yet: str = "30s",
) -> Case:
    where = f'{{job="shop", instance="i-1", finding_id="%s", finding_severity="{severity}"%s}}'
    on = f", channel_name={quoted(channel)}" if channel else ""
    series = f"otelchan_finding{where % (finding, on)}"
    other = f"otelchan_finding{where % ('F16' if finding != 'F16' else 'F1', on)}"
    labels = {"job": "shop", "instance": "i-1", "finding_id": finding, "finding_severity": severity}
    labels |= {"channel_name": channel} if channel else {}
    conditions = 'resource.service.instance.id = "i-1"' + (
        f" && span.channel.name = {quoted(channel)}" if channel else ""
    )
    return Case(
        alert=alert,
        fires={series: "1x40", INFO: "1x40", **(more or {})},
        labels={**labels, "severity": severity},
        summary=f"{summary}{f' ({channel})' if channel else ''} in shop.",
        description=f"{meaning} {WHERE}{number} {to_do}",
        dashboard=(dashboard, {"job": "shop", "instance": "i-1", "channel": channel if dashboard in ALONE else ""}),
        silent={series: "1x4 stale", other: "1x60", INFO: "1x60"},  # it ended, another one holds
        at="15m",
        not_yet=not_yet,
        traces={
            "": f'{{ {conditions} && name = "finding {finding}" }}',
            "blocks_": f"{{ {conditions} && span.code.stacktrace != nil }}",
        },
    )


def cases() -> Iterator[Case]:
    """One for each finding, with each severity somewhere."""
    yield from _leaks()
    yield from _closes()
    yield from _pressure()
    yield from _stuck()


def _leaks() -> Iterator[Case]:
    yield _case(
        "F1",
        "OtelchanLeakedGoroutines",
        "critical",
        "Goroutines leak",
        "Goroutines wait and nobody will ever wake them; each keeps its stack and what that points to.",
        "Look at the line where they wait and ask who should be at the other end.",
        "otelchan-goroutines",
        number=" 6k goroutines are suspected.",
        more={SUSPECTED % (CHANNEL, "grows"): "4500x40", SUSPECTED % (CHANNEL, "stuck"): "1500x40"},
    )
    yield _case(
        "F2",
        "OtelchanGoroutineSurge",
        "warning",
        "The number of goroutines jumped up",
        "Within seconds there are several times as many as before: something starts them faster than they end.",
        "The trace says which place started them and where they wait.",
        "otelchan-goroutines",
        channel="",
        not_yet="",
    )
    yield _case(
        "F8",
        "OtelchanNeverClosed",
        "critical",
        "Receivers wait for a close that nobody will do",
        "All that ever sent have ended and nobody is left to close: they wait with everything they hold.",
        "Close the channel where its last sender ends.",
        "otelchan-close",
        number=" 3 goroutines are suspected.",
        more={SUSPECTED % (CHANNEL, "abandoned"): "3x40", SUSPECTED % ("main.other shop.go:99", "abandoned"): "7x40"},
    )
    yield _case(
        "F9",
        "OtelchanNilChannel",
        "critical",
        "Goroutines wait on a nil channel",
        "A send or a receive on nil never ends, nor does a select without cases that could.",
        "See where the channel should have been made.",
        "otelchan-channels",
        channel="nil channel",
    )


def _closes() -> Iterator[Case]:
    yield _case(
        "F4",
        "OtelchanReadAfterClose",
        "warning",
        "Goroutines read from a channel that is closed and empty",
        "They get zero values at once, again and again: usually a loop that does not see the close.",
        "Make the loop end when the second result of the receive is false.",
        "otelchan-close",
    )
    fault = _case(
        "F5",
        "OtelchanCloseFault",
        "critical",
        "A channel operation panicked",
        "A send on a closed channel, or a close of a closed or nil one; the program dies of it unless it recovers.",
        "The trace has the stack, and says who had closed the channel before.",
        "otelchan-close",
        number=" 5 panics since the agent came.",
        more={PANICS % "send_on_closed": "3x40", PANICS % "close_of_closed": "2x40"},
        not_yet="",
    )
    yield fault
    yield fault._replace(  # a program that died of it: told in one export only, two minutes ago, and never again
        fires={
            series: "1 stale" if series.startswith("otelchan_finding") else "1x40" for series in list(fault.fires)[:2]
        },
        description=fault.description.replace(" 5 panics since the agent came.", ""),
        silent={INFO: "1x10"},
        at="2m",
    )
    yield _case(
        "F6",
        "OtelchanDrainResidue",
        "info",
        "A closed channel still has elements that nobody takes",
        "What was in the buffer at the close was not received: the receivers stopped too early.",
        "Find out why the receivers left before the channel was empty.",
        "otelchan-close",
    )
    yield _case(
        "F7",
        "OtelchanCloseOrder",
        "warning",
        "A channel was closed before the one that feeds it",
        "What still comes out of the other one has nowhere to go: it is dropped, or the next send panics.",
        "Close from the source to the sink, each after its senders are done.",
        "otelchan-close",
    )


def _pressure() -> Iterator[Case]:
    lag = f'channel_lag{{job="shop", instance="i-1", channel_name={quoted(ODD)}}}'
    yield _case(
        "F10",
        "OtelchanSaturation",
        "warning",
        "A channel is full and its senders wait",
        "More comes in than is taken out; everything in it is late by as long as the backlog takes.",
        "See who receives and what it waits for; a larger buffer only delays this.",
        "otelchan-channels",
        channel=ODD,
        number=" The lag is 60 elements and waiting senders.",
        more={lag: "60x40"},
        not_yet="4m30s",
    )
    yield _case(
        "F11",
        "OtelchanLatencyObjective",
        "critical",
        "A latency objective is broken",
        "Operations block longer than the objective allows, and it gets worse; a warning means it is on probation.",
        "The slowest block says who woke it: see what the other side did meanwhile.",
        "otelchan-objectives",
        not_yet="",
    )
    yield _case(
        "F12",
        "OtelchanDanglingChannels",
        "info",
        "Channels are made and kept without being used or closed",
        "There are more and more of them, and something keeps them in memory.",
        "See what keeps them: a map, a slice, a closure.",
        "otelchan-channels",
        not_yet="4m30s",
    )


def _stuck() -> Iterator[Case]:
    yield _case(
        "F14",
        "OtelchanSuspectedDeadlock",
        "critical",
        "Goroutines wait for each other",
        "All that could let any of them go on are among them; none will go on by itself.",
        "The trace has one event for each goroutine with its stack and its role.",
        "otelchan-topology",
    )
    yield _case(
        "F15",
        "OtelchanDeepStacks",
        "info",
        "Goroutines are blocked below very many frames",
        "A deep recursion, or many layers, holds on to all that its frames refer to.",
        "See the line in the trace, and what calls itself there.",
        "otelchan-goroutines",
        not_yet="4m30s",
    )
    yield _case(
        "F16",
        "OtelchanStuckOnLock",
        "warning",
        "Goroutines are stuck on a lock",
        "A mutex is not unlocked, a WaitGroup is not done, a Cond is not signalled.",
        "See who holds it: often one that returned early, or waits for something else with it.",
        "otelchan-goroutines",
        channel="",
    )
