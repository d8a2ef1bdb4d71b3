"""F14, suspected deadlock: goroutines that wait for each other, and nobody else who could let one of them go on.

What a knot is and when it is certain enough is in knots.py, who could let whom go on in chain.py. Where everybody in a
knot waits to receive, it is more likely that a program has nothing to do: that is said only with more proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.config import Findings
from otelchan.findings import words
from otelchan.findings.chain import Graph, oldest_of
from otelchan.findings.knots import find_knots
from otelchan.findings.types import MOST_MEMBERS, Case, Finding, Knot, Member, Step
from otelchan.model.types import Age, Snapshot

ID = "F14"
MOST_KNOTS = 100  # that are told of, the largest
_TOLD = 3  # members in a sentence
_NOBODY = Age(0, True)


class DeadlockFinder:
    """Finds knots in a snapshot. Keeps nothing."""

    def __init__(self, settings: Findings) -> None:
        self._settings = settings

    def reconfigure(self, settings: Findings) -> None:
        """Another time from now on."""
        self._settings = settings

    def find(self, snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        """The knots that hold now, the largest first."""
        wait_ns = int(self._settings.wait_s * words.SECOND)
        if not snapshot.holders and not snapshot.live.users:
            return []  # nobody is known who could act for anybody
        graph = Graph(snapshot)
        found = find_knots(snapshot, graph, wait_ns)
        certain = [knot for knot in found.knots if knot.certain]
        cut = found.cut or len(certain) > MOST_KNOTS
        return [finding_of(graph, knot, cut) for knot in certain[:MOST_KNOTS]]


def finding_of(graph: Graph, knot: Knot, cut: bool = False) -> Finding:
    """A knot as a finding."""
    steps = [graph.step(id_) for id_ in knot.members[:MOST_MEMBERS]]
    oldest = oldest_of(step.age or _NOBODY for step in steps)
    first, case = steps[0], _first(steps[0])
    ways = sorted({actor.known_by for step in steps for case in step.cases for actor in case.actors})
    return Finding(
        id=ID,
        severity="critical" if knot.sending else "warning",
        sentence=sentence_of(steps, knot),
        channel=case.channel,
        wait_reason=first.wait_reason,
        site=first.frames[0] if first.frames else None,
        created_by=first.created_by,
        count=len(knot.members),
        oldest_ns=oldest.age_ns,
        oldest_at_least=oldest.at_least,
        facts={
            "channels": sorted({case.channel for step in steps for case in step.cases}),
            "goroutines": list(knot.members[:MOST_MEMBERS]),
            "behind": knot.behind,
            "known_by": ways,
            "cut": cut,
        },
        members=tuple(member_of(step) for step in steps),
    )


def _first(step: Step) -> Case:
    """Of a select the case that other findings name it by too: one that sends, else the first by name."""
    return min(step.cases, key=lambda case: (case.operation != "send", case.channel))


def member_of(step: Step) -> Member:
    """A goroutine of a knot, and what would have to be done for it."""
    case = _first(step)
    note = " or ".join(needed(each) for each in step.cases)
    return Member(
        step.goroutine_id, case.channel, case.operation, step.wait_reason, step.age or _NOBODY, step.frames, note
    )


def needed(case: Case) -> str:
    """ "goroutine 18 would have to receive from main.results main.go:12"."""
    does = "receive from" if case.operation == "send" else "send on or close"
    return f"{_who(case)} would have to {does} {case.channel}"


def _who(case: Case) -> str:
    """Those who are known for good reason, where there are any."""
    known = [actor for actor in case.actors if actor.known_by in ("seen", "holds")] or list(case.actors)
    ids = [str(actor.goroutine_id) for actor in known[:_TOLD]]
    if not ids:
        return "somebody"
    more = len(known) - len(ids) + case.others
    ids += [f"{more} more"] if more else []
    return "goroutine " + (ids[0] if len(ids) == 1 else f"{', '.join(ids[:-1])} or {ids[-1]}")


def sentence_of(steps: Sequence[Step], knot: Knot) -> str:
    """A knot in words. steps: of its members, the first ones at least."""
    number, oldest = len(knot.members), oldest_of(step.age or _NOBODY for step in steps)
    who = f"{number} goroutines wait for each other" if number > 1 else "1 goroutine waits for itself"
    them = "them" if number > 1 else "it"
    bound = "at least" if oldest.at_least else "up to"
    how_long = f", for {bound} {words.duration(oldest.age_ns)}," if oldest.age_ns >= words.SECOND else ""
    each = "; ".join(_told(step) for step in steps[:_TOLD])
    more = f"; and {number - _TOLD} more" if number > _TOLD else ""
    behind = f"; {words.goroutines(knot.behind)} waiting behind {them}" if knot.behind else ""
    return f"{who}{how_long} and nobody else is known who could let {them} go on: {each}{more}{behind}"


def _told(step: Step) -> str:
    """ "goroutine 17 sends on main.x main.go:3 at main.f main.go:9 and needs goroutine 18"."""
    does = {"send": "sends on", "recv": "receives from"}
    operations = sorted({case.operation for case in step.cases}, reverse=True)
    channels = sorted({case.channel for case in step.cases})
    doing = " or ".join(does[operation] for operation in operations)
    needs = " or ".join(dict.fromkeys(_who(case) for case in step.cases))
    place = words.place(step.frames[0] if step.frames else None)
    return f"goroutine {step.goroutine_id} {doing} {' or '.join(channels)} at {place} and needs {needs}"
