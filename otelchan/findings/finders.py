"""All finders of one program: what each finds in a snapshot, put together."""

from __future__ import annotations

from collections.abc import Callable

from otelchan.config import Findings
from otelchan.findings.catalogue import SEVERITIES
from otelchan.findings.close_faults import CloseFaultFinder
from otelchan.findings.close_order import CloseOrderFinder
from otelchan.findings.deadlock import DeadlockFinder
from otelchan.findings.deep_stack import DeepStackFinder
from otelchan.findings.health import health
from otelchan.findings.leak import LeakFinder
from otelchan.findings.locks import LockFinder
from otelchan.findings.never_closed import NeverClosedFinder
from otelchan.findings.nil_channel import NilChannelFinder
from otelchan.findings.objective import ObjectiveFinder
from otelchan.findings.read_after_close import ReadAfterCloseFinder
from otelchan.findings.residue import ResidueFinder
from otelchan.findings.saturation import SaturationFinder
from otelchan.findings.states import StatesFinder
from otelchan.findings.surge import SurgeFinder
from otelchan.findings.types import Assessment, Finder, Finding
from otelchan.model.types import Snapshot

FINDERS: dict[str, Callable[[Findings], Finder]] = {
    "F4": ReadAfterCloseFinder,
    "F5": CloseFaultFinder,
    "F6": ResidueFinder,
    "F7": CloseOrderFinder,
    "F12": StatesFinder,
    "F11": ObjectiveFinder,
    "F14": DeadlockFinder,
    "F9": NilChannelFinder,
    "F8": NeverClosedFinder,
    "F10": SaturationFinder,
    "F1": LeakFinder,
    "F2": SurgeFinder,
    "F16": LockFinder,
    "F15": DeepStackFinder,
}
"""By the id of what they find, special ones before general ones."""


class Finders:
    """Those of one program."""

    def __init__(self, settings: Findings) -> None:
        self._finders = [make(settings) for make in FINDERS.values()]
        self.states = next(finder for finder in self._finders if isinstance(finder, StatesFinder))
        self.objectives = next(finder for finder in self._finders if isinstance(finder, ObjectiveFinder))
        self.surges = next(finder for finder in self._finders if isinstance(finder, SurgeFinder))

    def reconfigure(self, settings: Findings) -> None:
        """Other thresholds from now on."""
        for finder in self._finders:
            finder.reconfigure(settings)

    def assess(self, snapshot: Snapshot) -> Assessment:
        """What holds now, worst first."""
        found: list[Finding] = []
        for finder in self._finders:
            found.extend(finder.find(snapshot, tuple(found)))
        return Assessment(
            findings=tuple(sorted(found, key=_rank)),
            states=self.states.states,
            objectives=self.objectives.views(),
            health=health(snapshot, found),
            surges=self.surges.surges,
            surged=self.surges.surged,
        )


def _rank(finding: Finding) -> tuple[int, int, str, str]:
    return SEVERITIES.index(finding.severity), -finding.count, finding.id, finding.channel
