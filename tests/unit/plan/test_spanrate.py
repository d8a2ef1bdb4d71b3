"""How many spans a program may make, and all of them together."""

from otelchan.plan.spanrate import Rate, SpanRate

SECOND = 1_000_000_000


def span_rate(per_second: float, together: float = 1_000_000.0) -> SpanRate:
    """The rate of one program, at time 0."""
    return SpanRate(per_second, Rate(together, 0), 0)


def test_a_second_s_worth_may_come_at_once_and_no_more() -> None:
    """At the beginning, and again after any time without spans."""
    rate = span_rate(10)

    assert [10, 10, 20] == [rate.allowed(0, SECOND), rate.allowed(0, 60 * SECOND), rate.allowed(10, 61 * SECOND)]


def test_a_bucket_that_is_empty_fills_as_time_goes_by() -> None:
    """A tenth of a second brings a tenth of the rate; parts of a span are not lost."""
    rate = span_rate(15)

    assert [15, 16, 18] == [rate.allowed(15, 1), rate.allowed(15, SECOND // 10), rate.allowed(15, SECOND // 5)]


def test_a_program_without_a_rate_may_send_none() -> None:
    """spans_per_second: 0."""
    rate = span_rate(0)

    assert [0, 0] == [rate.allowed(0, SECOND), rate.allowed(0, 2 * SECOND)]


def test_a_rate_below_one_a_second_makes_a_span_now_and_then() -> None:
    """One at the beginning, and with half a span a second the next one after two seconds; not none for ever."""
    rate = span_rate(0.5)

    assert [1, 1, 2] == [rate.allowed(0, 0), rate.allowed(1, SECOND), rate.allowed(1, 2 * SECOND)]
    assert 1 == span_rate(100, together=0.5).allowed(0, 0)


def test_another_rate_holds_from_then_on() -> None:
    """What is in the bucket is cut to a second's worth."""
    rate = span_rate(100)
    rate.own.per_second = 5

    assert 5 == rate.allowed(0, SECOND)


def test_what_one_program_uses_up_another_cannot_send() -> None:
    """Ten programs with ten each would make a hundred; together they may make twenty."""
    together = Rate(20, 0)
    first, second = SpanRate(15, together, 0), SpanRate(15, together, 0)

    assert [15, 20] == [first.allowed(0, 0), first.allowed(15, 0) + second.allowed(0, 0)]


def test_what_was_overdrawn_is_paid_back_before_anybody_sends_again() -> None:
    """Two programs that are told the same 20 at once may send 40: then nobody sends for a second."""
    together = Rate(20, 0)
    programs = [SpanRate(1000, together, 0), SpanRate(1000, together, 0)]

    assert [20, 20] == [program.allowed(0, 0) for program in programs]
    assert [20, 20] == [program.allowed(20, 0) for program in programs]
    assert [20, 20] == [program.allowed(20, SECOND) for program in programs]
    assert [30, 30] == [program.allowed(20, 3 * SECOND // 2) for program in programs]


def test_a_rate_never_asks_for_less_than_was_sent() -> None:
    """What the kernel side compares with only grows."""
    rate = span_rate(10, together=1)

    assert [1, 7, 7, 8] == [rate.allowed(used, at * SECOND) for used, at in ((0, 0), (7, 0), (7, 6), (7, 7))]


def test_spans_of_waits_that_go_on_are_taken_from_both_rates() -> None:
    """Nobody asks whether there is room for them, so there may be a debt, which time pays back."""
    together = Rate(20, 0)
    rate, other = SpanRate(10, together, 0), SpanRate(10, together, 0)
    rate.charge(15)

    assert [0, 5, 10] == [rate.allowed(0, 1), other.allowed(0, 1), rate.allowed(0, 2 * SECOND)]


def test_a_debt_does_not_outlive_the_rate_it_was_made_under() -> None:
    """Who had no rate, and sent all the same what goes on, may send as soon as there is one."""
    rate = span_rate(0)
    for second in range(3600):
        rate.charge(1)
        rate.allowed(0, second * SECOND)
    rate.own.per_second = 10

    assert 10 == rate.allowed(0, 3600 * SECOND)
