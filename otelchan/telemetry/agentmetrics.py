"""The agent's own metrics, as rows of the signal catalogue."""

from __future__ import annotations

from otelchan.telemetry.signals import Kind, Metric, Owner

AGENT_BOUNDS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def _agent(
    name: str, kind: Kind, unit: str, attributes: tuple[str, ...], text: str, bounds: tuple[float, ...] = ()
) -> Metric:
    return Metric(name, kind, unit, attributes, text, Owner.AGENT, bounds)


AGENT_METRICS = (
    _agent("otelchan.build.info", Kind.GAUGE, "{build}", ("otelchan.version",), "Always 1."),
    _agent("otelchan.start.time", Kind.GAUGE, "s", (), "Unix time at which this agent started."),
    _agent("process.cpu.time", Kind.COUNTER, "s", ("cpu.mode",), "Processor time of the agent itself."),
    _agent("process.memory.usage", Kind.UP_DOWN_COUNTER, "By", (), "Memory of the agent itself, resident."),
    _agent("process.thread.count", Kind.UP_DOWN_COUNTER, "{thread}", (), "Threads of the agent itself."),
    _agent(
        "process.unix.file_descriptor.count",
        Kind.UP_DOWN_COUNTER,
        "{file_descriptor}",
        (),
        "Open file descriptors of the agent itself.",
    ),
    _agent("otelchan.target.count", Kind.GAUGE, "{process}", (), "Processes watched now."),
    _agent("otelchan.target.refused", Kind.GAUGE, "{process}", (), "Running Go processes that cannot be watched."),
    _agent("otelchan.target.missed", Kind.COUNTER, "{process}", (), "Processes that ended before they were looked at."),
    _agent(
        "otelchan.attach.failed",
        Kind.COUNTER,
        "{failure}",
        ("otelchan.reason",),
        "Programs that could not be watched, or not any more, though they ran: because of the process (`target`: not "
        "ours to read, watched by another otelchan, too many), its executable or its code in memory (`binary`), the "
        "kernel (`kernel`), its memory that could not be read (`memory`).",
    ),
    _agent(
        "otelchan.probe.count",
        Kind.GAUGE,
        "{probe}",
        ("otelchan.plane",),
        "Probes attached now; those that the processes of one executable share count once.",
    ),
    _agent(
        "otelchan.probe.attached", Kind.GAUGE, "{process}", ("otelchan.plane",), "Processes where that plane is on."
    ),
    _agent(
        "otelchan.probe.left_out",
        Kind.GAUGE,
        "{process}",
        ("otelchan.plane", "otelchan.reason"),
        "Processes without that plane: `off`, `over_budget`, `sliced` (so too, but it is attached for milliseconds now "
        "and then, and what it counts is estimated), `not_wanted`, `not_found`, `not_effective`.",
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
    _agent(
        "otelchan.event.lost",
        Kind.COUNTER,
        "{event}",
        ("otelchan.reason",),
        "What could not be counted or kept: no room for a wait (`park`), counts (`count`), block times (`histogram`), "
        "facts of a close or a panic (`rare`), a place that uses a channel (`edge`) or a span (`span`); a read of the "
        "program's memory that failed (`read`), or one of a goroutine's labels (`label`); an operation on a channel "
        "whose make was not seen (`name`); a wait that began before the probes came (`unparked`); a select that may be "
        "counted twice (`stale`), or with more cases than are counted as would_block (`case`).",
    ),
    _agent("otelchan.span.sampled_out", Kind.COUNTER, "{span}", (), "Spans not exported because of the rate limit."),
    _agent("otelchan.dump.written", Kind.COUNTER, "{dump}", (), "Dumps of all stacks written because of a surge (F2)."),
    _agent(
        "otelchan.dump.left_out",
        Kind.COUNTER,
        "{dump}",
        ("otelchan.reason",),
        "Dumps that a surge did not get: `full` (the folder has `dumps.files`), `too_soon` (`dumps.pause_s`), `busy` "
        "(16 others wait to be written), `gone` (the program), `folder` (it cannot be written, or is not ours alone), "
        "`failed`.",
    ),
    _agent(
        "otelchan.log.record",
        Kind.COUNTER,
        "{record}",
        ("otelchan.log.level",),
        "Lines that the agent has logged since its telemetry began, of the levels that it logs.",
    ),
    _agent("otelchan.series.overflow", Kind.GAUGE, "{series}", (), "Series over the cap now."),
    _agent("otelchan.map.entry.count", Kind.GAUGE, "{entry}", ("otelchan.map.name",), "Entries in a kernel map."),
    _agent("otelchan.map.entry.limit", Kind.GAUGE, "{entry}", ("otelchan.map.name",), "Room in a kernel map."),
    _agent("otelchan.collect.duration", Kind.HISTOGRAM, "s", (), "Time to look at one program.", AGENT_BOUNDS_S),
    _agent(
        "otelchan.assess.duration",
        Kind.HISTOGRAM,
        "s",
        (),
        "Time to find what is wrong in one program, part of the time to look at it.",
        AGENT_BOUNDS_S,
    ),
    _agent(
        "otelchan.objective.left_out",
        Kind.GAUGE,
        "{objective}",
        (),
        "Operations on channels that have an objective for which there is no room: they are not looked at.",
    ),
    _agent(
        "otelchan.export.duration",
        Kind.HISTOGRAM,
        "s",
        ("otelchan.signal",),
        "Time of one request, answered or not.",
        AGENT_BOUNDS_S,
    ),
    _agent(
        "otelchan.export.queue.size",
        Kind.GAUGE,
        "{item}",
        ("otelchan.signal",),
        "Metric points and spans that wait for the network or are under way, just before the agent's own join them; "
        "no series when the network is not used.",
    ),
    _agent(
        "otelchan.export.queue.limit",
        Kind.GAUGE,
        "{item}",
        ("otelchan.signal",),
        "Room for spans that wait. Of metrics only the newest points of each program wait: they need no limit.",
    ),
    _agent("otelchan.export.sent", Kind.COUNTER, "{item}", ("otelchan.signal",), "Metric points and spans accepted."),
    _agent(
        "otelchan.export.failed",
        Kind.COUNTER,
        "{item}",
        ("otelchan.signal", "otelchan.reason"),
        "Metric points and spans that were given up: `refused`, `unreachable`, `timeout`, `tls`, `connection`, "
        "`http_<status>`, `grpc_<status>`, `overflow`, `superseded`, `shutdown`, `file`, `internal` (a bug of ours).",
    ),
    _agent(
        "otelchan.export.rejected",
        Kind.COUNTER,
        "{item}",
        ("otelchan.signal", "otelchan.reason"),
        "Metric points and spans that the endpoint took the request of but not them (`partial_success`).",
    ),
)
