"""A surge of goroutines leaves a dump of all stacks, and never more dumps than are allowed."""

from __future__ import annotations

import gzip
import json
import stat
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.support import eventually
from tests.support.agent import agent
from tests.support.blocked import Dumped, parse_dump
from tests.support.dumped import panicparsed
from tests.support.growth import growth, newest

BEFORE, MANY = 40, 6000  # more than surge_least
WRITTEN = r"goroutines surge: the stacks of \d+ goroutines are in \S+$"


def test_a_surge_leaves_one_whole_dump_and_the_next_one_leaves_it_alone(
    workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Every goroutine with its stack, as the program's own dump would have it; the second surge finds the folder full,
    which is said and counted; and the agent looks at its programs all the time as often as before."""
    folder, lines, binary = tmp_path / "dumps", tmp_path / "metrics.json", workload("growth")
    allowed = {"OTELCHAN_DUMPS_FOLDER": str(folder), "OTELCHAN_DUMPS_FILES": "1"}
    with growth(binary) as first, growth(binary) as second:
        started = [program.tell("block", BEFORE) for program in (first, second)]
        arguments = (first.pid, second.pid, "--interval", 1, "--otlp-file", lines)
        with agent(tmp_path / "log", *arguments, env=allowed) as running:
            running.wait_attached(2)
            eventually(lambda: len(looked_at(lines)) >= 3)  # what comes now is compared with
            blocked = first.tell("block", MANY)
            running.wait_for(WRITTEN)
            (file,) = folder.iterdir()
            kept = file.read_bytes()
            second.tell("block", MANY)
            running.wait_for(r"and no dump is written: \S+ has 1 dump already \(dumps\.files\)")
            pids = first.pid, second.pid
        goroutines = newest(lines, "go.goroutine.count")

    assert [BEFORE, BEFORE] == started
    assert [(file, kept)] == [(found, found.read_bytes()) for found in folder.iterdir()]
    assert (0o700, 0o600) == (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode))
    assert file.name.endswith(f"-{pids[0]}-growth.txt.gz")
    dumped = parse_dump(gzip.decompress(kept).decode().splitlines())
    assert Counter({True: blocked, False: len(dumped) - blocked}) == Counter(map(is_blocked, dumped.values()))
    assert set(goroutines.values()) == {len(dumped)}
    plain = tmp_path / "plain"
    plain.write_bytes(gzip.decompress(kept))
    assert list(dumped) == list(panicparsed(plain))
    assert {"": 1} == newest(lines, "otelchan.dump.written")
    assert {"full": 1} == newest(lines, "otelchan.dump.left_out")
    pauses = [after - before for before, after in pairwise(looked_at(lines))]
    assert max(pauses) < 4 * median(pauses)


def is_blocked(dumped: Dumped) -> bool:
    """Whether it is one of the goroutines that the program was told to start."""
    return dumped.state == "chan receive" and bool(dumped.frames) and dumped.created_at[0].endswith("growth/main.go")


def looked_at(lines: Path) -> list[int]:
    """When each look at the programs was, in Unix nanoseconds."""
    found = set()
    for line in lines.read_text().splitlines() if lines.exists() else ():
        for resource in json.loads(line).get("resourceMetrics", ()):
            for metric in resource["scopeMetrics"][0]["metrics"]:
                if metric["name"] == "otelchan.target.count":
                    found |= {int(point["timeUnixNano"]) for point in metric["gauge"]["dataPoints"]}
    return sorted(found)
