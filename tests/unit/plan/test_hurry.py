"""Looks at memory that come sooner because goroutines have parked unseen."""

from __future__ import annotations

from otelchan.plan.hurry import MOST_SAVED_NS, Hurry

SECOND = 1_000_000_000
SHARE = 100


class Program:
    """A program looked at once per second: at the pace that its share allows, or in a hurry. spent_ns: of each look."""

    def __init__(self, spent_ns: int) -> None:
        self.hurry, self.spent_ns = Hurry(), spent_ns
        self.due_ns = self.second = 0
        self.looks: list[int] = []

    def second_with(self, lost: int) -> None:
        """One round, after so many parks have been lost in all."""
        self.second += 1
        now = self.second * SECOND
        self.hurry.heed(lost, now)
        if self.hurry.now(now, SHARE) or (now >= self.due_ns and not self.hurry.waits(now)):
            self.hurry.looked(now, self.spent_ns, SHARE)
            self.due_ns = now + SHARE * self.spent_ns
            self.looks.append(self.second)


def test_without_a_lost_park_there_is_no_hurry() -> None:
    """Looks come at their pace, however much has been saved."""
    program = Program(300_000_000)
    for _ in range(100):
        program.second_with(lost=0)
    assert [1, 31, 61, 91] == program.looks


def test_when_parks_have_been_lost_it_is_looked_twice() -> None:
    """As soon as no more of them are lost, and again when those have waited for long; then at the usual pace."""
    program = Program(200_000_000)
    for second in range(1, 80):
        program.second_with(lost=min(100 * max(second - 32, 0), 500))
    assert [1, 21, 38, 44, 64] == program.looks


def test_where_parks_are_lost_all_the_time_it_is_not_waited_for_the_last_of_them() -> None:
    """Ten seconds at most, and while there are savings each look is followed by another."""
    program = Program(200_000_000)
    for second in range(1, 40):
        program.second_with(lost=100 * max(second - 2, 0))
    assert [1, 13, 19, 25, 31, 37] == program.looks


def test_over_time_no_more_is_spent_than_the_share_and_what_was_saved() -> None:
    """However many parks are lost, and whatever a look costs."""
    for spent_ns in (1_000_000, 50_000_000, 300_000_000, 3_000_000_000):
        program = Program(spent_ns)
        for second in range(1, 3_000):
            program.second_with(lost=second // 3)
        spent = len(program.looks) * spent_ns
        assert spent <= program.second * SECOND // SHARE + MOST_SAVED_NS + 2 * spent_ns
