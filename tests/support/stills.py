"""A file as `otelchan snapshot` writes it, without a program."""

from __future__ import annotations

from pathlib import Path

from otelchan.gobinary.types import Frame
from otelchan.view.snapshot import Channels, Group, Member, Place, Snapshot
from otelchan.view.snapshot_file import write_snapshot

SECOND = 1_000_000_000
WORKER, SERVE = Frame("main.worker", "/src/main.go", 57), Frame("main.serve", "/src/main.go", 12)


def taken(path: Path, *more: Group) -> Path:
    """Two goroutines send to a full channel, of which a collection has seen one 30 s ago; one receives from another.
    more: groups, each with stack 0 or 1."""
    head = {
        "source": "process",
        "origin": None,
        "time_unix_ns": 1_700_000_000 * SECOND,
        "monotonic_ns": 100 * SECOND,
        "process": {"pid": 42, "executable": "/srv/shop", "created_unix_ns": 0, "start_ticks": 1},
        "go": {"version": "go1.26.8", "build_id": "x", "main_module": "example.com/shop"},
        "goroutines": 3 + sum(len(group.members) for group in more),
        "unread": 2,
    }
    sending, receiving = Place("chan send", WORKER, SERVE), Place("chan receive", SERVE, None)
    groups = {
        sending: Group(sending, {"send jobs"}, [Member(1, 70 * SECOND, (1,), 0), Member(2, 0, (2,), 0)]),
        receiving: Group(receiving, {"recv done"}, [Member(3, 0, (3,), 1)]),
        **{group.place: group for group in more},
    }
    channels = {
        "jobs": Channels("jobs", "make", "int", 1, 8, 8, 2, 0, 0),
        "done": Channels("done", "code", "struct {}", 1, 0, 0, 0, 1, 0),
    }
    with path.open("wb") as file:
        write_snapshot(Snapshot(head, groups, [(WORKER, SERVE), (SERVE,)], channels), file)
    return path
