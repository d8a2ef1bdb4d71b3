"""The applications of benchmarks/apps/work: what an item costs while they are watched in each way, in rounds; and what
they lose over a minute under a budget, beside twins that nobody watches.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from threading import Event
from typing import NamedTuple

from benchmarks.rounds import Progress
from benchmarks.serving import App, Worked, executable
from benchmarks.ways import Way, decided, started
from otelchan import clock
from otelchan.gobinary.types import GoImage
from tests.support.driven import driven

APPLICATIONS = {
    "pipeline": "orders are encoded, decoded, hashed and added up: three channels with a buffer of 64",
    "fan-in": "eight goroutines hash readings and send them to one: no buffer",
    "pool": "blocks of 8 kB are handed to four workers, which compress them",
}
REACHED_S = 5.0  # after the first plane was given up, or all are attached, the budget must hold


class Minute(NamedTuple):
    """What an application lost of its throughput per processor second, against its twin, since the agent was started
    (whole), and from 5 s after it had decided (later). flags: of the agent; empty: nobody watched it, which shows what
    noise looks like.
    """

    application: str
    flags: str
    seconds: float
    whole: float
    later: float


def rounds(
    application: str, image: GoImage, ways: Sequence[Way], number: int, window_s: float, say: Progress
) -> dict[str, list[float]]:
    """Processor nanoseconds for each item, by way and round. Each round has an order of its own."""
    found: dict[str, list[float]] = {way.name: [] for way in ways}
    with driven(App, executable("work"), 2) as app:
        app.tell(f"run {application}")
        Event().wait(0.5)
        for one in range(number):
            say(f"{application}: round {one + 1} of {number}")
            for way in random.sample(ways, len(ways)):
                with way.watch(app, image):
                    before = app.count()
                    Event().wait(window_s)
                    found[way.name].append(cost(before, app.count()))
    return found


def cost(before: Worked, after: Worked) -> float:
    """Processor nanoseconds for each item. Raises ValueError when nothing came through."""
    if after.items <= before.items:
        raise ValueError(f"no item came through after {before.items}")
    return (after.processor_ns - before.processor_ns) / (after.items - before.items)


def minute(application: str, budgets: Sequence[str], seconds: float, alone_s: float, say: Progress) -> list[Minute]:
    """One copy for each budget and two that nobody watches, all at the same time and with one processor each: whatever
    slows the machine down slows all of them. alone_s: before and after, without any agent.
    """
    say(f"{application}: {seconds:.0f} s under {' and '.join(budgets)}, beside twins")
    with ExitStack() as undo:
        apps = [undo.enter_context(driven(App, executable("work"), 1)) for _ in range(len(budgets) + 2)]
        for app in apps:
            app.tell(f"run {application}")
        Event().wait(1)
        marks = [[app.count() for app in apps]]
        Event().wait(alone_s)
        marks.append([app.count() for app in apps])
        start = clock.monotonic_ns()
        with ExitStack() as agents:
            running = [
                agents.enter_context(started(app, "--max-overhead", budget))
                for app, budget in zip(apps, budgets, strict=False)
            ]
            for agent in running:
                decided(agent)
            Event().wait(REACHED_S)
            marks.append([app.count() for app in apps])
            Event().wait(max(0.0, seconds - (clock.monotonic_ns() - start) / 1e9))
            marks.append([app.count() for app in apps])
        Event().wait(1)
        marks.append([app.count() for app in apps])
        Event().wait(alone_s)
        marks.append([app.count() for app in apps])
    return [
        Minute(application, flags, seconds, *losses([mark[index] for mark in marks], [mark[-1] for mark in marks]))
        for index, flags in enumerate([*budgets, ""])
    ]


def losses(marks: Sequence[Worked], twin: Sequence[Worked]) -> tuple[float, float]:
    """(whole, later) of Minute. marks: at the beginning, at the agent's start, 5 s after it had decided, at its end, a
    little after that, and at the end of all.
    """

    def ratio(begin: int, end: int) -> float:
        return cost(twin[begin], twin[end]) / cost(marks[begin], marks[end])

    alone = (ratio(0, 1) + ratio(4, 5)) / 2
    return 1 - ratio(1, 3) / alone, 1 - ratio(2, 3) / alone
