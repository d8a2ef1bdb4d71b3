"""Programs that nobody here wrote, under load: the Collector and Prometheus themselves are watched for two minutes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import pytest

from tests.support.blocked import Dumped
from tests.support.dump import READ_AHEAD, parked_in
from tests.support.foreign import WATCHED_S, Subject, Watched, Work, watch

BUDGET = 0.03  # of one core: the default
NOISE = 0.10  # what a shared machine does to a program and not to its twin
FEWEST_STACKS = 15
FEWEST_COUNTS = 5
LATE = 5
LOOK_NS = 300_000_000  # a point has the time at which a look ended, and says what was there when it began
MOST_CAUGHT = 2
MOST_READS = 3
NEVER_LOST = ("park", "span", "count", "histogram", "stale", "case", "rare", "edge", "label")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Once, for all tests here."""
    return watch(tmp_path_factory.mktemp("foreign"))


def test_the_goroutine_count_is_the_programs_own(watched: Watched) -> None:
    """In the census, and as exported, whenever the program's own numbers before and after agree."""
    for program, _ in watched.subjects:
        steady = [look for look in watched.held[program.name] if len(look.counted) == 1]
        assert len(steady) >= FEWEST_COUNTS, [look.counted for look in watched.held[program.name]]
        points = counts_exported(watched.exported, program.pid)
        exported = [[count for at, count in points if look.quiet[0] + LOOK_NS < at < look.quiet[1]] for look in steady]
        print(f"{program.name}: {len(steady)} counts of {[look.counted for look in steady]}, exported {exported}")
        for look, counts in zip(steady, exported, strict=True):
            assert look.counted == {look.census["goroutines"]["count"]}
            assert look.counted >= set(counts)
        assert sum(map(len, exported)) >= FEWEST_COUNTS


def counts_exported(documents: Sequence[dict[str, Any]], pid: int) -> list[tuple[int, int]]:
    """(Unix nanoseconds, value) of every point of go.goroutine.count of a process."""
    return [
        (int(point["timeUnixNano"]), int(point["asInt"]))
        for resource, metric in exported_metrics(documents, "go.goroutine.count")
        if resource.get("process.pid") == {"intValue": str(pid)}
        for point in metric["sum"]["dataPoints"]
    ]


def exported_metrics(documents: Sequence[dict[str, Any]], name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(attributes of the Resource, metric) wherever the metric was exported, in time's order."""
    for document in documents:
        for of_resource in document.get("resourceMetrics", []):
            attributes = {a["key"]: a["value"] for a in of_resource["resource"]["attributes"]}
            for metric in (m for scope in of_resource["scopeMetrics"] for m in scope["metrics"]):
                if metric["name"] == name:
                    yield attributes, metric


def test_the_scraped_count_is_the_same_but_for_the_scrape(watched: Watched) -> None:
    """go_goroutines counts itself: at least the goroutine that calls NumGoroutine and the one that reads ahead, at most
    all that were created from census to census."""
    before, after = (census["goroutines"] for census in (watched.scrape.before, watched.scrape.after))
    assert before["count"] == after["count"]
    of_the_scrape = watched.scrape.goroutines - before["count"]
    print(f"go_goroutines {watched.scrape.goroutines}, census {before['count']}")
    assert 1 + READ_AHEAD <= of_the_scrape <= after["created"] - before["created"]


def test_every_parked_goroutines_stack_is_the_programs_own(watched: Watched) -> None:
    """While the load pauses: whoever is parked in both dumps alike is in the census with the same wait reason, frames
    and creation site, and nobody is parked there whom the program does not know.

    Who ticks every second can be caught at its work, and be back before the second dump. That may be once in all looks,
    and then it is at another place of the same function, or in what that calls.
    """
    for program, _ in watched.subjects:
        caught: Counter[int] = Counter()
        for look in watched.held[program.name]:
            parked = parked_in(look.census)
            steady = {id_: d for id_, d in look.before.parked.items() if look.after.goroutines.get(id_) == d}
            assert len(steady) >= FEWEST_STACKS
            working = {id_ for id_ in steady if parked.get(id_) != steady[id_]}
            assert {id_ for id_ in working & parked.keys() if not is_same(parked[id_], steady[id_])} == set()
            caught.update(working)
            connection = {look.before.writer, look.after.writer}
            assert parked.keys() <= look.before.goroutines.keys() | look.after.goroutines.keys() | connection
            assert look.census["goroutines"]["unread"] == 0
            print(f"{program.name}: {len(steady)} of {len(look.before.parked)} parked, {len(working)} caught working")
        assert caught.total() <= MOST_CAUGHT
        assert all(times == 1 for times in caught.values())


def is_same(now: Dumped, resting: Dumped) -> bool:
    """Whether it is the same goroutine, in the same outermost function."""
    origins = [(dumped.created_at, dumped.parent, dumped.frames[-1].function) for dumped in (now, resting)]
    return origins[0] == origins[1]


def test_stacks_are_the_programs_own_under_load_too(watched: Watched) -> None:
    """Whoever has waited for a minute, as the program says, was parked in the same place while the census was taken."""
    for program, _ in watched.subjects:
        compared = 0
        for look in watched.loaded[program.name]:
            parked = parked_in(look.census)
            long = {id_: look.after.goroutines[id_] for id_ in look.after.minutes if id_ in look.after.parked}
            assert long == {id_: dumped for id_, dumped in parked.items() if id_ in long}
            compared += len(long)
        print(f"{program.name}: {compared} stacks under load")
        assert compared >= FEWEST_STACKS


def test_nothing_happens_to_the_programs(watched: Watched) -> None:
    """Same processes at the end, no warning and no error in their logs, and no request of the load failed."""
    assert watched.failures == []
    assert all(part.rounds for part in (*watched.alone, *watched.watched))
    for program, _ in watched.subjects:
        first, last = watched.started[program.pid]
        assert first == last
        lines = watched.logs[program.name].splitlines()
        assert [line for line in lines if re.search(r"level=(WARN|ERROR)|\t(warn|error)\t", line)] == []
    bad = re.findall(r"^otelcol_\w*(?:failed|refused)\w*\{.*\} (\S+)$", watched.collector_metrics, re.M)
    assert bad
    assert {float(value) for value in bad} == {0.0}


def test_nothing_is_found_wrong(watched: Watched) -> None:
    """No finding of any kind at any time, while goroutines by the dozen wait for work, requests, ticks and the end."""
    found = [
        point["attributes"]
        for _, m in exported_metrics(watched.exported, "otelchan.finding")
        for point in m["gauge"]["dataPoints"]
    ]
    assert found == []
    assert [metric for _, metric in exported_metrics(watched.exported, "go.goroutine.count")] != []


def test_nothing_is_lost(watched: Watched) -> None:
    """No error in the agent's log, and nothing that was to be counted is lost.

    What is older than the agent is told apart from losses: waits that had begun before it, one per goroutine at most,
    and channels that had been made before it, one each, of which hardly any turn up late. And the kernel side cannot
    wait for a page that is not there at the moment: such a read is counted, and seldom.
    """
    assert re.findall(r".* ERROR .*", watched.agent_log) == []
    lost = losses(watched.exported)
    print({reason: values[-1] for reason, values in lost.items()})
    assert {reason: lost[reason][-1] for reason in NEVER_LOST} == dict.fromkeys(NEVER_LOST, 0)
    assert lost["read"][-1] <= MOST_READS
    goroutines = sum(watched.held[program.name][0].census["goroutines"]["count"] for program, _ in watched.subjects)
    assert lost["unparked"][-1] <= goroutines
    for values in (lost["unparked"], lost["name"]):
        assert values[-1] - values[len(values) // 2] <= LATE
    assert lost.keys() == {*NEVER_LOST, "read", "unparked", "name"}


def losses(documents: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """The values of otelchan.event.lost over time, by reason."""
    found: dict[str, list[int]] = defaultdict(list)
    for _, metric in exported_metrics(documents, "otelchan.event.lost"):
        for point in metric["sum"]["dataPoints"]:
            found[point["attributes"][0]["value"]["stringValue"]].append(int(point["asInt"]))
    return found


def test_throughput_stays_within_the_budget(watched: Watched) -> None:
    """Per processor second each program serves as many requests watched as alone, less the budget and some noise; and
    what it lost is less than the budget, which is a part of one core.

    Compared with its twin, which gets the same requests at the same time: what slows the machine down slows both.
    """
    for subject in watched.subjects:
        pid = subject.program.pid
        alone, during = to_twin(watched.alone, subject), to_twin(watched.watched, subject)
        loss = 1 - during / alone
        cores = sum(part.seconds[pid] for part in watched.watched) / WATCHED_S
        print(
            f"{subject.program.name}: {per_second(watched.alone, pid)} rounds per processor second alone, "
            f"{per_second(watched.watched, pid)} watched; to its twin alone {alone:.3f}, watched {during:.3f}: "
            f"loss {loss:.1%}, {loss * cores:.2%} of a core"
        )
        assert loss < BUDGET + NOISE
        assert loss * cores < BUDGET


def per_second(parts: Sequence[Work], pid: int) -> int:
    """Rounds of the load per processor second of a process."""
    return round(sum(part.rounds for part in parts) / sum(part.seconds[pid] for part in parts))


def to_twin(parts: Sequence[Work], subject: Subject) -> float:
    """Work per processor second, its own for one of the twin's, which did the same work: the median of all slices,
    since what others do on the machine hits one of the two in some of them."""
    own, twin = subject
    return median(part.seconds[twin.pid] / part.seconds[own.pid] for part in parts)
