"""The Collector and Prometheus as programs that nobody here wrote: under load, watched, asked about themselves."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.support.agent import agent
from tests.support.dump import READ_AHEAD, Dump, take_census, take_dump
from tests.support.load import Load, Pair, load
from tests.support.stack import Collector, Prometheus, collector, jaeger, prometheus
from tests.support.usage import processor_seconds, start_ticks

WATCHED_S = 120  # under load; the looks come on top
ALONE_S = 48  # before, and again after
SLICE_S = 8  # what comes in between on a shared machine spoils some of them, not their median
LOOKS = 6  # spread over the time watched
LOADED_LOOKS = 3  # the last of them, when goroutines have waited for a minute
WARM_UP_S = 8
SETTLE_S = 0.5  # more than twice what the Collector keeps a point or a span waiting for company
EXPORTED_S = 1.6  # the agent exports once a second
SCRAPES = 5  # tries


class Program(NamedTuple):
    """A running program. counts: the numbers of goroutines that it says, while nobody else asks it anything."""

    name: str
    pid: int
    pprof: str
    session: requests.Session
    counts: Callable[[], set[int]]


class Subject(NamedTuple):
    """A program that is watched, and its twin, which is not, but is given the same requests all the time."""

    program: Program
    twin: Program


class Look(NamedTuple):
    """One census of a program between two counts and two dumps of its own.

    quiet: Unix nanoseconds between the counts, when it was not asked for anything.
    """

    before: Dump
    counted_before: set[int]
    quiet: tuple[int, int]
    census: dict[str, Any]
    counted_after: set[int]
    after: Dump

    @property
    def counted(self) -> set[int]:
        """One number, when nothing came or went."""
        return self.counted_before | self.counted_after


class Work(NamedTuple):
    """Rounds of the load, and the processor seconds that each process used for them, by pid."""

    rounds: int
    seconds: Mapping[int, float]


class Scrape(NamedTuple):
    """go_goroutines of Prometheus's /metrics, between two censuses."""

    before: dict[str, Any]
    goroutines: int
    after: dict[str, Any]


class Watched(NamedTuple):
    """What came of it. held: looks while the load paused; loaded: while it did not; both by name of the program.

    alone, watched: slices of the time in that state. started: start time, in the beginning and at the end, by pid.
    logs: by name, before anything was told to stop. exported: OTLP lines.
    """

    subjects: Sequence[Subject]
    held: Mapping[str, list[Look]]
    loaded: Mapping[str, list[Look]]
    scrape: Scrape
    alone: list[Work]
    watched: list[Work]
    started: Mapping[int, tuple[int, int]]
    failures: list[str]
    collector_metrics: str
    logs: Mapping[str, str]
    agent_log: str
    exported: list[dict[str, Any]]


def total(session: requests.Session, pprof: str) -> int:
    """The goroutines of the profile, without the one that only the request brings.

    The profile counts like runtime.NumGoroutine (goroutineProfileWithLabels in runtime/mprof.go, Go 1.26, calls
    gcount), the goroutine that writes it included, which serves the connection and is there before and after.
    """
    line = session.get(f"{pprof}/goroutine?debug=1", timeout=30).text.partition("\n")[0]
    return int(line.removeprefix("goroutine profile: total ")) - READ_AHEAD


def of_collector(entry: Collector) -> Program:
    """It has no metric for goroutines, so its word is the profile's total."""
    session = requests.Session()
    return Program("collector", entry.pid, entry.pprof, session, lambda: {total(session, entry.pprof)})


def of_prometheus(store: Prometheus) -> Program:
    """Its own number is goroutineCount of its status, runtime.NumGoroutine when asked.

    go_goroutines of its /metrics is the same runtime.NumGoroutine, but called in the midst of Registry.Gather, which
    starts as many goroutines as it happens to need (prometheus/registry.go in client_golang 1.24.1): there is no
    constant to take off. See `test_the_scraped_count_is_the_same_but_for_the_scrape`.
    """
    session, pprof = requests.Session(), f"{store.url}/debug/pprof"

    def counts() -> set[int]:
        status = session.get(f"{store.url}/api/v1/status/runtimeinfo", timeout=30).json()
        return {total(session, pprof), status["data"]["goroutineCount"] - READ_AHEAD}

    return Program("prometheus", store.pid, pprof, session, counts)


def ask(program: Program) -> tuple[Dump, set[int]]:
    """Its own words."""
    return take_dump(program.session, program.pprof), program.counts()


def look(subject: Subject, rest: float = 0) -> Look:
    """See `Look`, with so many seconds of quiet after the census. The twin is asked the same, so that answering costs
    both."""
    program, twin = subject
    ask(twin)
    before, counted_before = ask(program)
    began = time.time_ns()
    census = take_census(program.pid)
    time.sleep(rest)
    quiet = (began, time.time_ns())
    after, counted_after = ask(program)
    ask(twin)
    return Look(before, counted_before, quiet, census, counted_after, after)


def scrape(program: Program, store: Prometheus) -> Scrape:
    """See `Scrape`; one in which nothing else came or went, if there is one."""
    for _ in range(SCRAPES):
        before = take_census(program.pid)
        text = program.session.get(f"{store.url}/metrics", timeout=30).text
        (line,) = re.findall(r"^go_goroutines (\d+)$", text, re.M)
        seen = Scrape(before, int(line), take_census(program.pid))
        if seen.before["goroutines"]["count"] == seen.after["goroutines"]["count"]:
            break
    return seen


def work(load: Load, subjects: Sequence[Subject], seconds: float) -> Work:
    """What is done in that time."""

    def so_far() -> Work:
        return Work(load.rounds, {program.pid: processor_seconds(program.pid) for two in subjects for program in two})

    first = so_far()
    time.sleep(seconds)
    last = so_far()
    used = {pid: last.seconds[pid] - first.seconds[pid] for pid in first.seconds}
    return Work(last.rounds - first.rounds, used)


def slices(load: Load, subjects: Sequence[Subject], seconds: float) -> list[Work]:
    """What is done in each part of that time."""
    number = round(seconds / SLICE_S)
    return [work(load, subjects, seconds / number) for _ in range(number)]


def look_at_all(subjects: Sequence[Subject], looks: dict[str, list[Look]], rest: float = 0) -> None:
    """At the same time: the load must not be held for long."""
    with ThreadPoolExecutor(len(subjects)) as pool:
        for subject, one in zip(subjects, pool.map(lambda each: look(each, rest), subjects), strict=True):
            looks[subject.program.name].append(one)


def watch(folder: Path) -> Watched:
    """The Collector and Prometheus, and twins of both that nobody watches, get the same load: first all of them alone,
    then two of them watched by one agent, then alone again. Takes more than four minutes."""
    (twins := folder / "twins").mkdir()
    held: dict[str, list[Look]] = defaultdict(list)
    loaded: dict[str, list[Look]] = defaultdict(list)
    with ExitStack() as running:
        traces = running.enter_context(jaeger(folder))
        store, twin_store = (running.enter_context(prometheus(where)) for where in (folder, twins))
        entry = running.enter_context(collector(folder, store.otlp, traces.grpc, with_pprof=True))
        twin_entry = running.enter_context(collector(twins, twin_store.otlp, traces.grpc, with_pprof=True))
        subjects = (
            Subject(of_collector(entry), of_collector(twin_entry)),
            Subject(of_prometheus(store), of_prometheus(twin_store)),
        )
        programs = [subject.program for subject in subjects]
        started = {program.pid: start_ticks(program.pid) for program in programs}
        given = running.enter_context(load(Pair(entry, store), Pair(twin_entry, twin_store)))
        time.sleep(WARM_UP_S)
        before, during = slices(given, subjects, ALONE_S), []
        exported = folder / "otlp.jsonl"
        with agent(folder / "agent.log", *started, "--interval", 1, "--otlp-file", exported) as watching:
            watching.wait_for(r"watching pid", len(programs))
            for turn in range(LOOKS):
                during += slices(given, subjects, WATCHED_S / LOOKS)
                if turn >= LOOKS - LOADED_LOOKS:
                    look_at_all(subjects, loaded)
                with given.held():
                    time.sleep(SETTLE_S)
                    look_at_all(subjects, held, EXPORTED_S)
            with given.held():
                time.sleep(SETTLE_S)
                scraped = scrape(programs[1], store)
        after = slices(given, subjects, ALONE_S)
        return Watched(
            subjects=subjects,
            held=held,
            loaded=loaded,
            scrape=scraped,
            alone=[*before, *after],
            watched=during,
            started={pid: (ticks, start_ticks(pid)) for pid, ticks in started.items()},
            failures=given.failures,
            collector_metrics=entry.own_metrics(),
            logs={program.name: (folder / f"{program.name}.log").read_text() for program in programs},
            agent_log=watching.log,
            exported=[json.loads(line) for line in exported.read_text().splitlines()],
        )
