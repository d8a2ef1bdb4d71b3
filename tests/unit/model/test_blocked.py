"""Blocked goroutines as columns are the same as the objects that they stand for."""

from otelchan.gobinary.types import Frame
from otelchan.model.types import Age, Blocked, BlockedList

WORKER, MAIN = Frame("main.worker", "/src/main.go", 57), Frame("main.main", "/src/main.go", 41)
SENDING = Blocked(7, "jobs", 0xC0, "user", "send", "chan send", Age(5, True), (WORKER, MAIN), MAIN)
NOWHERE = Blocked(8, "", 0, "user", "", "select (no cases)", Age(0, False), (), None)


def test_columns_give_the_objects_back() -> None:
    """By place, from the end, as a part, and all."""
    blocked = BlockedList.of([SENDING, NOWHERE, SENDING])

    assert (SENDING, NOWHERE, SENDING) == tuple(blocked)
    assert (NOWHERE, SENDING, (NOWHERE, SENDING), 3) == (blocked[1], blocked[-1], blocked[1:], len(blocked))
    assert BlockedList.of(blocked) is blocked
    assert blocked == [SENDING, NOWHERE, SENDING]


def test_what_many_share_is_kept_once() -> None:
    """Names, reasons, stacks and origins."""
    names = BlockedList.of([SENDING, SENDING, NOWHERE]).names

    assert (2, 2, 2, 2) == tuple(map(len, names))


def test_nobody_blocked_is_a_list_too() -> None:
    """It is empty."""
    assert () == tuple(BlockedList.of(()))
