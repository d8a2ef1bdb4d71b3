"""The signal catalogue: the one place where metrics, attributes, spans and events are declared. Only what is emitted.

`python -m otelchan.telemetry.catalogue > docs/metrics.md` writes the reference from it; a test fails on drift.
"""

from __future__ import annotations

from otelchan.kernel.types import DELAY_BOUNDS_NS, PANICS
from otelchan.model.types import STATUSES
from otelchan.telemetry.signals import Attribute, Kind, Metric, Owner, SpanShape

# channel.block.duration: every bound is a power of two of nanoseconds, so an exact edge of the kernel's buckets (four
# per octave). Every second octave from 1 us to 69 s, and every one from 67 ms to 1 s, where a program becomes slow.
BLOCK_BOUND_OCTAVES = (10, 12, 14, 16, 18, 20, 22, 24, 26, 27, 28, 29, 30, 32, 34, 36)
BLOCK_BOUNDS_NS = tuple(1 << octave for octave in BLOCK_BOUND_OCTAVES)
BLOCK_BOUNDS_S = tuple(bound / 1e9 for bound in BLOCK_BOUNDS_NS)
# channel.close.read_delay: the decades of the kernel's buckets.
DELAY_BOUNDS_S = tuple(bound / 1e9 for bound in DELAY_BOUNDS_NS)
AGENT_BOUNDS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

OVERFLOW = "otel.metric.overflow"

_ATTRIBUTES = (
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
    Attribute("channel.operation", "string", "What it does; for a select, the case that won.", ("send", "recv")),
    Attribute(
        "channel.status",
        "string",
        "How it ended; `closed`: a receive from a closed channel; `would_block`: one that does not block, or a case of "
        "a select that took its default branch, had nothing to do.",
        STATUSES,
    ),
    Attribute("error.type", "string", "What was wrong with the operation.", PANICS),
    Attribute("channel.state", "string", "Whether the channel has been closed.", ("open", "closed")),
    Attribute("channel.id", "string", "Address of the channel; the garbage collector uses it again, so spans only."),
    Attribute("channel.select", "boolean", "The goroutine waited in a select."),
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
    Attribute("finding.goroutine.count", "int", "Goroutines that a finding is about."),
    Attribute("finding.age", "double", "Age of the oldest wait of a finding, in seconds."),
    Attribute("code.function.name", "string", "Innermost function that is not the runtime's."),
    Attribute("code.file.path", "string", "Its file."),
    Attribute("code.line.number", "int", "Its line."),
    Attribute("code.stacktrace", "string", "The whole stack, innermost first, as Go prints it."),
    Attribute(
        "leak.evidence",
        "string",
        "Why it is called a leak: the group grows, or all of it is stuck.",
        ("grows", "stuck"),
    ),
    Attribute("finding.id", "string", "Kind of finding.", ("F1",)),
    Attribute("finding.severity", "string", "How bad.", ("info", "warning", "critical")),
    Attribute("finding.state", "string", "Whether this span marks the start or the end.", ("started", "ended")),
    Attribute("finding.sentence", "string", "The finding in words."),
    Attribute("otelchan.exemplar", "boolean", "A histogram's exemplar points at this span; keep it when sampling."),
    Attribute("otelchan.stack.complete", "boolean", "Only when false: the stack could not be read to its end."),
    Attribute("otelchan.plane", "string", "Group of probes.", ("makes", "waits", "operations", "polls")),
    Attribute("otelchan.reason", "string", "Why something was lost, failed or is left out; see each metric."),
    Attribute("otelchan.signal", "string", "Which kind of telemetry.", ("metrics", "traces")),
    Attribute("otelchan.map.name", "string", "Kernel map."),
    Attribute("otelchan.version", "string", "Version of otelchan."),
    Attribute(OVERFLOW, "boolean", "This point stands for all series over the cap."),
)

_NAMED = ("channel.name", "channel.name.source")
_TYPED = (*_NAMED, "channel.element.type")
_SIDED = (*_NAMED, "channel.operation")


def _agent(
    name: str, kind: Kind, unit: str, attributes: tuple[str, ...], text: str, bounds: tuple[float, ...] = ()
) -> Metric:
    return Metric(name, kind, unit, attributes, text, Owner.AGENT, bounds)


_METRICS = (
    Metric("go.goroutine.count", Kind.UP_DOWN_COUNTER, "{goroutine}", (), "Goroutines, as runtime.NumGoroutine says."),
    Metric(
        "goroutine.created",
        Kind.COUNTER,
        "{goroutine}",
        (),
        "Goroutines started since the agent came, the runtime's own left out.",
    ),
    Metric(
        "goroutine.exited",
        Kind.COUNTER,
        "{goroutine}",
        (),
        "Goroutines ended since the agent came: those started less the change of `go.goroutine.count`.",
    ),
    Metric("goroutine.blocked", Kind.GAUGE, "{goroutine}", ("goroutine.wait_reason",), "Goroutines parked now."),
    Metric(
        "goroutine.wait.age",
        Kind.GAUGE,
        "s",
        ("goroutine.wait_reason",),
        "Age of the oldest wait of that kind; of one that began before the agent came, since it was first seen.",
    ),
    Metric(
        "goroutine.leak.suspected",
        Kind.GAUGE,
        "{goroutine}",
        ("channel.name", "goroutine.wait_reason", "code.function.name", "leak.evidence"),
        "Goroutines that findings of kind F1 are about.",
    ),
    Metric(
        "otelchan.finding",
        Kind.GAUGE,
        "{finding}",
        ("finding.id", "finding.severity", "channel.name"),
        "Findings that hold now.",
    ),
    Metric("channel.lag", Kind.GAUGE, "{element}", _TYPED, "Buffered elements plus parked senders; not for timers."),
    Metric("channel.capacity", Kind.GAUGE, "{element}", _TYPED, "Sum of the capacities."),
    Metric("channel.count", Kind.UP_DOWN_COUNTER, "{channel}", (*_NAMED, "channel.state"), "Live channels."),
    Metric("channel.waiters", Kind.GAUGE, "{goroutine}", _SIDED, "Goroutines parked on it now."),
    Metric("channel.wait.age", Kind.GAUGE, "s", _SIDED, "Age of the oldest of them; no series while nobody waits."),
    Metric(
        "channel.process",
        Kind.COUNTER,
        "{element}",
        (*_SIDED, "channel.status"),
        "Operations finished; a series is there only while it is complete.",
    ),
    Metric(
        "channel.block.duration",
        Kind.HISTOGRAM,
        "s",
        _SIDED,
        "From park to wake; its count is the number of operations that had to wait.",
        bounds=BLOCK_BOUNDS_S,
    ),
    Metric("channel.close", Kind.COUNTER, "{close}", _NAMED, "Closes."),
    Metric(
        "channel.close.time",
        Kind.GAUGE,
        "s",
        (*_NAMED, "code.function.name"),
        "Unix time of the last close, with the function that closed; no series before the first one.",
    ),
    Metric(
        "channel.close.residue",
        Kind.COUNTER,
        "{element}",
        _NAMED,
        "Elements that were in the buffer at the close; no series before the first close.",
    ),
    Metric(
        "channel.close.drained",
        Kind.COUNTER,
        "{element}",
        _NAMED,
        "Elements that were received from the buffer after the close; no series before the first close.",
    ),
    Metric(
        "channel.close.read_delay",
        Kind.HISTOGRAM,
        "s",
        _NAMED,
        "From the close to each later receive, of an element that was left or of none; a receive that was waiting when "
        "the close came is not a later one. A probe takes about a microsecond, and so does each value at least. No "
        "series before the first such receive.",
        bounds=DELAY_BOUNDS_S,
    ),
    Metric(
        "channel.panic",
        Kind.COUNTER,
        "{panic}",
        (*_NAMED, "error.type"),
        "Panics of channel operations, recovered or not; no series before the first one. What was done to nil is under "
        "the name `nil channel`, what was done to one of several closed cases of a select under `chan ?`.",
    ),
    _agent("otelchan.build.info", Kind.GAUGE, "{build}", ("otelchan.version",), "Always 1."),
    _agent("otelchan.target.count", Kind.GAUGE, "{process}", (), "Processes watched now."),
    _agent("otelchan.target.refused", Kind.GAUGE, "{process}", (), "Running Go processes that cannot be watched."),
    _agent("otelchan.target.missed", Kind.COUNTER, "{process}", (), "Processes that ended before they were looked at."),
    _agent(
        "otelchan.probe.attached", Kind.GAUGE, "{process}", ("otelchan.plane",), "Processes where that plane is on."
    ),
    _agent(
        "otelchan.probe.left_out",
        Kind.GAUGE,
        "{process}",
        ("otelchan.plane", "otelchan.reason"),
        "Processes without that plane: `off`, `over_budget`, `not_found`, `not_effective`.",
    ),
    _agent("otelchan.probe.hit", Kind.COUNTER, "{hit}", ("otelchan.plane",), "Probe hits."),
    _agent(
        "otelchan.probe.time",
        Kind.COUNTER,
        "s",
        ("otelchan.plane",),
        "Time that probes took from the watched programs, estimated as hits times the measured cost of a hit.",
    ),
    _agent(
        "otelchan.overhead.measured",
        Kind.GAUGE,
        "1",
        (),
        "Probe time as a share of one core, in the watched program that pays most.",
    ),
    _agent("otelchan.overhead.allowed", Kind.GAUGE, "1", (), "The budget for it; no series when there is none."),
    _agent("otelchan.event.lost", Kind.COUNTER, "{event}", ("otelchan.reason",), "What could not be counted or kept."),
    _agent("otelchan.span.sampled_out", Kind.COUNTER, "{span}", (), "Spans not made because of the rate limit."),
    _agent("otelchan.series.overflow", Kind.GAUGE, "{series}", (), "Series over the cap now."),
    _agent("otelchan.map.entry.count", Kind.GAUGE, "{entry}", ("otelchan.map.name",), "Entries in a kernel map."),
    _agent("otelchan.map.entry.limit", Kind.GAUGE, "{entry}", ("otelchan.map.name",), "Room in a kernel map."),
    _agent("otelchan.collect.duration", Kind.HISTOGRAM, "s", (), "Time to look at one program.", AGENT_BOUNDS_S),
    _agent(
        "otelchan.export.duration",
        Kind.HISTOGRAM,
        "s",
        ("otelchan.signal",),
        "Time of one request, answered or not.",
        AGENT_BOUNDS_S,
    ),
    _agent("otelchan.export.sent", Kind.COUNTER, "{item}", ("otelchan.signal",), "Metric points and spans accepted."),
    _agent(
        "otelchan.export.failed",
        Kind.COUNTER,
        "{item}",
        ("otelchan.signal", "otelchan.reason"),
        "Metric points and spans that were given up: `refused`, `unreachable`, `timeout`, `tls`, `connection`, "
        "`http_<status>`, `grpc_<status>`, `overflow`, `superseded`, `shutdown`, `file`.",
    ),
    _agent(
        "otelchan.export.rejected",
        Kind.COUNTER,
        "{item}",
        ("otelchan.signal", "otelchan.reason"),
        "Metric points and spans that the endpoint took the request of but not them (`partial_success`).",
    ),
)

_CODE = ("code.function.name", "code.file.path", "code.line.number", "code.stacktrace", "otelchan.stack.complete")
_WAKER = ("channel.waker.goroutine.id", "channel.waker.function", "channel.waker.how")
_WOKEN = (*_WAKER, "channel.waker.stacktrace")
_BLOCK = (
    *_TYPED,
    "channel.id",
    "channel.operation",
    "channel.select",
    "goroutine.id",
    "goroutine.wait_reason",
    *_CODE,
    *_WAKER,
    "otelchan.exemplar",
)
_PANIC = (*_TYPED, "channel.id", "error.type", "goroutine.id", *_CODE)
_FINDING = (
    *("finding.id", "finding.severity", "finding.state", "finding.sentence", "channel.name", "leak.evidence"),
    *("goroutine.wait_reason", "finding.goroutine.count", "finding.age", *_CODE[:3]),
)

SPANS = (
    SpanShape("send {channel.name}", _BLOCK, "A send that waited longer than the threshold.", ("woken",), _WOKEN),
    SpanShape("recv {channel.name}", _BLOCK, "A receive that waited longer than the threshold.", ("woken",), _WOKEN),
    SpanShape(
        "select {code.function.name}", _BLOCK, "A select that waited longer than the threshold.", ("woken",), _WOKEN
    ),
    SpanShape(
        "panic {error.type}",
        _PANIC,
        "A channel operation that was about to panic (no duration, status error), also when the program dies of it.",
    ),
    SpanShape(
        "finding {finding.id}",
        _FINDING,
        "A finding that starts to hold (no duration, status error when it is not just information), and once more when "
        "it ends, over the time it held, linked to the first.",
    ),
)
ATTRIBUTES = {attribute.name: attribute for attribute in _ATTRIBUTES}
METRICS = {metric.name: metric for metric in _METRICS}

if __name__ == "__main__":
    from otelchan.telemetry.reference import markdown

    print(markdown(), end="")
