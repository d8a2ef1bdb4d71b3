"""Snapshots from memory alone, also of core files: what `chain` shows without probes. No command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otelchan.gobinary.types import GoImage
    from otelchan.looks import Holding
    from otelchan.memory.types import Census, Reader
    from otelchan.model.types import Snapshot
    from otelchan.model.world import World
    from otelchan.target.types import Process

PAUSE_NS = 500_000_000
"""Between two looks at a running program, at least."""


def still(process: Process, image: GoImage, bias: int, reader: Reader, census: Census) -> Snapshot:
    """One moment of a program that does not run any more. Raises OtelchanError."""
    from otelchan.looks import Holding
    from otelchan.model.world import World

    world = World(process, image, bias, census.time_unix_ns)
    holding = Holding(reader, image, bias)
    holding.heed(_snapshot(world, holding, census).blocked)
    return _snapshot(world, holding, census)


def stills(process: Process) -> Snapshot:
    """The second of two looks at a running program; ages count from the first one, or longer where the garbage
    collector noted it. Raises OtelchanError, also when it ends meanwhile."""
    from otelchan import clock
    from otelchan.commands.looking import patiently
    from otelchan.errors import TargetError
    from otelchan.looks import Holding
    from otelchan.memory.census import take_census
    from otelchan.memory.live import LiveReader
    from otelchan.memory.selfcheck import check
    from otelchan.model.world import World
    from otelchan.programs import image_of
    from otelchan.target.handle import Handle
    from otelchan.target.process import load_bias

    with Handle(process) as handle:
        image = image_of(process)
        image.functions.open()
        bias, reader = load_bias(process, image.segments), LiveReader(process.pid)
        check(reader, image, bias)
        world, holding = World(process, image, bias, clock.unix_ns()), Holding(reader, image, bias)
        first = patiently(lambda: take_census(reader, image, bias), handle)
        holding.heed(_snapshot(world, holding, first).blocked)
        clock.sleep_ns(PAUSE_NS)
        second = patiently(lambda: take_census(reader, image, bias, first), handle)
        snapshot = _snapshot(world, holding, second)
        if not handle.alive():
            raise TargetError(f"pid {process.pid} ended while it was read, so nothing is shown; run it again")
        return snapshot


def _snapshot(world: World, holding: Holding, census: Census) -> Snapshot:
    from otelchan.memory.types import ChannelMap
    from otelchan.model.observation import KernelState, Observation

    channels = ChannelMap(census.channels)
    times = census.time_unix_ns, census.monotonic_ns
    return world.snapshot(Observation(*times, KernelState(), census, channels, {}, held=holding.held()))
