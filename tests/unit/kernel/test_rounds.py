"""Which look at a program a record belongs to."""

from otelchan.kernel.rounds import Rounds
from otelchan.kernel.types import BlockRecord, PanicRecord

PANIC = PanicRecord(target=1, error="close_of_nil", time=9, channel=0, name_key=1, goid=7, frames=())


def block(round_: int, end: int = 0) -> BlockRecord:
    """A block of that round."""
    return BlockRecord(1, 0, False, False, 0, end, *(0,) * 11, (), b"", round=round_)


def test_between_looks_nothing_is_kept() -> None:
    """Only while a look goes on can a record be too early for it."""
    rounds = Rounds()
    assert [False, False, []] == [rounds.keeps(block(0)), rounds.keeps(block(1)), rounds.take()]


def test_what_was_sent_before_the_turn_is_taken_and_the_rest_waits() -> None:
    """However late it was drained."""
    rounds = Rounds()
    rounds.turn(4)

    assert [False, True] == [rounds.keeps(block(3)), rounds.keeps(block(4))]
    assert [block(4)] == rounds.take()
    assert [False, []] == [rounds.keeps(block(4)), rounds.take()]


def test_records_stay_in_their_order() -> None:
    """After one that waits all wait: a recording finds them in the order in which they were drained."""
    rounds = Rounds()
    rounds.turn(4)
    records: list[BlockRecord | PanicRecord] = [block(4, end=1), PANIC, block(3, end=2), block(4, end=3)]

    assert [True] * 4 == [rounds.keeps(record) for record in records]
    assert records == rounds.take()


def test_a_panic_does_not_wait_by_itself() -> None:
    """It has no round: a program may die of it."""
    rounds = Rounds()
    rounds.turn(4)

    assert not rounds.keeps(PANIC)
