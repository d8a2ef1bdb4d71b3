"""An agent from its start to its end: exporting, or handing what it sees to a caller. Composition, as agent is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from otelchan.agent import Agent, Publish, Report
from otelchan.config import Apply, Config
from otelchan.dumps import Dumps
from otelchan.kernel.capabilities import Capability, alone
from otelchan.kernel.footprint import give_back_large_blocks
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.types import Extra
from otelchan.privileges import Later, restrict, say_who_is_not_seen
from otelchan.probes import SHARED, cost_of
from otelchan.supervisor import Supervisor
from otelchan.tap import Tap
from otelchan.target.selection import Selection
from otelchan.telemetry import Telemetry
from otelchan.telemetry.logcount import LogCount
from otelchan.telemetry.own import AgentMetrics

if TYPE_CHECKING:
    from otelchan.status import Status


@contextmanager
def opened(config: Config, selection: Selection, tap: Tap | None = None) -> Iterator[Agent]:
    """An Agent that is attached, and detaches whatever happens."""
    give_back_large_blocks()
    agent = Agent(config, selection, tap)
    try:
        say_who_is_not_seen(selection)
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
    supervisor: Supervisor | None = None,
    later: Iterable[Later] = (),
) -> None:
    """Attach and export until told to stop. reload: called all the time; hands other settings to its argument, which
    raises UsageError when they cannot be used. supervisor: is told how the agent is; None: nobody. later: as in
    privileges.restrict. Raises OtelchanError for what the user can fix.
    """
    supervisor = supervisor or Supervisor({})
    with ExitStack() as undo, _answering(config) as status, opened(config, selection) as agent:
        restrict(config, selection, agent.session, later)
        # The programs are let go first, whatever the network does; then telemetry may take its time.
        telemetry = Telemetry(config)
        undo.callback(telemetry.close)
        undo.callback(LogCount(telemetry.own.add).close)
        dumps = Dumps(config)
        undo.callback(dumps.close)
        agent.on_surge = lambda watch: dumps.take(watch.process, watch.image)

        sources: set[str] = set()

        def report(agent: Agent) -> None:
            _describe(agent, telemetry.own, sources)
            _describe_dumps(dumps, telemetry.own)
            telemetry.flush()
            supervisor.status(len(agent.watches), agent.watches.arrivals.refused)
            if status:
                status.round(agent)

        def refresh() -> None:
            supervisor.turn()
            if status:
                status.turn(agent)
            reload(apply)

        def apply(config: Config) -> None:
            telemetry.reconfigure(config)  # first, because it may refuse
            agent.reconfigure(config)
            dumps.reconfigure(config)
            if status:
                status.reconfigure(config)

        if status:
            status.show(telemetry.own)
        undo.callback(supervisor.stopping)
        agent.run(stop, duration_s, telemetry.publish, report, refresh)


@contextmanager
def _answering(config: Config) -> Iterator[Status | None]:
    """What says over HTTP how the agent is, when that is asked for. Raises UsageError."""
    if config.status.listen is None:
        yield None
        return
    from otelchan.status import Status

    status = alone(lambda: Status(config), Capability.NET_BIND_SERVICE)  # its thread reads what comes over the network
    try:
        yield status
    finally:
        status.close()


def _describe(agent: Agent, own: AgentMetrics, sources: set[str]) -> None:
    """What the probes cost, and how full the kernel's maps are. sources: programs that were there; those that are not
    any more are forgotten, or millions that come and go would take memory for ever."""
    gone = set(sources)
    for watch in agent.watches.values():
        source = f"{watch.process.pid}/{watch.process.start_ticks}"
        sources.add(source)
        gone.discard(source)
        paid = cost_of(watch.rationing.hits, watch.probes.plan.costs)
        for plane, (hits, cost_ns) in (*paid.items(), (Extra.SLICES, watch.rationing.slices)):
            own.total("otelchan.probe.hit", hits, {"otelchan.plane": plane}, source)
            own.total("otelchan.probe.time", cost_ns / 1e9, {"otelchan.plane": plane}, source)
    sources -= gone
    own.forget(*gone)
    for name, number in _probes(agent).items():
        own.set("otelchan.probe.count", number, {"otelchan.plane": name})
    own.set("otelchan.target.refused", agent.watches.arrivals.refused)
    for reason, number in agent.watches.arrivals.failures.items():
        own.total("otelchan.attach.failed", number, {"otelchan.reason": reason})
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


def _probes(agent: Agent) -> dict[str, int]:
    """How many probes are attached, by plane; those of an executable's file once for all its processes."""
    attached: dict[tuple[str, int], int] = {}
    for target_id, watch in agent.watches.items():
        for plane, link in watch.probes.links.items():
            owner = watch.file.number if link == SHARED and watch.file else -1 - target_id
            attached[plane.value, owner] = len(watch.probes.plan.planes[plane])
    return {
        plane.value: sum(number for (name, _), number in attached.items() if name == plane.value)
        for plane in PLANE_ORDER
    }


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
    *,
    lean: bool = False,
) -> None:
    """Attach and hand snapshots and findings to `publish`, without exporting anything. report: as Agent.run. lean: this
    thread gives up for good what it does not need to watch, so that it may do nothing else afterwards either."""
    with opened(config, selection) as agent:
        if lean:
            restrict(config, selection, agent.session)
        agent.run(stop, duration_s, publish, report)
