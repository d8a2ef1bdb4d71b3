"""The census document as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from otelchan.view.table import Column, Table, print_table
from otelchan.view.words import age, count, duration, frame_of, moment, place

TOP_FRAMES = 3
_CHANNEL_REASONS = ("chan", "select")


def print_census(document: dict[str, Any], out: TextIO, limit: int = 0) -> None:
    """Write the tables. limit: rows per table, 0 for all."""
    process, go, goroutines = document["process"], document["go"], document["goroutines"]
    blocked = blocked_on_channels(document)
    program = go["main_module"] or go["main_package"] or process["executable"]
    out.write(
        f"pid {process['pid']}, {program}, {go['version']}: {count(goroutines['count'], 'goroutine')}, "
        f"{count(len(document['channels']), 'channel')} seen; {_source(document)}\n"
    )
    if goroutines["unread"]:
        out.write(f"{count(goroutines['unread'], 'goroutine')} changed while being read and left out\n")
    out.write("\n")
    reasons = [[reason, str(number)] for reason, number in goroutines["by_wait_reason"].items()]
    columns = [Column("wait reason"), Column("goroutines", number=True)]
    print_table(Table("Goroutines by wait reason", columns, reasons), out)
    print_table(_channels(document["channels"], limit), out)
    print_table(_blocked(blocked, limit), out)


def _source(document: dict[str, Any]) -> str:
    origin = document["origin"]
    if document["source"] == "core":
        ended = f", after {origin['signal']}" if origin["signal"] else ""
        return f"from the core {origin['file']}, written at {moment(document['time_unix_ns'])}{ended}"
    if document["source"] == "recording":
        return (
            f"from round {origin['round']} of {origin['rounds']} of the recording {origin['file']}, made at "
            f"{moment(document['time_unix_ns'])}"
        )
    return f"read in {duration(document['duration_ns'])}, without stopping the program"


def blocked_on_channels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the parked goroutines those that wait on a channel, a nil one and `select {}` included, oldest first."""
    return [
        goroutine
        for goroutine in document["parked"]
        if not goroutine["system"] and (goroutine["waits"] or goroutine["kind"].startswith(_CHANNEL_REASONS))
    ]


def _channels(channels: Sequence[dict[str, Any]], limit: int) -> Table:
    def busiest(channel: dict[str, Any]) -> tuple[int, str]:
        return -(channel["waiting_senders"] + channel["waiting_receivers"] + channel["length"]), channel["name"]

    columns = [
        Column("name", long=True),
        Column("element type", long=True),
        Column("address"),
        Column("length", number=True),
        Column("capacity", number=True),
        Column("senders", number=True),
        Column("receivers", number=True),
        Column("closed"),
    ]
    rows = [
        [
            channel["name"] or "-",
            channel["element_type"],
            channel["address"],
            str(channel["length"]),
            str(channel["capacity"]),
            str(channel["waiting_senders"]),
            str(channel["waiting_receivers"]),
            "yes" if channel["closed"] else "no",
        ]
        for channel in sorted(channels, key=busiest)
    ]
    return _limited("Channels that somebody waits on", columns, rows, limit)


def _blocked(goroutines: Sequence[dict[str, Any]], limit: int) -> Table:
    columns = [
        Column("goroutine", number=True),
        Column("channel", long=True),
        Column("kind"),
        Column("age", number=True),
        Column(f"top {TOP_FRAMES} frames", long=True),
    ]
    rows = [
        [
            str(goroutine["id"]),
            ", ".join(wait["name"] or wait["address"] for wait in goroutine["waits"]) or "none",
            goroutine["kind"],
            age(goroutine["age_ns"], goroutine["age_at_least"]),
            "\n".join(place(frame_of(frame)) for frame in goroutine["frames"][:TOP_FRAMES]) or "-",
        ]
        for goroutine in goroutines
    ]
    return _limited("Goroutines blocked on channels", columns, rows, limit)


def _limited(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], limit: int) -> Table:
    if not limit or len(rows) <= limit:
        return Table(title, columns, rows)
    note = f"{count(len(rows) - limit, 'more row')}; `--limit 0` shows all, `--json` has them with whole stacks"
    return Table(title, columns, rows[:limit], note)
