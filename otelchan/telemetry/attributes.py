"""Every attribute that a point, a span or an event has besides its Resource: type, values, meaning."""

from __future__ import annotations

from otelchan.findings.types import EVIDENCE, FINDINGS, SEVERITIES, STATES
from otelchan.kernel.types import PANICS
from otelchan.model.types import STATUSES
from otelchan.telemetry.overhead import PLANE_STATES
from otelchan.telemetry.signals import Attribute

OVERFLOW = "otel.metric.overflow"

ATTRIBUTES = (
    Attribute(
        "channel.name",
        "string",
        "Where the channel was made, `pkg.Func file.go:line`; or its type and a function that uses it.",
    ),
    Attribute(
        "channel.name.source",
        "string",
        "How the name is known: its make was seen; the only make in the code that fits; from its use; from the user.",
        ("make", "code", "use", "alias"),
    ),
    Attribute("channel.element.type", "string", "Go type of the elements, as reflect prints it."),
    Attribute(
        "channel.operation",
        "string",
        "What it does; for a select, the case that won, see also `channel.select.case`. `close` only for the topology.",
        ("send", "recv", "close"),
    ),
    Attribute(
        "channel.status",
        "string",
        "How it ended; `closed`: a receive from a closed channel; `would_block`: one that does not block, or a case of "
        "a select that took its default branch, had nothing to do.",
        STATUSES,
    ),
    Attribute("error.type", "string", "What was wrong with the operation.", PANICS),
    Attribute("channel.state", "string", "What state the channel is in, see docs/findings.md, F12.", STATES),
    Attribute("channel.id", "string", "Address of the channel; the garbage collector uses it again, so spans only."),
    Attribute("channel.select", "boolean", "The goroutine waited in a select."),
    Attribute(
        "channel.select.case",
        "string[]",
        "Of a select that has not ended: operation and channel of each case that is not nil, 64 at most. "
        "`channel.name` and `channel.operation` are those of one of them: on a channel of the program's own, that "
        "sends, else the first by name.",
    ),
    Attribute("channel.waker.goroutine.id", "int", "Goroutine that ended the wait; 0: the runtime itself (a timer)."),
    Attribute(
        "channel.waker.function",
        "string",
        "Function that ended the wait, the innermost that is not the runtime's: `time.sendTime` for a timer, "
        "`context.(*cancelCtx).cancel` for a context.",
    ),
    Attribute("channel.waker.how", "string", "Whether a value or a close ended the wait.", ("value", "close")),
    Attribute("channel.waker.stacktrace", "string", "The innermost frames of its stack, up to 8, as Go prints them."),
    Attribute("goroutine.id", "int", "Go's number of the goroutine."),
    Attribute("goroutine.wait_reason", "string", "Why it is parked, in the runtime's words: `chan send`, `select`."),
    Attribute("finding.count", "int", "How many goroutines, or of what docs/findings.md says, a finding is about."),
    Attribute("finding.age", "double", "Age of the oldest wait of a finding, or of what was found, in seconds."),
    Attribute("code.function.name", "string", "Innermost function that is not the runtime's."),
    Attribute("code.file.path", "string", "Its file."),
    Attribute("code.line.number", "int", "Its line."),
    Attribute("code.stacktrace", "string", "The whole stack, innermost first, as Go prints it."),
    Attribute(
        "leak.evidence",
        "string",
        "Why it is called a leak: the group grows; many wait and nobody gets on; nobody alive uses the other end; the "
        "channel is nil.",
        EVIDENCE,
    ),
    Attribute("finding.id", "string", "Kind of finding, see docs/findings.md.", tuple(FINDINGS)),
    Attribute("finding.severity", "string", "How bad.", SEVERITIES),
    Attribute("finding.state", "string", "Whether this span marks the start or the end.", ("started", "ended")),
    Attribute("finding.sentence", "string", "The finding in words."),
    Attribute("finding.role", "string", "What a goroutine of a finding has to do with the others."),
    Attribute("slo.window", "string", "Which of the two windows of an objective.", ("short", "long")),
    Attribute(
        "otelchan.exemplar",
        "boolean",
        "An exemplar of `channel.block.duration` points at this span; keep it when sampling.",
    ),
    Attribute(
        "otelchan.link",
        "string",
        "On a link: why it is there. The goroutine that ended the wait had itself waited before (`waker`); an earlier "
        "span of the same wait (`ongoing`); the request that the goroutine works for (`request`).",
        ("waker", "ongoing", "request"),
    ),
    Attribute(
        "otelchan.request.trace_id",
        "string",
        "Trace id, in hexadecimal digits, of the request that the goroutine works for, by its profiler labels.",
    ),
    Attribute("otelchan.request.span_id", "string", "The same of the request's span."),
    Attribute(
        "otelchan.span.state", "string", "The wait has not ended: the span ends when it was looked at.", ("ongoing",)
    ),
    Attribute("otelchan.wait.at_least", "boolean", "Only when true: the wait began before the span, nobody saw when."),
    Attribute("otelchan.stack.complete", "boolean", "Only when false: the stack could not be read to its end."),
    Attribute(
        "otelchan.plane",
        "string",
        "Group of probes. `slices`, of hits and their time only: probes of waits and operations while in for a time "
        "slice.",
        ("makes", "waits", "operations", "polls", "slices"),
    ),
    Attribute(
        "otelchan.plane.state",
        "string",
        "What the group is now. `trial`: on, and just attached. `over_budget`: off because of the budget; `sliced`: so "
        "too, but attached for some milliseconds now and then. `off`: not yet, or not any more. `not_wanted`: left out "
        "by the settings; `not_found`: not in this executable; `not_effective`: its probes would not count all.",
        PLANE_STATES,
    ),
    Attribute("otelchan.reason", "string", "Why something was lost, failed or is left out; see each metric."),
    Attribute("otelchan.signal", "string", "Which kind of telemetry.", ("metrics", "traces")),
    Attribute("otelchan.map.name", "string", "Kernel map."),
    Attribute("cpu.mode", "string", "Where processor time was spent.", ("user", "system")),
    Attribute("otelchan.log.level", "string", "Level of a log line.", ("debug", "info", "warning", "error")),
    Attribute("otelchan.version", "string", "Version of otelchan."),
    Attribute(OVERFLOW, "boolean", "This point stands for all series over the cap."),
)
