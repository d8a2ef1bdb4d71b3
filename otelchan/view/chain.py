"""Blocking chains and circles as one document, the same for people, for `--format json` and for graphviz. Its keys are
described in docs/chain-json.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otelchan.findings.types import Case, Knot, Step
from otelchan.model.types import Edge, Snapshot
from otelchan.view.types import Origin
from otelchan.view.words import frame_object

VERSION = 1


class Circle(NamedTuple):
    """Goroutines that wait for each other. sentence: it in words. steps: of its members."""

    knot: Knot
    sentence: str
    steps: Sequence[Step]


class Seen(NamedTuple):
    """What was looked at. watched_ns: with probes, 0: memory was read, and that was all. remarks: what is not known.

    asked: the goroutine that the chain begins with, None: there is nobody who is blocked. steps: its blocking chain.
    circles: those that were found. topology: whether it is to be shown who uses which channel.
    """

    snapshot: Snapshot
    origin: Origin | None
    watched_ns: int
    asked: int | None
    steps: Sequence[Step]
    circles: Sequence[Circle]
    topology: bool
    remarks: Sequence[str]


def chain_document(seen: Seen) -> dict[str, Any]:
    """It as JSON values. Pure."""
    snapshot, origin = seen.snapshot, seen.origin
    process = snapshot.process
    return {
        "version": VERSION,
        "source": origin.source if origin else "process",
        "origin": {"file": origin.file, **origin.details} if origin else None,
        "time_unix_ns": snapshot.time_unix_ns,
        "watched_ns": seen.watched_ns,
        "process": {"pid": process.pid, "executable": process.executable, "service_name": process.service_name},
        "go": {"version": snapshot.go_version, "main_module": snapshot.main_module},
        "goroutines": snapshot.goroutines.count,
        "blocked": len({blocked for blocked in _ids(snapshot)}),
        "remarks": list(seen.remarks),
        "goroutine": seen.asked,
        "chain": [_step(step) for step in seen.steps],
        "circles": [_circle(circle) for circle in seen.circles],
        "topology": _topology(snapshot.edges) if seen.topology else None,
    }


def has_deadlock(document: Mapping[str, Any]) -> bool:
    """Whether any circle is a suspected deadlock."""
    return any(circle["deadlock"] for circle in document["circles"])


def _ids(snapshot: Snapshot) -> Iterable[int]:
    return (blocked.goroutine_id for blocked in snapshot.blocked)


def _circle(circle: Circle) -> dict[str, Any]:
    return {
        "deadlock": circle.knot.certain,
        "sending": circle.knot.sending,
        "sentence": circle.sentence,
        "count": len(circle.knot.members),
        "behind": circle.knot.behind,
        "goroutines": [_step(step) for step in circle.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.goroutine_id,
        "distance": step.distance,
        "kind": step.wait_reason,
        "age_ns": step.age.age_ns if step.age else None,
        "age_at_least": step.age.at_least if step.age else False,
        "end": step.end or None,
        "waits": [_case(case) for case in step.cases],
        "frames": [frame_object(frame) for frame in step.frames],
        "created_by": frame_object(step.created_by),
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "channel": case.channel,
        "address": hex(case.address),
        "kind": case.kind,
        "operation": case.operation,
        "actors": [{"id": actor.goroutine_id, "known_by": actor.known_by} for actor in case.actors],
        "more_actors": case.others,
        "all_were_seen": case.complete,
    }


def _topology(edges: Sequence[Edge]) -> list[dict[str, Any]]:
    return [
        {
            "channel": edge.channel,
            "operation": edge.operation,
            "at": frame_object(edge.frame),
            "samples": edge.samples,
            "parked": edge.parked,
        }
        for edge in sorted(edges, key=lambda edge: (edge.channel, edge.operation, edge.frame))
    ]
