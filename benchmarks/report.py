"""docs/overhead.json as people read it: the measured part of docs/overhead.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import marked

BEGIN, END = "<!-- measured by `make bench`: begin -->", "<!-- measured by `make bench`: end -->"


def replaced(document: str, part: str) -> str:
    """The document with other text where its own stands. Raises ValueError, see marked.replaced."""
    return marked.replaced(document, BEGIN, END, part)


def written(data: dict[str, Any]) -> str:
    """All sections."""
    sections = [_machine(data), _goals(data), _loads(data), _tools(data), _hits(data["hits"])]
    if data["attach"]:
        sections.append(_attach(data["attach"]))
    if data["agent"]:
        sections.append(_agent(data["agent"]))
    return "\n\n".join(sections)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown. The first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """With as many digits as its size deserves."""
    if not value:
        return "0"
    if abs(value) < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def middle(found: dict[str, float]) -> str:
    """The median, and between what half of the rounds lie."""
    return f"{number(found['median'])} ({number(found['q1'])} to {number(found['q3'])})"


def whole(found: dict[str, float]) -> str:
    """The median, and between what all rounds lie."""
    return f"{number(found['median'])} ({number(found['low'])} to {number(found['high'])})"


def _machine(data: dict[str, Any]) -> str:
    machine = data["machine"]
    kind = "virtual machine" if machine["virtual"] else "machine"
    return (
        f"Measured on {machine['date']}, on a {kind} with {machine['processors']} processors: {machine['processor']}; "
        f"Linux {machine['kernel']}, clock source {machine['clocksource']}, {machine['go']}, Python "
        f"{machine['python']}, load average {machine['load_average']} at the start; {data['rounds']} rounds."
    )


def _goals(data: dict[str, Any]) -> str:
    rows = [
        [
            goal["name"],
            middle(goal["spread"]) if "spread" in goal else number(goal["measured"]),
            f"{goal['direction']} {goal['allowed']:g}",
            "" if goal["aim"] is None else f"{goal['aim']:g}",
            "yes" if goal["met"] else "**no**",
        ]
        for goal in data["goals"]
    ]
    ratios = [
        [f"`{key}`", explained["what"], middle(explained["spread"])]
        for key, explained in data["ratios_explained"].items()
    ]
    return "\n\n".join(
        [
            "### Goals\n\n" + table(["goal", "measured", "allowed", "aim", "met"], rows),
            "Ratios that `docs/overhead.json` has by name, at its top level; each from "
            f"{max(it['spread']['rounds'] for it in data['ratios_explained'].values()):.0f} rounds of these two "
            "alone, on several programs:",
            table(["key", "what", "median"], ratios),
        ]
    )


def _loads(data: dict[str, Any]) -> str:
    parts = [
        "### An operation\n\nNanoseconds for each, and the ratio to the bare program of the same round: median, and in "
        "brackets between what half of the rounds lie; for the ratio all of them."
    ]
    for name, load in data["loads"].items():
        rows = [
            [f"{variant['what']}", middle(variant["ns"]), whole(variant["ratio_to_bare"])]
            for variant in load["variants"].values()
        ]
        parts.append(f"**{name}**: {load['operation']}\n\n" + table(["attached", "ns", "times bare"], rows))
    compared = [
        [name, pair, middle(found), f"{number(found['low'])} to {number(found['high'])}"]
        for name, load in data["loads"].items()
        for pair, found in load["ratios"].items()
        if all(_is_hit(load["variants"][variant]) for variant in pair.split(" / "))
    ]
    parts.append(
        "Compared within rounds (`exact`: every plane of otelchan; `empty`: an empty program at the same sites; "
        "`recipe`: entry and return instructions; `naive, stacks` and `called, stacks`: first instructions; less than "
        "1: cheaper than otelchan):\n\n" + table(["load", "ratio", "median", "all rounds"], compared)
    )
    parts.append(
        f"Naive probes were hit {data['naive_restarts']} times too often in the batches that were checked: a function "
        "that begins with a stack check is entered again after a preemption. All other hits and all counts were equal "
        "to the operations done."
    )
    return "\n\n".join(parts)


def _is_hit(variant: dict[str, Any]) -> bool:
    """Whether the load is slowed down at all: else there is nothing to compare."""
    return bool(variant["ratio_to_bare"]["median"] > 2)


def _tools(data: dict[str, Any]) -> str:
    rows = [
        [
            f"{row['load']}: {row['tool']}, `{row['what'].replace('|', chr(92) + '|')}`",
            number(row["ns"]["median"]),
            middle(row["ratio_to_bare"]),
            middle(row["ratio_to_exact"]),
        ]
        for row in data["tools"]
    ]
    missing = "".join(f"\n\nNot measured: {sentence}." for sentence in data["tools_missing"])
    return (
        "### Other tools\n\nThe real programs, in elapsed time, beside exact counting in the same rounds:\n\n"
        + table(["load and tool", "ns", "times bare", "times exact counting"], rows)
        + missing
    )


def _hits(hits: list[dict[str, Any]]) -> str:
    rows = [
        [
            hit["kind"],
            middle(hit["cost_ns"]),
            f"{hit['catalogue_ns']:,}",
            "yes" if hit["catalogue_covers"] else "**no**",
        ]
        for hit in hits
    ]
    return (
        "### A hit\n\nWhat one adds, trap included, and what the budget counts with (`otelchan/plan/catalogue.py`), "
        "which should not be less:\n\n" + table(["kind of site", "ns", "catalogue, ns", "covered"], rows)
    )


def _attach(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            f"{row['way']}: {row['links']} links, {row['sites']} sites",
            *(whole(row[name]) for name in ("attach_ms", "detach_ms", "killed_ms")),
        ]
        for row in rows
    ]
    head = ["all planes of one program", "attach, ms", "detach, ms", "gone after SIGKILL, ms"]
    return "### Attaching and detaching\n\n" + table(head, cells)


def _agent(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            f"{row['setting']}, {row['load']} program",
            *(f"{row[name] / 1_000_000:.1f}" for name in ("rss", "peak", "pss")),
            f"{row['core']:.2%}",
        ]
        for row in rows
    ]
    head = ["agent", "resident, MB", "at its peak", "own share (Pss)", "of one core"]
    return (
        "### The agent\n\nWatching one program for half a minute and more, with default settings; a MB is 1,000,000 "
        "bytes.\n\n" + table(head, cells)
    )
