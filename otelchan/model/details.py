"""What is told of one program beyond its channel names: every live channel, all goroutines in groups, who uses what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from otelchan.memory.types import Goroutines
from otelchan.model.ages import AgeColumns
from otelchan.model.channels import Live
from otelchan.model.closes import Place
from otelchan.model.edges import Edge
from otelchan.model.estimates import Estimating
from otelchan.model.goroutines import Stacks
from otelchan.model.grouping import grouped
from otelchan.model.groups import GoroutineGroup
from otelchan.model.inventory import Inventory
from otelchan.model.kept import Kept
from otelchan.model.live import LiveChannels
from otelchan.model.observation import Baseline, Observation
from otelchan.model.topology import Topology
from otelchan.model.types import Blocked, BlockedList, ChannelView, Estimate


class Details(NamedTuple):
    """As in Snapshot."""

    live: LiveChannels
    groups: Sequence[GoroutineGroup]
    edges: Sequence[Edge]
    looked_unix_ns: int
    estimates: tuple[Estimate, ...]


class Detailing:
    """Keeps what successive looks at one program have in common."""

    def __init__(self, stacks: Stacks, place: Place, born_unix_ns: int) -> None:
        """born_unix_ns: as Inventory."""
        self._stacks = stacks
        self._groups: Kept[Sequence[GoroutineGroup]] = Kept()
        self._inventory = Inventory(born_unix_ns)
        self._topology = Topology(place)
        self._estimating = Estimating()
        self._looked_ns = self._looked_unix_ns = -1

    def renamed(self) -> None:
        """Channels have other names from now on."""
        self._topology.forget()
        self._estimating.forget()

    def look(
        self,
        seen: Observation,
        live: Live,
        ages: AgeColumns,
        baselines: Mapping[str, Baseline],
        blocked: Sequence[Blocked],
        channels: Sequence[ChannelView],
        name_of: Callable[[int], str | None],
    ) -> Details:
        """All of it now. ages: of the goroutines seen. blocked, channels: as in the snapshot. name_of: as Topology."""
        goroutines = Goroutines.of(seen.census.goroutines if seen.census else ())
        self._note_look(seen)
        return Details(
            self._inventory.look(seen, live, baselines),
            self._groups.of(lambda: grouped(goroutines, ages, self._stacks), goroutines, ages) if seen.census else (),
            self._topology.look(seen.time_unix_ns, seen.kernel.edges, name_of, BlockedList.of(blocked), channels),
            self._looked_unix_ns if seen.census else 0,
            self._estimating.look(seen, name_of, channels),
        )

    def _note_look(self, seen: Observation) -> None:
        """A look that is shown again keeps its time: clocks differ a little each time that they are compared."""
        if seen.census and seen.census.monotonic_ns != self._looked_ns:
            self._looked_ns = seen.census.monotonic_ns
            self._looked_unix_ns = self._looked_ns + seen.time_unix_ns - seen.monotonic_ns
