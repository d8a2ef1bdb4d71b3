"""Totals of operations that were not counted but sampled."""

from __future__ import annotations

import math
from collections.abc import Mapping

from otelchan.kernel.types import Kind, SliceCounts
from otelchan.memory.types import ChannelMap, Moves
from otelchan.model.blended import Evidence, blend, by_chance, operations_of_a_hit
from otelchan.model.estimates import Estimates, Estimating
from otelchan.model.observation import MISSING, KernelState, Observation, Sampled
from otelchan.model.shares import shares
from otelchan.model.types import ChannelView, Counter, Estimate
from tests.support.snapshots import channel

MS, SECOND = 1_000_000, 1_000_000_000
PASSAGE_NS: dict[int, float] = {
    Kind.WAKE: 65.0,
    Kind.SEND: 10.0,
    Kind.RECV: 10.0,
    Kind.RECV_CLOSED: 8.0,
    Kind.SELECT: 60.0,
}
HIT_NS: dict[int, float] = dict.fromkeys(PASSAGE_NS, 1250.0)
HOT, SLOW = 0x401000, 0x402000


def a_slice(number: int, counts: dict[int, tuple[int, int, int]], hits: dict[int, int] | None = None) -> SliceCounts:
    """One of 2 ms; hits: of sites of buffers, unless they are given."""
    begin = number * SECOND
    sends, receives = (sum(sides[side] for sides in counts.values()) for side in (0, 1))
    return SliceCounts(
        begin, begin + 2 * MS, counts, hits or {Kind.SEND: sends, Kind.RECV: receives}, 0, 2 * MS, 2 * MS
    )


def sampled(
    begin_s: int, end_s: int, samples: Mapping[Kind, float] | Mapping[int, float], cpu: float = 1.0, *moves: Moves
) -> Sampled:
    """What was seen without a trap in these seconds, in which the program had so much of a processor."""
    cpu_ns = round((end_s - begin_s) * SECOND * cpu)
    return Sampled(
        begin_s * SECOND,
        end_s * SECOND,
        cpu_ns,
        10 * MS,
        {int(kind): count for kind, count in samples.items()},
        PASSAGE_NS,
        HIT_NS,
        moves,
    )


def named(key: int) -> tuple[str, str]:
    return ("hot" if key == HOT else "slow", "make")


def totals(estimates: Estimates) -> dict[tuple[str, str, str], Estimate]:
    return {(each.channel, each.operation, each.status): each for each in estimates.now()}


def evidence(of: Sampled) -> Evidence:
    return Evidence().later(of, 60 * SECOND)


def a_hot_loop(number: int) -> SliceCounts:
    """One goroutine sends and receives, which is a microsecond each with a trap in it."""
    return a_slice(number, {HOT: (1000, 1000, 0)})


def test_a_hot_loop_is_known_from_samples_of_what_it_executes() -> None:
    """45 of 100 samples in sends of 10 ns are 45 million sends in a second of processor time."""
    estimates = Estimates(5)
    estimates.add([a_hot_loop(n) for n in range(4)], sampled(0, 10, {Kind.SEND: 450, Kind.RECV: 450}), named)
    found = totals(estimates)

    assert {("hot", "send", "ok"), ("hot", "recv", "ok")} == set(found)
    sends = found["hot", "send", "ok"]
    assert 5 == sends.start_unix_ns
    assert 0.99 < sends.value / 450e6 < 1.01
    assert sends.lower < 450e6 / 1.7
    assert sends.upper > 450e6 * 1.7


def test_a_program_that_is_hardly_slowed_is_known_from_slices() -> None:
    """20 sends in each 2 ms are 10,000 a second, whatever its cold caches make of the time of a send."""
    estimates = Estimates(0)
    slices = [a_slice(n, {HOT: (20, 20, 0)}) for n in range(10)]
    estimates.add(slices, sampled(0, 10, {Kind.SEND: 1}), named)
    sends = totals(estimates)["hot", "send", "ok"]

    assert 0.9 < sends.value / 100_000 < 1.2
    assert 85_000 < sends.lower
    assert sends.upper < 170_000


def test_a_program_with_time_to_spare_is_not_slowed() -> None:
    """Traps take a fifth of each slice, and it sleeps most of the time: it does no less for them."""
    estimates = Estimates(0)
    slices = [a_slice(n, {HOT: (200, 200, 0)}) for n in range(10)]
    estimates.add(slices, sampled(0, 10, {Kind.SEND: 2, Kind.RECV: 2}, 0.03), named)
    sends = totals(estimates)["hot", "send", "ok"]

    assert 0.95 < sends.value / 1_000_000 < 1.3
    assert sends.lower < 1_000_000 < sends.upper < 2_000_000


def test_what_slices_saw_is_the_least_there_was() -> None:
    """Probes make no program quicker, however few of its samples were in operations."""
    found = blend([a_hot_loop(n) for n in range(10)], evidence(sampled(0, 10, {Kind.SEND: 1})))

    assert found.seen_per_ns == 2000 / (2 * MS)
    assert found.per_ns >= found.seen_per_ns


def test_slices_in_which_the_program_did_not_run_do_not_say_how_it_runs() -> None:
    """Nine of ten saw nothing, as others had its processor: the tenth was full of traps, and slows it down."""
    slices = [a_hot_loop(0), *(a_slice(n, {}) for n in range(1, 10))]

    assert blend(slices, evidence(sampled(0, 10, {Kind.SEND: 45}, 0.1))).slowed > 0.9


def test_as_good_as_no_samples_are_none() -> None:
    """A program in a loop that was last sampled hours ago: nobody knows how much more it does than slices saw, but no
    more than a processor can."""
    old = evidence(sampled(0, 10, {Kind.SEND: 5}))
    for hour in range(1, 40):
        old = old.later(sampled(hour * 3600, hour * 3600 + 600, {}, 0.01), 60 * SECOND)
    found = blend([a_hot_loop(n) for n in range(10)], old)

    assert {} == found.of_a_sample
    assert found.seen_per_ns <= found.per_ns * math.exp(found.above) <= 1.0


def test_without_samples_a_hot_program_may_be_as_fast_as_a_processor() -> None:
    """Nobody may look at what it executes: the interval says so."""
    found = blend([a_hot_loop(n) for n in range(10)], evidence(sampled(0, 10, {})))

    least, most = found.per_ns * math.exp(-found.below), found.per_ns * math.exp(found.above)
    assert 0.9 < least / found.seen_per_ns < 1.1
    assert 0.9 < most / (1 / 5.0) < 1.1


def test_a_paced_channel_beside_a_hot_one_is_not_scaled_with_it() -> None:
    """Two elements in each slice are a thousand a second, while the hot one is forty times as fast as slices show."""
    estimates = Estimates(0)
    slices = [a_slice(n, {HOT: (1000, 1000, 0), SLOW: (2, 2, 0)}) for n in range(10)]
    estimates.add(slices, sampled(0, 10, {Kind.SEND: 400, Kind.RECV: 400}), named)
    slow = totals(estimates)["slow", "send", "ok"]

    assert 0.99 < slow.value / 10_000 < 1.01
    assert slow.upper > 10_000 * 40, "it may be part of the hot loop for all that slices say"


def test_positions_of_its_buffer_prove_that_a_channel_is_paced() -> None:
    """It moves a thousand times a second in 100 bursts: as often as slices say, so it is no part of the hot loop."""
    slices = [a_slice(n, {HOT: (1000, 1000, 0), SLOW: (2, 2, 0)}) for n in range(10)]
    hot = {Kind.SEND: 400.0, Kind.RECV: 400.0}

    def upper(*moves: Moves) -> float:
        estimates = Estimates(0)
        estimates.add(slices, sampled(0, 10, hot, 1.0, *moves), named)
        return totals(estimates)["slow", "send", "ok"].upper / 10_000

    proved = Moves(SLOW, 16, 100, 38_300, 25 * MS, 25, 25, 25)
    aliased = Moves(SLOW, 2, 100, 38_300, 25 * MS * 100, 25, 25, 25)
    assert upper(proved) < 10
    assert upper(aliased) > 40, "between two reads it may have gone round"
    assert upper() > 40


def test_a_wake_is_two_operations_and_a_select_that_was_woken_none() -> None:
    """As the kernel side counts: both sides at the wake."""
    assert operations_of_a_hit({Kind.WAKE: 10, Kind.SELECT: 10}, 20)[Kind.SELECT] == 0.0
    assert operations_of_a_hit({Kind.SEND: 10, Kind.SELECT: 10}, 20)[Kind.SELECT] == 1.0
    assert operations_of_a_hit({}, 0)[Kind.WAKE] == 2.0


def test_of_slices_that_differ_less_is_known() -> None:
    """Of one alone nothing; of equal ones what chance leaves; of some that differ how much they do."""
    gates = [1.0] * 10
    assert by_chance([1000.0], [1.0]) > 2
    assert by_chance([1000.0] * 10, gates) < 0.03
    assert by_chance([0.0, 2000.0] * 5, gates) > 0.6


def test_of_very_few_operations_little_is_known() -> None:
    """Two in forty slices: Garwood's exact interval begins at 0.242; of four at 1.09."""
    assert by_chance([1.0] * 2 + [0.0] * 38, [1.0] * 40) >= math.log(2 / 0.242)
    assert by_chance([1.0] * 4 + [0.0] * 36, [1.0] * 40) >= math.log(4 / 1.09)


def test_no_interval_is_narrower_than_so_few_slices_allow() -> None:
    """Twelve that differ: Student's factor for eleven degrees of freedom is 2.201; of 41, for forty, 2.021."""
    assert by_chance([0.0, 2000.0] * 6, [1.0] * 12) >= 2.201 * math.sqrt(12e6 * 12 / 11) / 12_000
    many = [0.0, *[500.0, 1500.0] * 20]
    squares = sum((count - sum(many) / 41) ** 2 for count in many)
    assert by_chance(many, [1.0] * 41) >= 2.021 * math.sqrt(squares * 41 / 40) / sum(many)


def test_bursts_are_in_the_total_when_they_happen() -> None:
    """Samples of an interval belong to that interval: nothing is done in one without any."""
    estimates = Estimates(0)
    estimates.add([a_hot_loop(n) for n in range(10)], sampled(0, 10, {Kind.SEND: 450, Kind.RECV: 450}), named)
    before = totals(estimates)["hot", "send", "ok"]
    estimates.add((), sampled(10, 20, {}, 0.0), named)
    after = totals(estimates)["hot", "send", "ok"]

    assert before == after


def test_totals_never_fall_and_bounds_stay_around_them() -> None:
    """Whatever comes: they are counters."""
    estimates = Estimates(0)
    last = Estimate("hot", "make", "send", "ok", 0, 0, 0, 0)
    for second in range(30):
        samples = {Kind.SEND: second * 7 % 50, Kind.RECV: second * 11 % 50}
        slices = [a_slice(second, {HOT: (second * 97 % 1000, second * 89 % 1000, 0)})]
        estimates.add(slices, sampled(second, second + 1, samples), named)
        now = totals(estimates).get(("hot", "send", "ok"), last)
        assert all(a >= b for a, b in zip(now[4:7], last[4:7], strict=True))
        assert now.lower <= now.value <= now.upper
        last = now
    assert last.value > 0


def test_what_was_before_the_first_slices_is_shared_out_as_they_say() -> None:
    """Nothing is said until there are three, or a quarter of a minute is over; then nothing is missing."""
    estimates = Estimates(0)
    estimates.add((), sampled(0, 5, {Kind.SEND: 225, Kind.RECV: 225}), named)
    estimates.add([a_hot_loop(5)], sampled(5, 6, {Kind.SEND: 45, Kind.RECV: 45}), named)
    assert () == estimates.now()
    estimates.add([a_hot_loop(6), a_hot_loop(7)], sampled(6, 10, {Kind.SEND: 180, Kind.RECV: 180}), named)

    assert 0.99 < totals(estimates)["hot", "send", "ok"].value / 450e6 < 1.01


def test_a_time_without_samples_is_taken_to_have_been_like_the_next() -> None:
    """While a plane is on trial nobody samples."""
    estimates = Estimates(0)
    estimates.add([a_hot_loop(n) for n in range(4)], sampled(0, 4, {Kind.SEND: 180, Kind.RECV: 180}), named)
    estimates.add((), sampled(6, 8, {Kind.SEND: 90, Kind.RECV: 90}), named)

    assert 0.97 < totals(estimates)["hot", "send", "ok"].value / 360e6 < 1.03


def test_what_a_program_begins_to_do_is_not_shared_out_over_the_time_before() -> None:
    """Ten minutes of slices saw nothing; then it does 10,000 a second: not as if it had done so all the time."""
    estimates = Estimates(0)
    for minute in range(10):
        idle = [a_slice(minute * 60 + second, {}) for second in range(60)]
        estimates.add(idle, sampled(minute * 60, minute * 60 + 60, {}, 0.0), named)
    busy = [a_slice(600 + n, {HOT: (20, 20, 0)}) for n in range(10)]
    estimates.add(busy, sampled(600, 610, {}, 0.1), named)
    sends = totals(estimates)["hot", "send", "ok"]

    assert 100_000 / 2 < sends.value < 100_000 * 2
    assert sends.lower < 100_000 < sends.upper


def test_traps_that_could_not_be_counted_may_have_been_on_any_channel() -> None:
    """Slices had no room for half of what they saw: there may have been twice as much of it, or more."""

    def upper(lost: int) -> int:
        estimates = Estimates(0)
        slices = [a_slice(n, {HOT: (20, 20, 0)}, {Kind.WAKE: 40})._replace(lost=lost) for n in range(10)]
        estimates.add(slices, sampled(0, 10, {}, 0.1), named)
        return totals(estimates)["hot", "send", "ok"].upper

    assert upper(20) > 2 * upper(0)


def test_shares_are_what_slices_counted() -> None:
    """Three receives of four on one channel."""
    slices = [
        a_slice(n, {HOT: (0, 750, 0), SLOW: (0, 0, 750)}, {Kind.RECV: 750, Kind.RECV_CLOSED: 750}) for n in range(9)
    ]
    seen = evidence(sampled(0, 10, {Kind.RECV: 300, Kind.RECV_CLOSED: 240}))
    found = {(share.name_key, share.side): share.per_ns for share in shares(slices, blend(slices, seen), seen)}

    assert {(HOT, 1), (SLOW, 2)} == set(found)
    assert 0.99 < found[HOT, 1] / found[SLOW, 2] < 1.01


def observation(
    second: int, state: str, slices: tuple[SliceCounts, ...] = (), of: Sampled | None = None
) -> Observation:
    unix_ns = 1_000 * SECOND + second * SECOND
    planes = {"operations": state}
    return Observation(
        unix_ns, second * SECOND, KernelState(), None, ChannelMap(()), planes=planes, slices=slices, sampled=of
    )


def test_there_are_estimates_only_while_operations_are_sliced() -> None:
    """They begin when sampling did, end when everything is counted again, and begin anew after that."""
    estimating = Estimating()
    slices = tuple(a_hot_loop(n) for n in range(4))
    hot = {Kind.SEND: 45.0, Kind.RECV: 45.0}

    def look(second: int, state: str) -> list[int]:
        seen = observation(second, state, slices, sampled(second - 1, second, hot))
        return [each.start_unix_ns // SECOND for each in estimating.look(seen, lambda _: "hot", ())]

    assert [] == look(1, "on")
    assert [1001, 1001] == look(2, "sliced")
    assert [1001, 1001] == look(3, "sliced")
    assert [] == look(4, "on")
    assert [1004, 1004] == look(5, "sliced")


def test_a_channel_without_a_name_is_counted_under_the_name_of_such() -> None:
    """As exact counts are."""
    estimating = Estimating()
    slices = tuple(a_hot_loop(n) for n in range(4))
    seen = observation(1, "sliced", slices, sampled(0, 1, {Kind.SEND: 45, Kind.RECV: 45}))

    assert {"chan ?"} == {each.channel for each in estimating.look(seen, lambda _: None, ())}


def test_what_is_counted_has_no_estimate() -> None:
    """While the waits plane is on, all that passes an unbuffered channel is counted."""
    estimating = Estimating()
    slices = tuple(a_hot_loop(n) for n in range(4))
    seen = observation(1, "sliced", slices, sampled(0, 1, {Kind.SEND: 45, Kind.RECV: 45}))
    exact = channel(
        name="hot", source="code", processed={("send", "ok"): Counter(7, 0), ("send", "would_block"): Counter(7, 0)}
    )

    found = estimating.look(seen, lambda _: "hot", (exact,))
    assert [("hot", "code", "recv", "ok")] == [each[:4] for each in found]


def test_a_channel_that_is_no_more_keeps_one_series() -> None:
    """Where its name is from is known of live channels; what is known of it stays, and is not told twice."""
    estimating = Estimating()
    slices = tuple(a_hot_loop(n) for n in range(4))
    hot = {Kind.SEND: 45.0, Kind.RECV: 45.0}

    def look(second: int, *alive: ChannelView) -> list[tuple[str, str, str]]:
        seen = observation(second, "sliced", slices, sampled(second - 1, second, hot))
        return [each[:3] for each in estimating.look(seen, lambda _: "hot", alive)]

    assert [("hot", "use", "recv"), ("hot", "use", "send")] == look(1)
    assert [("hot", "make", "recv"), ("hot", "make", "send")] == look(
        2, channel(name="hot", source="make", processed={})
    )
    assert [("hot", "make", "recv"), ("hot", "make", "send")] == look(3)


def test_samples_that_are_missing_make_the_interval_wider_and_are_taken_to_be_like_the_others() -> None:
    """Half of the program's processor time was not looked at: lost samples, or threads that nobody could look at. It
    may have done nothing on channels in it, or nothing else."""
    loops = [a_hot_loop(n) for n in range(10)]
    whole = blend(loops, evidence(sampled(0, 10, {Kind.SEND: 100, Kind.RECV: 100})))
    half = blend(loops, evidence(sampled(0, 10, {Kind.SEND: 50, Kind.RECV: 50, MISSING: 500})))

    assert 0.8 < half.per_ns / whole.per_ns < 1.25
    assert half.per_ns * math.exp(-half.below) < whole.per_ns / 2
    assert half.per_ns * math.exp(half.above) > whole.per_ns * 6 / 2.0 / 1.01


def test_totals_reach_from_nothing_in_what_was_not_sampled_to_nothing_else() -> None:
    """Of 1,000 samples that there should be 400 are missing, and of the others half were in sends of 10 ns."""
    estimates = Estimates(0)
    found = {Kind.SEND: 150, Kind.RECV: 150, MISSING: 400}
    estimates.add([a_hot_loop(n) for n in range(4)], sampled(0, 10, found), named)
    sends = totals(estimates)["hot", "send", "ok"]

    assert 0.95 < sends.value / (150e6 / 0.6) < 1.05
    assert sends.lower < 150e6
    assert sends.upper > 350e6


def test_estimates_go_by_what_is_missing_in_each_interval() -> None:
    """Later everything is sampled again: what is added then is what was seen."""
    estimates = Estimates(0)
    estimates.add([a_hot_loop(n) for n in range(4)], sampled(0, 10, {Kind.SEND: 150, MISSING: 700}), named)
    before = totals(estimates)["hot", "send", "ok"].value
    estimates.add([a_hot_loop(n) for n in range(10, 14)], sampled(10, 20, {Kind.SEND: 500}), named)
    after = totals(estimates)["hot", "send", "ok"].value

    assert 0.95 < (after - before) / before < 1.05
