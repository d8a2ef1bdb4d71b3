"""How many channels of real servers get a name from the code, and whether it is the right one: `make bench-names`.

Root, and the servers of `make stack`. Three servers run under load. Every make of a channel is seen from their first
instruction, which gives the truth; the names are made as if it had not been: from one census alone, and by an agent
that came later. Writes docs/names.md and docs/names.json.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine, describe
from tests.support.agent import agent
from tests.support.named import GUESSES, Judgement, Server, by_code, by_guess, figures, look_for, servers

WARM_UP_S = 10
LOAD_S = 20
LOOKS = 5
AGENT_S = 12
INTERVAL_S = 2
SOURCES = ("make", "code", "use")
DOCS = Path(__file__).resolve().parents[1] / "docs"
_TEXT = """\
# Names of channels, measured on real servers

Written by `make bench-names`; do not edit. {date}, {processor}, {processors} processors, Linux {kernel}.

A channel is named by where it was made: when that was seen (`make`), or when only one `call makechan` in the code fits
its element type and capacity (`code`). Else its name is its type and a function that uses it (`use`).
[naming.md](naming.md) has the rules. Three servers run under the load of the end-to-end tests: {versions}.

## Older than the agent

What one census says, without any probe: channels that goroutines wait on, and these waits. A name is shared when
channels made at different places have it.

{census}
## Attached under load

What `otelchan run` says after {agent_s} s with its default budget: live channels that it knows, and who waits on them.

{attached}
## Is it true?

Every make was also seen from the server's first instruction on. Of all channels that were alive in one of {looks}
looks, waited on or not: where the code tells a place, is it the one where the channel was made?

{truth}
## What is not guessed

Who waits on a channel could narrow the places that fit. Right and wrong, had that been done:

{guesses}
None of it is proof: any function may wait on a channel that it was given, such as that of `context.Context.Done`, while
it or its package makes another one of the same type. The stricter guesses say so little that a set in which they are
never wrong shows nothing, and a wrong name is worse than one that says less.

Most channels that cannot be told apart are `chan struct {{}}` without a buffer: in one of these servers {largest}
places make them.
"""


def exported(documents: Sequence[dict[str, Any]], pid: int, metric: str) -> list[tuple[dict[str, str], int]]:
    """(attributes, value) of the last points of a metric of a process."""
    last: list[tuple[dict[str, str], int]] = []
    for document in documents:
        for of_resource in document.get("resourceMetrics", []):
            resource = {a["key"]: a["value"] for a in of_resource["resource"]["attributes"]}
            if resource.get("process.pid") != {"intValue": str(pid)}:
                continue
            found = [m for scope in of_resource["scopeMetrics"] for m in scope["metrics"] if m["name"] == metric]
            points = [p for m in found for p in m.get("gauge", m.get("sum", {})).get("dataPoints", [])]
            kept = [p for p in points if "asInt" in p]
            if kept:
                last = [(_texts(p["attributes"]), int(p["asInt"])) for p in kept]
    return last


def _texts(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {a["key"]: a["value"].get("stringValue", "") for a in attributes}


def attached(folder: Path, found: Sequence[Server]) -> dict[str, dict[str, Any]]:
    """What an agent with default settings says about the servers, by name."""
    lines = folder / "otlp.jsonl"
    pids = [server.pid for server in found]
    with agent(folder / "agent.log", *pids, "--interval", INTERVAL_S, "--otlp-file", lines) as running:
        running.wait_for(r"watching pid", len(pids))
        time.sleep(AGENT_S)
    said = [json.loads(line) for line in lines.read_text().splitlines()]
    log = running.log
    results: dict[str, dict[str, Any]] = {}
    for server in found:
        before_end = [d for d in said if _has_values(d, server.pid)]
        channels, waits, names = Counter[str](), Counter[str](), set()
        for attributes, value in exported(before_end, server.pid, "channel.count"):
            channels[attributes["channel.name.source"]] += value
            if value:
                names.add(attributes["channel.name"])
        for attributes, value in exported(before_end, server.pid, "channel.waiters"):
            waits[attributes["channel.name.source"]] += value
        detached = sorted({w for w in ("makes", "waits", "operations") if f"pid {server.pid}: the {w} plane is" in log})
        results[server.name] = {
            "channels": dict(channels),
            "waits": dict(waits),
            "names": len(names),
            "planes_over_budget": detached,
        }
    return results


def _has_values(document: dict[str, Any], pid: int) -> bool:
    return bool(exported([document], pid, "channel.count"))


def judged(judgement: Judgement) -> dict[str, Any]:
    """As JSON."""
    return {"right": judgement.right, "wrong": [list(pair) for pair in judgement.wrong]}


def result_of(server: Server, later: dict[str, Any]) -> dict[str, Any]:
    """All figures of one server."""
    look = server.looks[-1]
    census = figures(server, look)
    ambiguous = [len(server.namer.candidates(channel)) for channel, _ in look.made.values()]
    return {
        "version": server.version,
        "go": server.image.build.go_version,
        "main_module": server.image.build.main_module,
        "make_sites": len({site.return_address for site in server.image.make_sites}),
        "census": {
            "channels": dict(census.channels),
            "waits": dict(census.waits),
            "names": census.names,
            "shared_names": census.shared,
        },
        "attached": later,
        "alive": dict(census.alive),
        "most_candidates": max(ambiguous, default=0),
        "by_code": judged(by_code(server)),
        "by_guess": {guess: judged(by_guess(server, guess)) for guess in GUESSES},
    }


def share(counts: dict[str, int], source: str) -> str:
    """A share in percent."""
    total = sum(counts.values())
    return f"{100 * counts.get(source, 0) / total:.0f} %" if total else "-"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def shares(results: dict[str, dict[str, Any]], which: str) -> str:
    """The table of one way to look."""
    sources = SOURCES if which == "attached" else SOURCES[1:]
    counted = [f"{what} by {source}" for what in ("channels", "waits") for source in sources]
    extra = ["names", "shared names"] if which == "census" else ["names"]
    rows = []
    for name, result in results.items():
        of = result[which]
        cells = [share(of[what], source) for what in ("channels", "waits") for source in sources]
        numbers = [of["names"], of["shared_names"]] if which == "census" else [of["names"]]
        rows.append([name, sum(of["channels"].values()), sum(of["waits"].values()), *cells, *numbers])
    return table(["server", "channels", "waits", *counted, *extra], rows)


def truth(results: dict[str, dict[str, Any]]) -> str:
    """The table of what is right."""
    head = ["server", "makes in the code", "alive at the end", "of them named by code", "right", "wrong"]
    rows = [
        [
            name,
            result["make_sites"],
            sum(result["alive"].values()),
            share(result["alive"], "code"),
            result["by_code"]["right"],
            len(result["by_code"]["wrong"]),
        ]
        for name, result in results.items()
    ]
    return table(head, rows)


def guesses(results: dict[str, dict[str, Any]]) -> str:
    """The table of what is not said."""
    rows = []
    for guess in GUESSES:
        judged_ = [result["by_guess"][guess] for result in results.values()]
        rows.append([guess, *(f"{one['right']}, {len(one['wrong'])}" for one in judged_)])
    return table(["of several places that fit, the only one", *results], rows)


def document(machine: Machine, results: dict[str, dict[str, Any]]) -> str:
    """docs/names.md."""
    versions = ", ".join(f"{result['version']} ({result['go']})" for result in results.values())
    return _TEXT.format(
        **{key: machine[key] for key in ("date", "processor", "processors", "kernel")},
        versions=versions,
        census=shares(results, "census"),
        attached=shares(results, "attached"),
        truth=truth(results),
        guesses=guesses(results),
        looks=LOOKS,
        agent_s=AGENT_S,
        largest=max(result["most_candidates"] for result in results.values()),
    )


def main() -> int:
    """Measure, print and write. Exit status 1 when a name found in the code was wrong."""
    machine = describe()
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (found, given):
        time.sleep(WARM_UP_S)
        look_for(found, LOAD_S, LOOKS)
        later = attached(Path(folder), found)
        assert given.failures == [], given.failures[0]
        results = {server.name: result_of(server, later[server.name]) for server in found}
    (DOCS / "names.json").write_text(json.dumps({"machine": machine, "servers": results}, indent=2) + "\n")
    (DOCS / "names.md").write_text(document(machine, results))
    print(f"{shares(results, 'census')}\n{shares(results, 'attached')}\n{truth(results)}")
    return 1 if any(result["by_code"]["wrong"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
