"""An agent from its start to its end: exporting, or handing what it sees to a caller. Composition, as agent is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from otelchan.agent import Agent, Publish, Report
from otelchan.config import Apply, Config
from otelchan.dumps import Dumps
from otelchan.kernel.footprint import give_back_large_blocks
from otelchan.probes import cost_of
from otelchan.tap import Tap
from otelchan.target.selection import Selection
from otelchan.telemetry import Telemetry
from otelchan.telemetry.own import AgentMetrics


@contextmanager
def opened(config: Config, selection: Selection, tap: Tap | None = None) -> Iterator[Agent]:
    """An Agent that is attached, and detaches whatever happens."""
    give_back_large_blocks()
    agent = Agent(config, selection, tap)
    try:
        agent.open()
        yield agent
    finally:
        agent.close()


def export(
    config: Config,
    selection: Selection,
    stop: threading.Event,
    duration_s: float | None = None,
    reload: Callable[[Apply], None] = lambda apply: None,
) -> None:
    """Attach and export until told to stop. reload: called all the time; hands other settings to its argument, which
    raises UsageError when they cannot be used. Raises OtelchanError for what the user can fix.
    """
    with ExitStack() as undo, opened(config, selection) as agent:
        # The programs are let go first, whatever the network does; then telemetry may take its time.
        telemetry = Telemetry(config)
        undo.callback(telemetry.close)
        dumps = Dumps(config)
        undo.callback(dumps.close)
        agent.on_surge = lambda watch: dumps.take(watch.process, watch.image)

        def report(agent: Agent) -> None:
            _describe(agent, telemetry.own)
            _describe_dumps(dumps, telemetry.own)
            telemetry.flush()

        def apply(config: Config) -> None:
            telemetry.reconfigure(config)  # first, because it may refuse
            agent.reconfigure(config)
            dumps.reconfigure(config)

        agent.run(stop, duration_s, telemetry.publish, report, lambda: reload(apply))


def _describe(agent: Agent, own: AgentMetrics) -> None:
    """What the probes cost, and how full the kernel's maps are."""
    for watch in agent.watches.values():
        source = f"{watch.process.pid}/{watch.process.start_ticks}"
        for plane, (hits, cost_ns) in cost_of(watch.hits).items():
            own.total("otelchan.probe.hit", hits, {"otelchan.plane": plane}, source)
            own.total("otelchan.probe.time", cost_ns / 1e9, {"otelchan.plane": plane}, source)
    own.set("otelchan.target.refused", agent.watches.arrivals.refused)
    own.total("otelchan.target.missed", agent.watches.arrivals.missed)
    own.set("otelchan.objective.left_out", agent.objectives.over)
    own.set("otelchan.overhead.measured", max((w.governor.share for w in agent.watches.values()), default=0.0))
    for duration_ns in agent.collect_ns:
        own.add("otelchan.collect.duration", duration_ns / 1e9)
    for duration_ns in agent.assess_ns:
        own.add("otelchan.assess.duration", duration_ns / 1e9)
    for name, (entries, limit) in agent.fill.items():
        own.set("otelchan.map.entry.count", entries, {"otelchan.map.name": name})
        own.set("otelchan.map.entry.limit", limit, {"otelchan.map.name": name})


def _describe_dumps(dumps: Dumps, own: AgentMetrics) -> None:
    own.total("otelchan.dump.written", dumps.written)
    for reason, number in dict(dumps.left_out).items():
        own.total("otelchan.dump.left_out", number, {"otelchan.reason": reason})


def watch(
    config: Config,
    selection: Selection,
    stop: threading.Event,
    duration_s: float | None,
    publish: Publish,
    report: Report = lambda agent: None,
) -> None:
    """Attach and hand snapshots and findings to `publish`, without exporting anything. report: as Agent.run."""
    with opened(config, selection) as agent:
        agent.run(stop, duration_s, publish, report)
