"""A snapshot and its findings to metric points. Pure: what the signal catalogue promises, from what the model knows."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from otelchan.findings.types import LEAKS, Assessment, Finding, ObjectiveView
from otelchan.kernel.types import DELAY_BOUNDS_NS
from otelchan.model.types import OPERATIONS, BlockSpan, ChannelView, Histogram, Snapshot
from otelchan.telemetry.catalogue import BLOCK_BOUNDS_NS
from otelchan.telemetry.overhead import overhead_points
from otelchan.telemetry.points import Attributes, Exemplar, HistogramValue, Point

_SLO_STATES = ("closed", "half-open", "open")  # by the value of channel.slo.state
_SHOWN_STATES = ("in_use", "closed")  # also when no channel is in them
Exemplars = dict[tuple[str, str, int], BlockSpan]  # (channel, operation, bucket) -> the slowest block


def metric_points(snapshot: Snapshot, assessment: Assessment) -> list[Point]:
    """All points of one program; those that matter most come first, for the cap."""
    slowest = slowest_blocks(snapshot.spans)
    points = list(_goroutine_points(snapshot))
    points.extend(_finding_points(assessment.findings))
    points.extend(overhead_points(snapshot))
    points.append(Point("goroutine.surge", (), assessment.surges, snapshot.attached_unix_ns))
    points.extend(_objective_points(assessment.objectives))
    points.extend(_estimate_points(snapshot))
    for channel in snapshot.channels:
        points.extend(_channel_points(channel, snapshot, slowest))
        points.extend(_assessed_points(channel, snapshot, assessment))
    points.extend(_edge_points(snapshot))
    return points


def slowest_blocks(spans: Iterable[BlockSpan]) -> Exemplars:
    """The slowest span of each exported bucket: the exemplars of the interval. What has not ended is in no bucket."""
    found: Exemplars = {}
    for span in spans:
        if span.ongoing:
            continue
        duration = span.end_unix_ns - span.start_unix_ns
        key = (span.channel, span.operation, bisect_left(BLOCK_BOUNDS_NS, duration))
        best = found.get(key)
        if best is None or duration > best.end_unix_ns - best.start_unix_ns:
            found[key] = span
    return found


def exported_histogram(histogram: Histogram) -> HistogramValue:
    """The same counts in the exported buckets.

    A kernel bucket goes to the smallest exported bound that is not below its own upper bound. That is exact, because
    every exported bound is also a bound of the kernel's buckets. The count is the sum of the buckets: the kernel's
    own count is read at another instant and may differ by what happened in between.
    """
    return _in_bounds(histogram, BLOCK_BOUNDS_NS)


def _in_bounds(histogram: Histogram, bounds_ns: Sequence[int]) -> HistogramValue:
    counts = [0] * (len(bounds_ns) + 1)
    for upper_bound_ns, count in histogram.buckets:
        counts[bisect_left(bounds_ns, upper_bound_ns)] += count
    return HistogramValue(tuple(counts), histogram.sum_ns / 1e9)


def _goroutine_points(snapshot: Snapshot) -> Iterator[Point]:
    goroutines = snapshot.goroutines
    yield Point("go.goroutine.count", (), goroutines.count, snapshot.process.created_unix_ns)
    for name, counter in (("goroutine.created", goroutines.created), ("goroutine.exited", goroutines.exited)):
        if counter is not None:
            yield Point(name, (), counter.value, counter.start_unix_ns)
    for reason, count in goroutines.blocked.items():
        yield Point("goroutine.blocked", (("goroutine.wait_reason", reason),), count)
    for reason, age in goroutines.oldest.items():
        yield Point("goroutine.wait.age", (("goroutine.wait_reason", reason),), age.age_ns / 1e9)


def _finding_points(findings: Sequence[Finding]) -> Iterator[Point]:
    suspected: defaultdict[Attributes, int] = defaultdict(int)
    holding: defaultdict[Attributes, int] = defaultdict(int)
    for finding in findings:
        holding[
            ("finding.id", finding.id), ("finding.severity", finding.severity), ("channel.name", finding.channel)
        ] += 1
        if finding.id in LEAKS:
            suspected[
                ("channel.name", finding.channel),
                ("goroutine.wait_reason", finding.wait_reason),
                ("code.function.name", finding.site.function if finding.site else ""),
                ("leak.evidence", finding.evidence),
            ] += finding.count
    for name, points in (("otelchan.finding", holding), ("goroutine.leak.suspected", suspected)):
        for attributes, value in points.items():
            yield Point(name, attributes, value)


def _channel_points(channel: ChannelView, snapshot: Snapshot, slowest: Exemplars) -> Iterator[Point]:
    named: Attributes = (("channel.name", channel.name), ("channel.name.source", channel.source))
    typed: Attributes = (*named, ("channel.element.type", channel.element_type))
    for error, panics in channel.panics.items():
        yield Point("channel.panic", (*named, ("error.type", error)), panics.value, panics.start_unix_ns)
    for (operation, status), counter in channel.processed.items():
        attributes = (*named, ("channel.operation", operation), ("channel.status", status))
        yield Point("channel.process", attributes, counter.value, counter.start_unix_ns)
    if channel.kind == "nil":
        return  # nothing has a length, is closed or can be waited for
    if channel.kind == "user":  # the lag of a timer or of a context says nothing
        yield Point("channel.lag", typed, channel.lag)
    yield Point("channel.capacity", typed, channel.capacity)
    yield from _close_points(channel, named)
    for operation in OPERATIONS:
        yield from _sided_points(channel, (*named, ("channel.operation", operation)), operation, slowest)


def _assessed_points(channel: ChannelView, snapshot: Snapshot, assessment: Assessment) -> Iterator[Point]:
    if channel.kind == "nil":
        return
    named: Attributes = (("channel.name", channel.name), ("channel.name.source", channel.source))
    states = {**dict.fromkeys(_SHOWN_STATES, 0), **assessment.states.get(channel.name, {})}
    if channel.kind != "user":  # of which no more is asked than whether it is closed
        states = {"in_use": channel.channels - channel.closed, "closed": channel.closed}
    for state, count in states.items():
        if count or state in _SHOWN_STATES:
            yield Point("channel.count", (*named, ("channel.state", state)), count, snapshot.process.created_unix_ns)
    health = assessment.health.get(channel.name)
    if health is not None:
        yield Point("channel.health", named, health.score)


def _objective_points(objectives: Iterable[ObjectiveView]) -> Iterator[Point]:
    for view in objectives:
        sided: Attributes = (
            ("channel.name", view.channel),
            ("channel.name.source", view.channel_source),
            ("channel.operation", view.operation),
        )
        yield Point("channel.slo.state", sided, _SLO_STATES.index(view.state))
        yield Point("channel.slo.objective", sided, view.objective_ns / 1e9)
        for window, samples in view.samples.items():
            attributes = (*sided, ("slo.window", window))
            yield Point("channel.slo.sample", attributes, samples)
            value_ns = view.p999_ns.get(window)
            if value_ns is not None:
                yield Point("channel.slo.p999", attributes, value_ns / 1e9)


def _estimate_points(snapshot: Snapshot) -> Iterator[Point]:
    for each in snapshot.estimates:
        attributes: Attributes = (
            ("channel.name", each.channel),
            ("channel.name.source", each.source),
            ("channel.operation", each.operation),
            ("channel.status", each.status),
        )
        for end, value in (("", each.value), (".lower", each.lower), (".upper", each.upper)):
            yield Point(f"channel.process.estimate{end}", attributes, value, each.start_unix_ns)


def _edge_points(snapshot: Snapshot) -> Iterator[Point]:
    """A function may use a channel at several places."""
    sources = {channel.name: channel.source for channel in snapshot.channels}
    samples: defaultdict[Attributes, int] = defaultdict(int)
    parked: defaultdict[Attributes, int] = defaultdict(int)
    for edge in snapshot.edges:
        attributes: Attributes = (
            ("channel.name", edge.channel),
            ("channel.name.source", sources.get(edge.channel, "use")),
            ("channel.operation", edge.operation),
            ("code.function.name", edge.frame.function),
        )
        samples[attributes] += edge.samples
        parked[attributes] += edge.parked
    for attributes, value in parked.items():
        if value:  # most functions wait nowhere: they have no series
            yield Point("channel.edge.waiters", attributes, value)
    for attributes, value in samples.items():
        yield Point("channel.edge", attributes, value, snapshot.attached_unix_ns)


def _close_points(channel: ChannelView, named: Attributes) -> Iterator[Point]:
    """Most channels are never closed: what can only be said of those that are has no series before."""
    if channel.closes is None:
        return
    yield Point("channel.close", named, channel.closes.value, channel.closes.start_unix_ns)
    if not channel.closes.value:
        return
    for name, counter in (("channel.close.residue", channel.residue), ("channel.close.drained", channel.drained)):
        if counter is not None:
            yield Point(name, named, counter.value, counter.start_unix_ns)
    if channel.closed_unix_ns:
        function = channel.closed_by.function if channel.closed_by else ""
        attributes = (*named, ("code.function.name", function))
        yield Point("channel.close.time", attributes, channel.closed_unix_ns / 1e9)
    delay = channel.read_delay
    if delay is not None and delay.count:
        start_unix_ns = channel.read_delay_start_unix_ns
        yield Point("channel.close.read_delay", named, _in_bounds(delay, DELAY_BOUNDS_NS), start_unix_ns)


def _sided_points(channel: ChannelView, sided: Attributes, operation: str, slowest: Exemplars) -> Iterator[Point]:
    yield Point("channel.waiters", sided, channel.waiters.get(operation, 0))
    oldest = channel.oldest.get(operation)
    if oldest is not None:
        yield Point("channel.wait.age", sided, oldest.age_ns / 1e9)
    histogram = channel.blocks.get(operation)
    if histogram is not None and channel.blocks_start_unix_ns:
        yield Point(
            "channel.block.duration",
            sided,
            exported_histogram(histogram),
            channel.blocks_start_unix_ns,
            _exemplars(channel.name, operation, slowest),
        )


def _exemplars(channel: str, operation: str, slowest: Exemplars) -> tuple[Exemplar, ...]:
    spans = (slowest.get((channel, operation, bucket)) for bucket in range(len(BLOCK_BOUNDS_NS) + 1))
    return tuple(
        Exemplar((span.end_unix_ns - span.start_unix_ns) / 1e9, span.end_unix_ns, *span.context)
        for span in spans
        if span is not None
    )
