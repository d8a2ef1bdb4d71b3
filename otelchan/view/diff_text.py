"""The comparison of two snapshots as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from otelchan.view.census_text import TOP_FRAMES
from otelchan.view.table import Column, Table, print_table
from otelchan.view.words import count, duration, frame_of, growth, moment, place


def print_diff(document: dict[str, Any], out: TextIO, limit: int = 0) -> None:
    """Write what is new, gone and long-lived. limit: rows per table, 0 for all."""
    before, after = document["before"], document["after"]
    out.write(
        f"from {_when(before)} to {_when(after)}: {duration(abs(document['elapsed_ns']))}, "
        f"{count(before['goroutines'], 'goroutine')}, then {after['goroutines']}\n"
    )
    out.writelines(f"note: {remark}\n" for remark in remarks(document))
    out.write("\n")
    groups = document["groups"]
    more = [group for group in groups if group["change"] in ("new", "grown")]
    less = [group for group in groups if group["change"] in ("gone", "shrunk")][::-1]
    long = sorted((group for group in groups if group["same_wait"]), key=lambda group: -group["same_wait"])
    least = count(document["least"], "goroutine")
    if not more and not less:
        out.write(f"no group of goroutines has grown or shrunk by {least} or more\n\n")
    for title, rows in ((f"New or grown by {least} or more", more), (f"Gone or shrunk by {least} or more", less)):
        if rows:
            print_table(_changed(title, rows, limit), out)
    if long:
        print_table(_long_lived(long, limit), out)
    channels = [channel for channel in document["channels"] if channel["before"] != channel["after"]]
    if channels:
        print_table(_channels(channels, limit), out)


def remarks(document: dict[str, Any]) -> list[str]:
    """What a reader must know before believing the rest."""
    found = []
    before, after = document["before"], document["after"]
    if not document["same_executable"]:
        found.append("these are two different executables, so a line may have moved and look new")
    elif not document["same_process"]:
        found.append("these are two different processes of the same executable, so nothing waits since before")
    if document["elapsed_ns"] <= 0:
        found.append("the second snapshot is not younger than the first one, so there is no growth per minute")
    unread = before["unread"] + after["unread"]
    if unread:
        found.append(f"{count(unread, 'goroutine')} changed while being read and left out")
    return found


def _when(head: dict[str, Any]) -> str:
    return f"pid {head['process']['pid']} at {moment(head['time_unix_ns'])}"


def _changed(title: str, groups: Sequence[dict[str, Any]], limit: int) -> Table:
    columns = [
        Column("before", number=True),
        Column("after", number=True),
        Column("growth", number=True),
        Column("kind"),
        Column("channel", long=True),
        Column("started at", long=True),
        Column(f"top {TOP_FRAMES} frames", long=True),
    ]
    rows = [
        [
            str(group["before"]),
            str(group["after"]),
            "-" if group["growth_per_minute"] is None else growth(group["growth_per_minute"]),
            *_where(group),
        ]
        for group in groups
    ]
    return _limited(title, columns, rows, limit)


def _long_lived(groups: Sequence[dict[str, Any]], limit: int) -> Table:
    columns = [
        Column("goroutines", number=True),
        Column("of", number=True),
        Column("kind"),
        Column("channel", long=True),
        Column("started at", long=True),
        Column(f"top {TOP_FRAMES} frames", long=True),
    ]
    rows = [[str(group["same_wait"]), str(group["after"]), *_where(group)] for group in groups]
    return _limited("Long-lived: in the very same wait in both", columns, rows, limit)


def _where(group: dict[str, Any]) -> tuple[str, str, str, str]:
    frames = [frame_of(frame) for frame in group["frames"][:TOP_FRAMES]]
    return (
        group["wait_reason"],
        ", ".join(group["channels"]) or "-",
        place(frame_of(group["created_by"])),
        "\n".join(place(frame) for frame in frames) or "-",
    )


def _channels(channels: Sequence[dict[str, Any]], limit: int) -> Table:
    columns = [Column("name", long=True), Column("element type", long=True)]
    keys = ("number", "lag", "senders", "receivers")
    columns += [Column(heading, number=True) for heading in ("channels", *keys[1:])]
    rows = [
        [
            channel["name"] or "-",
            channel["element_type"],
            *(f"{channel['before'][key]} -> {channel['after'][key]}" for key in keys),
        ]
        for channel in channels
    ]
    return _limited("Channels that somebody waits on, where something changed", columns, rows, limit)


def _limited(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], limit: int) -> Table:
    if not limit or len(rows) <= limit:
        return Table(title, columns, rows)
    note = f"{count(len(rows) - limit, 'more row')}; `--limit 0` shows all, `--json` has them with whole stacks"
    return Table(title, columns, rows[:limit], note)
