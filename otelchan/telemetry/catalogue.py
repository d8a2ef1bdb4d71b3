"""The signal catalogue: the one place where metrics, attributes, spans and events are declared. Only what is emitted.

`python -m otelchan.telemetry.catalogue > docs/metrics.md` writes the reference from it; a test fails on drift.
"""

from __future__ import annotations

from otelchan.kernel.types import DELAY_BOUNDS_NS
from otelchan.telemetry.agentmetrics import AGENT_METRICS
from otelchan.telemetry.attributes import ATTRIBUTES as _ATTRIBUTES
from otelchan.telemetry.overhead import OVERHEAD_METRICS
from otelchan.telemetry.signals import Kind, Metric, SpanShape

# channel.block.duration: every bound is a power of two of nanoseconds, so an exact edge of the kernel's buckets (four
# per octave). Every second octave from 1 us to 69 s, and every one from 67 ms to 1 s, where a program becomes slow.
BLOCK_BOUND_OCTAVES = (10, 12, 14, 16, 18, 20, 22, 24, 26, 27, 28, 29, 30, 32, 34, 36)
BLOCK_BOUNDS_NS = tuple(1 << octave for octave in BLOCK_BOUND_OCTAVES)
BLOCK_BOUNDS_S = tuple(bound / 1e9 for bound in BLOCK_BOUNDS_NS)
# channel.close.read_delay: the decades of the kernel's buckets.
DELAY_BOUNDS_S = tuple(bound / 1e9 for bound in DELAY_BOUNDS_NS)
_NAMED = ("channel.name", "channel.name.source")
_TYPED = (*_NAMED, "channel.element.type")
_SIDED = (*_NAMED, "channel.operation")


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
        "Goroutines that may never go on: those that findings of kind F1, F8 and F9 are about.",
    ),
    Metric(
        "otelchan.finding",
        Kind.GAUGE,
        "{finding}",
        ("finding.id", "finding.severity", "channel.name"),
        "Findings that hold now.",
    ),
    Metric("goroutine.surge", Kind.COUNTER, "{surge}", (), "Times that the number of goroutines jumped up (F2)."),
    Metric("channel.lag", Kind.GAUGE, "{element}", _TYPED, "Buffered elements plus parked senders; not for timers."),
    Metric("channel.capacity", Kind.GAUGE, "{element}", _TYPED, "Sum of the capacities."),
    Metric(
        "channel.count",
        Kind.UP_DOWN_COUNTER,
        "{channel}",
        (*_NAMED, "channel.state"),
        "Live channels by state; others than the program's own are in use or closed.",
    ),
    Metric(
        "channel.edge",
        Kind.COUNTER,
        "{sample}",
        (*_SIDED, "code.function.name"),
        "Topology: which function uses the channel. Counts the operations of which the caller was looked at: the first "
        "of each goroutine on a channel (of a name that has moved 65,536 elements only some of these), one of 64 after "
        "it. 0: known from who waits there, or closed.",
    ),
    Metric(
        "channel.edge.waiters",
        Kind.GAUGE,
        "{goroutine}",
        (*_SIDED, "code.function.name"),
        "Goroutines parked now in that function on channels of that name; one in a select counts on each channel that "
        "it waits on. No series while none is.",
    ),
    Metric("channel.health", Kind.GAUGE, "{score}", _NAMED, "0 to 100; what is taken off is in docs/findings.md, F13."),
    Metric(
        "channel.slo.state",
        Kind.GAUGE,
        "{state}",
        _SIDED,
        "Whether a latency objective is kept: 0 closed (kept), 1 half-open, 2 open; docs/findings.md, F11.",
    ),
    Metric("channel.slo.objective", Kind.GAUGE, "s", _SIDED, "What a latency objective allows."),
    Metric(
        "channel.slo.p999",
        Kind.GAUGE,
        "s",
        (*_SIDED, "slo.window"),
        "The high quantile of the block time that the objective looks at; no series while there are too few samples.",
    ),
    Metric("channel.slo.sample", Kind.GAUGE, "{operation}", (*_SIDED, "slo.window"), "Block times in the window."),
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
        "channel.process.estimate",
        Kind.COUNTER,
        "{element}",
        (*_SIDED, "channel.status"),
        "Operations finished, estimated from samples of time: in place of `channel.process` where counting each would "
        "pass the budget.",
    ),
    Metric(
        "channel.process.estimate.lower",
        Kind.COUNTER,
        "{element}",
        (*_SIDED, "channel.status"),
        "So many at least: the lower bound of `channel.process.estimate`; the truth is between the bounds in 95 % of "
        "such estimates.",
    ),
    Metric(
        "channel.process.estimate.upper",
        Kind.COUNTER,
        "{element}",
        (*_SIDED, "channel.status"),
        "So many at most: the upper bound of `channel.process.estimate`.",
    ),
    Metric(
        "channel.block.duration",
        Kind.HISTOGRAM,
        "s",
        _SIDED,
        "From park to wake; its count is the number of operations that had to wait. The exemplar of a bucket is the "
        "slowest block in it since the last export, within 1/32, of those over `span_threshold_ms`; its span is always "
        "exported, whatever the rate of spans.",
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
    "otelchan.span.state",
    "otelchan.wait.at_least",
    "otelchan.request.trace_id",
    "otelchan.request.span_id",
)
_LINK = ("otelchan.link",)
_PANIC = (*_TYPED, "channel.id", "error.type", "goroutine.id", *_CODE)
_MEMBER = (
    *("goroutine.id", "channel.name", "channel.operation", "goroutine.wait_reason", "code.stacktrace"),
    "finding.role",
)
_FINDING = (
    *("finding.id", "finding.severity", "finding.state", "finding.sentence", "channel.name", "leak.evidence"),
    *("goroutine.wait_reason", "finding.count", "finding.age", *_CODE[:3]),
)

SPANS = (
    SpanShape(
        "send {channel.name}",
        _BLOCK,
        "A send that waited longer than the threshold, or that still does.",
        ("woken",),
        _WOKEN,
        link_attributes=_LINK,
    ),
    SpanShape(
        "recv {channel.name}",
        _BLOCK,
        "A receive that waited longer than the threshold, or that still does.",
        ("woken",),
        _WOKEN,
        link_attributes=_LINK,
    ),
    SpanShape(
        "select {code.function.name}",
        (*_BLOCK, "channel.select.case"),
        "A select that waited longer than the threshold, or that still does.",
        ("woken",),
        _WOKEN,
        link_attributes=_LINK,
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
        "it ends, over the time it held, linked to the first; with an event for each goroutine where they differ.",
        ("goroutine",),
        _MEMBER,
        "at the end of the span",
    ),
)
ATTRIBUTES = {attribute.name: attribute for attribute in _ATTRIBUTES}
METRICS = {metric.name: metric for metric in (*_METRICS, *OVERHEAD_METRICS, *AGENT_METRICS)}

if __name__ == "__main__":
    from otelchan.telemetry.reference import markdown

    print(markdown(), end="")
