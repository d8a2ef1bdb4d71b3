"""The plan document for people: the facts, then planes, probes and what is left out as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from otelchan.view.table import Column, Table, print_table
from otelchan.view.words import count, duration

_MEBIBYTE = 1 << 20
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_COSTS = {
    True: "of a hit: measured on this machine, on a program of otelchan's own",
    False: "of a hit: those of the machine that docs/overhead.md describes; --calibrate measures them here",
}
_LAYOUTS = {"table": "layout from our table", "dwarf": "layout from its own DWARF"}
_WAYS = {"multi": "uprobe_multi link", "perf": "perf link"}
_CHILDREN = {
    "every hit": "one that is forked without exec (Go makes none) would trap as it does, uncounted, until detached",
    "first hit": "one that is forked without exec (Go makes none) would trap once at each probe, uncounted",
}
_LOOK_LONGER = "`--sample 20` looks longer, and knows more."
_SLOWER = "At its present rate; a program that does little else than what is probed gets slower, and its rate lower."
_SLOWED = "A plane that takes that much of a core slows the program down: without probes it comes there more often."
_MUCH = 5  # percent of a core


def print_plan(document: Mapping[str, Any], out: TextIO) -> None:
    """Write a section per program, and why there is none for others."""
    for preview in document["processes"]:
        _print_preview(preview, out)
    for one in document["refused"]:
        out.write(f"no plan: {one['reason']}\n")


def rate(hits: Mapping[str, float] | None) -> str:
    """ "12 k (5.1 k to 40 k)", "fewer than 3.1 k", "unknown"."""
    if hits is None:
        return "unknown"
    if not hits["low"]:
        return f"fewer than {_number(hits['high'])}"
    return f"{_number(hits['likely'])} ({_number(hits['low'])} to {_number(hits['high'])})"


def percent(share: Mapping[str, float] | None) -> str:
    """ "2.1 % (0.8 % to 6 %)", "less than 0.4 %", "more than 100 %", "unknown"."""
    if share is None:
        return "unknown"
    if share["low"] >= 100:
        return "more than 100 %"
    high = f"{_two_figures(share['high'])} %" if share["high"] < 100 else "more than 100 %"
    if not share["low"]:
        return f"less than {high}" if share["high"] < 100 else "0 % to more than 100 %"
    likely = f"{_two_figures(share['likely'])} %" if share["likely"] < 100 else "more than 100 %"
    return f"{likely} ({_two_figures(share['low'])} % to {high})"


def _number(value: float) -> str:
    for size, unit in _UNITS:
        if value >= size:
            return f"{_two_figures(value / size)} {unit}"
    return _two_figures(value)


def _two_figures(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _print_preview(preview: Mapping[str, Any], out: TextIO) -> None:
    go, planes = preview["go"], preview["planes"]
    program = go["main_module"] or go["main_package"] or preview["executable"]
    probes = sum(len(plane["sites"]) for plane in planes)
    who = f"pid {preview['pid']}" if preview["pid"] else preview["executable"]
    out.write(
        f"{who}, {program}, {go['version']}: {count(probes, 'probe')} in {count(len(planes), 'plane')} would be "
        "attached; nothing is attached now\n"
    )
    out.writelines(f"{name.ljust(10)}  {said}\n" for name, said in _facts(preview))
    out.write("\n")
    print_table(_planes(preview), out)
    if any(plane["trial"] for plane in planes):
        print_table(_trial(planes), out)
    print_table(_probes(preview), out)
    rows = [[left["what"], left["reason"]] for left in preview["left_out"]]
    if rows:
        print_table(Table("Left out", [Column("what"), Column("why", long=True)], rows), out)


def _facts(preview: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    go = preview["go"]
    kind = "stripped" if go["stripped"] else "with symbols"
    layout = _LAYOUTS.get(go["layout_source"], go["layout_source"])
    yield "executable", f"{preview['executable']}, {go['architecture']}, {kind}, {layout}"
    yield "build ID", go["build_id"] or "none"
    for reason in preview["would_be_refused"]:
        yield "REFUSED", reason
    yield "attaching", _attaching(preview)
    yield "looked", _looked(preview)
    if "trial" in preview["unknown"]:
        yield "trial", f"none: {preview['unknown']['trial']}"
    yield "costs", _COSTS[preview["costs_measured"]]
    yield "code", _code(preview)
    others = preview["other_processes"]
    if others:
        yield (
            "others",
            f"{', '.join(f'pid {pid}' for pid in others)} {'runs' if len(others) == 1 else 'run'} from the same file "
            "and would meet no probe: probes are attached to one process",
        )
    else:
        yield "others", "no other process that this user may look at runs from the same file"
    if preview["forked_children_trap"]:
        yield "children", _CHILDREN[preview["forked_children_trap"]]


def _attaching(preview: Mapping[str, Any]) -> str:
    found = preview["attaching"]
    if found is None:
        return f"not possible: {preview['unknown'].get('attaching', '')}"
    size, most = (f"{found[key] / _MEBIBYTE:.0f} MiB" for key in ("map_bytes", "map_bytes_at_most"))
    return (
        f"by {found['backend']}, {count(found['links'], _WAYS[found['way']])}: about {found['attach_ms']} ms, taking "
        f"them out about {found['detach_ms']} ms; kernel memory {size}, at most {most}, for all programs together"
    )


def _looked(preview: Mapping[str, Any]) -> str:
    found = preview["sampling"]
    if found is None:
        return f"hits are unknown: {preview['unknown'].get('hits', '')}"
    extra = f", {count(found['lost'], 'sample')} lost" if found["lost"] else ""
    if found["threads_unseen"]:
        extra += f", {count(found['threads_unseen'], 'thread')} not looked at, whose hits are not in the figures"
    looked = f"for {duration(found['duration_ns'])} at {count(found['threads'], 'thread')}"
    taken = f"{count(found['samples'], 'sample')}, one per {duration(found['period_ns'])} of their time"
    return f"{looked} using {_two_figures(found['core_percent'])} % of a core: {taken}{extra}"


def _code(preview: Mapping[str, Any]) -> str:
    if "code" in preview["unknown"]:
        return f"not compared: {preview['unknown']['code']}"
    trapped = [site for plane in preview["planes"] for site in plane["sites"] if site["other_trap"]]
    if trapped:
        where = ", ".join(f"{site['function']} at {site['address']}" for site in trapped)
        if preview["watched_by"]:
            return f"traps of that otelchan, or of another tracer, are in {where}"
        return f"another tracer's trap is in {where}: both would work, each at its own cost"
    if any("code of" in reason for reason in preview["would_be_refused"]):
        return "in memory it is not what the file says"
    return "in memory as in the file, with no other tracer's trap at these places"


def _planes(preview: Mapping[str, Any]) -> Table:
    columns = [
        Column("plane"),
        Column("probes", number=True),
        Column("hits a second"),
        Column("of a core"),
        Column("what happens then", long=True),
    ]
    rows = [
        [
            plane["plane"],
            str(len(plane["sites"])),
            rate(plane["hits_per_second"]),
            percent(plane["core_percent"]),
            plane["then"],
        ]
        for plane in preview["planes"]
    ]
    outlooks = {plane["outlook"] for plane in preview["planes"]}
    note = _SLOWER if "exceeds" in outlooks else _LOOK_LONGER if "unsure" in outlooks else ""
    return Table("Planes, in the order of attaching", columns, rows, note)


def _trial(planes: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("plane"),
        Column("counted for"),
        Column("hits", number=True),
        Column("hits a second"),
        Column("of a core"),
        Column("took", number=True),
        Column("in for"),
        Column("how it ended", long=True),
    ]
    rows = [
        [
            plane["plane"],
            duration(trial["watched_ns"]),
            str(trial["hits"]),
            rate(trial["hits_per_second"]),
            percent(trial["core_percent"]),
            duration(trial["cost_ns"]),
            duration(trial["attached_ns"]),
            _ended(trial),
        ]
        for plane in planes
        if (trial := plane["trial"])
    ]
    slowed = any(plane["trial"]["core_percent"]["likely"] >= _MUCH for plane in planes if plane["trial"])
    return Table("Trial, each plane alone", columns, rows, _SLOWED if slowed else "")


def _ended(trial: Mapping[str, Any]) -> str:
    how = "it had cost what a second may" if trial["stopped"] else "its time was over"
    return f"{how}; {'every trap is out' if trial['traps_out'] else 'A TRAP IS LEFT, or somebody else put one in'}"


def _probes(preview: Mapping[str, Any]) -> Table:
    columns = [
        Column("plane"),
        Column("kind"),
        Column("function"),
        Column("address"),
        Column("file offset"),
        Column("instruction"),
        Column("ns a hit", number=True),
        Column("hits a second"),
        Column("gives", long=True),
    ]
    rows = [
        [
            plane["plane"],
            site["kind"],
            site["function"],
            site["address"],
            site["file_offset"],
            site["instruction"],
            str(site["cost_ns"]),
            rate(site["hits_per_second"]),
            site["gives"],
        ]
        for plane in preview["planes"]
        for site in plane["sites"]
    ]
    return Table("Probes", columns, rows)
