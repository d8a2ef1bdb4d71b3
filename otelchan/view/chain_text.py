"""The chain document for people: circles in words, then the chain as a tree, then who uses which channel."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TextIO

from otelchan.view.census_text import TOP_FRAMES
from otelchan.view.table import Column, Table, print_table
from otelchan.view.words import age, count, duration, frame_of, moment, place

ENDS = {
    "runs": "it runs, or is in a system call",
    "sleeps": "it sleeps",
    "io": "it waits for the network or a file",
    "lock": "it waits for a lock or a WaitGroup; who has that is not known",
    "timer": "a timer will wake it",
    "idle": "it waits for a context or a signal",
    "for ever": "it waits on a nil channel or in a select without cases: for ever",
    "nobody": "nobody is known who could let it go on",
    "unseen": "it does not wait on channels, or it has exited",
    "other": "it waits for something that is no channel",
}
"""What the ends of a chain mean."""
KNOWN_BY = {
    "seen": "did so before",
    "holds": "has it on its stack",
    "reaches": "can reach it",
    "code": "its code does so",
}
"""How it is known that a goroutine could act."""
_DOES = {"send": "sends on", "recv": "receives from", "": "waits on"}
_NEEDED = {"send": "to receive", "recv": "to send or close", "": "for"}
_WIDTH, _SHOWN_ACTORS, _DEEPEST = 100, 8, 40


def print_chain(document: Mapping[str, Any], out: TextIO) -> None:
    """Write it."""
    process, go = document["process"], document["go"]
    out.write(
        f"pid {process['pid']}, {go['main_module'] or process['executable']}, {go['version']}: "
        f"{count(document['goroutines'], 'goroutine')}, {document['blocked']} blocked on channels; "
        f"{_source(document)}\n"
    )
    for remark in document["remarks"]:
        out.write(f"note: {remark}\n")
    out.write("\n")
    shown = {step["id"] for step in document["chain"]}
    for circle in document["circles"]:
        _print_circle(circle, shown, out)
    if document["goroutine"] is None:
        out.write("Nobody is blocked on a channel of the program's own.\n\n")
    else:
        _print_steps(document["goroutine"], document["chain"], out)
    if document["topology"] is not None:
        print_table(_topology(document["topology"]), out)


def _source(document: Mapping[str, Any]) -> str:
    origin = document["origin"]
    if document["source"] == "core":
        return f"from the core {origin['file']}, written at {moment(document['time_unix_ns'])}"
    if document["source"] == "recording":
        return f"from round {origin['round']} of {origin['rounds']} of the recording {origin['file']}"
    if document["watched_ns"]:
        return f"watched for {duration(document['watched_ns'])}"
    return "read from memory, without probes"


def _print_circle(circle: Mapping[str, Any], shown: Collection[int], out: TextIO) -> None:
    """shown: goroutines that are in the chain below."""
    said = "SUSPECTED DEADLOCK" if circle["deadlock"] else "CIRCLE, perhaps idle (all of them wait to receive)"
    words = f"{said}: {circle['sentence']}"
    out.write(textwrap.fill(words, _WIDTH, subsequent_indent="  ", break_long_words=False) + "\n\n")
    if {step["id"] for step in circle["goroutines"]}.issubset(shown):
        return
    for step in circle["goroutines"]:
        _print_step(step, "  ", out)
    out.write("\n")


def _print_steps(asked: int, steps: Sequence[Mapping[str, Any]], out: TextIO) -> None:
    """As a tree: below each goroutine those that would have to act for it. Each is shown once."""
    by_id = {step["id"]: step for step in steps}
    out.write(f"Chain of goroutine {asked}: below each goroutine, who would have to act for it to go on\n")
    shown: set[int] = set()
    todo = [(asked, 0)]
    while todo:
        id_, depth = todo.pop()
        indent = "  " * min(depth, _DEEPEST)
        if id_ in shown:
            out.write(f"{indent}goroutine {id_}: as above\n")
            continue
        shown.add(id_)
        if id_ not in by_id:
            out.write(f"{indent}goroutine {id_}: the chain goes on, but it is too long to be shown\n")
            continue
        _print_step(by_id[id_], indent, out)
        todo += reversed([(following, depth + 1) for following in _following(by_id[id_])])
    out.write("\n")


def _following(step: Mapping[str, Any]) -> list[int]:
    if step["end"]:
        return []
    ids = dict.fromkeys(actor["id"] for wait in step["waits"] for actor in wait["actors"])
    return list(ids)[:_SHOWN_ACTORS]


def _print_step(step: Mapping[str, Any], indent: str, out: TextIO) -> None:
    waits = f", {step['kind']}" if step["kind"] else ""
    waited = "" if step["age_ns"] is None else f" for {age(step['age_ns'], step['age_at_least'])}"
    out.write(f"{indent}goroutine {step['id']}{waits}{waited}\n")
    for frame in step["frames"][:TOP_FRAMES]:
        out.write(f"{indent}  at {place(frame_of(frame))}\n")
    for wait in step["waits"]:
        name = wait["channel"] or "a nil channel"
        out.write(f"{indent}  {_DOES[wait['operation']]} {name} ({wait['address']}){_needs(wait)}\n")
    if step["end"]:
        out.write(f"{indent}  end: {ENDS[step['end']]}\n")


def _needs(wait: Mapping[str, Any]) -> str:
    actors = wait["actors"]
    if not actors:
        return ""
    shown = [f"{actor['id']} ({KNOWN_BY[actor['known_by']]})" for actor in actors[:_SHOWN_ACTORS]]
    more = len(actors) - len(shown) + wait["more_actors"]
    shown += [f"{more} more"] if more else []
    return f" and needs goroutine {' or '.join(shown)} {_NEEDED[wait['operation']]}"


def _topology(edges: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("channel", long=True),
        Column("used by", long=True),
        Column("to"),
        Column("seen", number=True),
        Column("parked there", number=True),
    ]
    words = {"recv": "receive"}
    rows = [
        [
            edge["channel"],
            place(frame_of(edge["at"])),
            words.get(edge["operation"], edge["operation"]),
            str(edge["samples"]),
            str(edge["parked"]),
        ]
        for edge in edges
    ]
    return Table("Functions and channels", columns, rows)
