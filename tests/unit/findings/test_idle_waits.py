"""Shapes of programs that wait by design: nothing is found in them, however long and however many they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from otelchan.model.types import End
from tests.support.watched import Doctors, Waiter

ONE, TWO = 0xC0000AA000, 0xC0000BB000
SELECT = "select"


def send(id_: int, start: float, end: float = 1e9, **changes: Any) -> Waiter:
    """A sender."""
    return Waiter(id_, start, end, operation="send", reason="chan send")._replace(**changes)


def with_case(waiter: Waiter, case: Waiter) -> Waiter:
    """In a select, of which this is another case."""
    return waiter._replace(more=(case._replace(id=waiter.id, start=waiter.start, channel=waiter.address + 1),))


def pool() -> list[Waiter]:
    """Sixty-four workers; who fed them last has exited, and the main goroutine started him."""
    return [Waiter(n, n / 16, channel=ONE, ends={0: End.RETURNING}) for n in range(2, 66)]


def pool_before_work() -> list[Waiter]:
    """Workers of a queue that nobody has sent on yet, and who also wait to be stopped."""
    stop = Waiter(0, 0, channel=TWO, name="main.stop", ends={0: End.NEVER}, reason=SELECT)
    cases = [Waiter(n, 1, channel=ONE, ends={0: End.NEVER}, reason=SELECT) for n in range(2, 66)]
    return [case._replace(more=(stop._replace(id=case.id, start=1),)) for case in cases]


def done_channels() -> list[Waiter]:
    """Each service waits for its own to be closed at the end."""
    return [Waiter(n, 0.5, ends={0: End.NEVER}) for n in range(2, 300)]


def semaphore() -> list[Waiter]:
    """Thirty wait to get in; each that was in has exited, those that are in are alive, of the same parent."""
    return [send(2 + n, n, n + 12.0, channel=ONE, ends={0: End.RETURNING}) for n in range(300)]


def errgroup_with_a_limit() -> list[Waiter]:
    """The one that starts them waits for a slot, for a minute at a time."""
    return [send(2, start, start + 59.0, channel=ONE, ends={0: End.RETURNING}) for start in range(0, 300, 60)]


def straggler() -> list[Waiter]:
    """All results but one are there, and the last worker takes four minutes."""
    return [Waiter(2, 1, 240, ends={0: End.ALIVE, 10: End.RETURNING})]


def slow_subscribers() -> list[Waiter]:
    """Publishers wait eight seconds each, some of them always."""
    return [send(2 + n, n / 5, n / 5 + 8, channel=ONE, ends={0: End.ALIVE}) for n in range(1500)]


def generators() -> list[Waiter]:
    """Sixty of them wait until somebody who is alive wants the next value."""
    return [send(n, 1, ends={0: End.ALIVE}) for n in range(2, 62)]


def subscribers_between_news() -> list[Waiter]:
    """Five hundred mailboxes; those who wrote to them were handlers of requests."""
    return [Waiter(n, 1 + n / 100, ends={0: End.NEVER, 30: End.RETURNING}) for n in range(2, 502)]


def connections_that_come(rate: float = 2.0) -> list[Waiter]:
    """More and more of them, each with its mailbox that somebody alive writes to now and then."""
    return [
        Waiter(2 + n, start, start + 29, ends={0: End.ALIVE})
        for n in range(int(300 * rate))
        for start in range(int(n / rate), 300, 30)
    ]


def long_polls() -> list[Waiter]:
    """Requests that wait half a minute for news, with a timer."""
    timer = Waiter(0, 0, kind="timer", name="time.After", reason=SELECT)
    polls = [Waiter(2 + n, n / 3, n / 3 + 30, reason=SELECT, ends={0: End.NEVER}) for n in range(900)]
    return [with_case(each, timer) for each in polls]


def connections_with_a_deadline() -> list[Waiter]:
    """Two more every second, each until its context ends it after ninety seconds."""
    context = Waiter(0, 0, kind="context", name="context", reason=SELECT)
    open_ = [Waiter(2 + n, n / 2, n / 2 + 90, reason=SELECT, ends={0: End.NEVER}) for n in range(600)]
    return [with_case(each, context) for each in open_]


def tickers() -> list[Waiter]:
    """From every second to once an hour."""
    return [Waiter(n, 1, kind="ticker") for n in range(2, 50)]


def signals() -> list[Waiter]:
    """The main goroutine, and one that ranges over them."""
    return [Waiter(n, 1, kind="signal", ends={0: End.GONE}) for n in (1, 2)]


def contexts() -> list[Waiter]:
    """Goroutines that wait for Done alone, more and more."""
    return [Waiter(2 + n, n / 4, kind="context") for n in range(1200)]


def pipeline_behind_a_slow_source() -> list[Waiter]:
    """Three stages that wait for the one before, all alive."""
    return [Waiter(n, 1, ends={0: End.ALIVE}) for n in (2, 3, 4)]


def main_in_a_select_without_cases() -> list[Waiter]:
    """And the rest of the program works."""
    return [Waiter(1, 0, operation="", reason="select (no cases)", channel=0, name="")]


SHAPES = (
    pool,
    pool_before_work,
    done_channels,
    semaphore,
    errgroup_with_a_limit,
    straggler,
    slow_subscribers,
    generators,
    subscribers_between_news,
    connections_that_come,
    long_polls,
    connections_with_a_deadline,
    tickers,
    signals,
    contexts,
    pipeline_behind_a_slow_source,
    main_in_a_select_without_cases,
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape.__name__))
def test_nothing_is_found_in_five_minutes_of(shape: Callable[[], list[Waiter]]) -> None:
    """Beside one abandoned sender, which is found in the same looks and nothing else."""
    planted = send(9999, 2, name="main.planted main.go:9", ends={0: End.GONE})
    found = Doctors().watch([*shape(), planted], 300, every=10)
    assert [[]] + [["main.planted main.go:9"]] * 30 == [[it.channel for it in each] for each in found]
