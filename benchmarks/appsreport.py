"""What applications.py measured as a document, and as people read it: its part of docs/overhead.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks import marked
from benchmarks.latency import Seen, to_bare
from benchmarks.machine import Machine
from benchmarks.report import middle, number, table, whole
from benchmarks.results import Goal, rounded
from benchmarks.stats import Spread, ratios, spread
from benchmarks.ways import BARE, DEFAULT
from benchmarks.working import APPLICATIONS, Minute

BEGIN, END = "<!-- applications: begin -->", "<!-- applications: end -->"
FIELDS = ("p50_ns", "p90_ns", "p99_ns", "processor_ns")
MOST_P99, MOST_LOSS = 1.10, 0.02
P99_AIM, LOSS_AIM = 1.03, 0.012
Data = dict[str, Any]


class Measured(NamedTuple):
    """pairs: windows of the default budget and bare in turn. others: rounds of every way, with throughput."""

    machine: Machine
    go: str
    rate: int
    window_ms: int
    pairs: Mapping[str, Sequence[Seen]]
    others: Mapping[str, Sequence[Seen]]


def data(
    measured: Measured,
    programs: Mapping[str, Mapping[str, Sequence[float]]],
    minutes: Sequence[Minute],
    titles: Mapping[str, str],
) -> Data:
    """The entry "applications" of docs/overhead.json. programs: nanoseconds by application, way and round."""
    return {
        "machine": {**measured.machine, "go": measured.go},
        "server": {
            "rate": measured.rate,
            "window_ms": measured.window_ms,
            "pairs": _ways(measured.pairs, titles),
            "others": _ways(measured.others, titles),
        },
        "programs": {
            name: {
                way: {
                    "what": titles[way],
                    "ns": _spread(spread(ns)),
                    "ratio_to_bare": _spread(ratios(ns, found["bare"])),
                }
                for way, ns in found.items()
            }
            for name, found in programs.items()
        },
        "minutes": [{k: rounded(v) if isinstance(v, float) else v for k, v in m._asdict().items()} for m in minutes],
        "goals": [_goal(goal) for goal in goals(measured.pairs, minutes)],
    }


def goals(pairs: Mapping[str, Sequence[Seen]], minutes: Sequence[Minute]) -> list[Goal]:
    """What a server's clients, and programs under a budget of 1 %, must not lose."""
    p99 = to_bare(pairs, DEFAULT.name, "p99_ns")
    lost = [
        Goal(f"{m.application}: throughput lost over {m.seconds:.0f} s under 1 %, from 5 s on", m.later, MOST_LOSS)
        for m in minutes
        if m.flags == "1%"
    ]
    lost = [goal._replace(aim=LOSS_AIM) for goal in lost]
    return [Goal("HTTP server: p99 watched, times bare", p99.median, MOST_P99, spread=p99, aim=P99_AIM), *lost]


def _goal(goal: Goal) -> Data:
    found = {"name": goal.name, "measured": rounded(goal.measured), "allowed": goal.allowed, "aim": goal.aim}
    found["met"] = goal.met
    return {**found, **({"spread": _spread(goal.spread)} if goal.spread else {})}


def _ways(found: Mapping[str, Sequence[Seen]], titles: Mapping[str, str]) -> Data:
    return {way: {"what": titles[way], **_way(found, way)} for way in found}


def _way(found: Mapping[str, Sequence[Seen]], way: str) -> Data:
    rows: Data = {
        field: {
            "value": _spread(spread([getattr(seen.window, field) for seen in found[way]])),
            "ratio_to_bare": _spread(to_bare(found, way, field)),
        }
        for field in FIELDS
    }
    throughput, bare = ([seen.throughput for seen in found[name]] for name in (way, BARE.name))
    if all(throughput):
        of_bare = _spread(ratios(throughput, bare))
        rows["throughput"] = {"value": _spread(spread(throughput)), "ratio_to_bare": of_bare}
    return rows


def _spread(found: Spread) -> dict[str, float]:
    return {name: rounded(value) for name, value in found._asdict().items()}


def replaced(document: str, part: str) -> str:
    """The document with other text where its own stands. Raises ValueError, see marked.replaced."""
    return marked.replaced(document, BEGIN, END, part)


def written(found: Data) -> str:
    """All tables."""
    here = found["machine"]
    first = (
        f"Measured on {here['date']} with `make bench-apps`, {here['go']}, Linux {here['kernel']}, "
        f"{here['processors']} processors ({here['processor']}), load average {here['load_average']} at the start. In "
        "brackets: between what half of the rounds lie; for ratios, which are taken within rounds, all of them."
    )
    return "\n\n".join([first, _goals(found["goals"]), _server(found["server"]), _programs(found["programs"]),
                        _minutes(found["minutes"])])  # fmt: skip


def _goals(found: Sequence[Data]) -> str:
    rows = []
    for goal in found:
        is_ratio = "spread" in goal
        measured = whole(goal["spread"]) if is_ratio else f"{goal['measured']:.1%}"
        allowed = f"at most {goal['allowed']:g}" if is_ratio else f"at most {goal['allowed']:.0%}"
        aim = f"{goal['aim']:g}" if is_ratio else f"{goal['aim']:.1%}"
        rows.append([goal["name"], measured, allowed, aim, "yes" if goal["met"] else "**no**"])
    return table(["goal", "measured", "allowed", "aim", "met"], rows)


def _server(found: Data) -> str:
    windows = 2 * int(found["pairs"][BARE.name]["p99_ns"]["value"]["rounds"])
    return (
        f"**HTTP server**, {found['rate']:,} requests a second on a schedule that waits for nobody; latencies in "
        f"microseconds. {windows} windows of {found['window_ms'] / 1000:g} s in turn:\n\n"
        f"{_latencies(found['pairs'])}\n\n"
        "Shorter windows with everything in turn, and the throughput of 16 clients that ask as fast as they can:\n\n"
        + _latencies(found["others"])
    )


def _latencies(found: Data) -> str:
    fields = [field for field in (*FIELDS, "throughput") if field in found[BARE.name]]
    names = {"processor_ns": "processor time, µs", "throughput": "answers a second"}
    head = [names.get(field, field.removesuffix("_ns")) for field in fields]
    rows = [[way["what"], *(_cell(way[field], field) for field in fields)] for way in found.values()]
    return table(["watched by", *head], rows)


def _cell(found: Data, field: str) -> str:
    value, ratio = found["value"], found["ratio_to_bare"]
    median = value["median"] / (1000 if field.endswith("_ns") else 1)
    return f"{number(median)}, times {whole(ratio)}" if ratio["low"] != ratio["high"] else number(median)


def _programs(found: Data) -> str:
    parts = ["**Programs that work as fast as they can**: processor time for each item, ns, and times bare."]
    for name, its in found.items():
        rows = [[way["what"], middle(way["ns"]), whole(way["ratio_to_bare"])] for way in its.values()]
        parts.append(f"{name}: {APPLICATIONS[name]}\n\n" + table(["watched by", "ns", "times bare"], rows))
    return "\n\n".join(parts)


def _minutes(found: Sequence[Data]) -> str:
    rows = [
        [f"{m['application']}, {'--max-overhead ' + m['flags'] if m['flags'] else 'nobody: what noise looks like'}",
         f"{m['whole']:.1%}", f"{m['later']:.1%}"]
        for m in found
    ]  # fmt: skip
    return (
        f"**Under a budget**: throughput per processor second lost over {found[0]['seconds']:.0f} s from the agent's "
        "start, and from 5 s after it, against a twin that nobody watches; below zero: a gain, so noise.\n\n"
        + table(["program", "in all", "from 5 s on"], rows)
    )
