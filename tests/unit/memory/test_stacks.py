"""Following saved frame pointers through copies of stacks."""

import numpy as np
from numpy.typing import NDArray

from otelchan.memory.stacks import MAX_FRAMES, Ranges, Sleepers, Stacks, follow

TEXT = (0x1000, 0x9000)
GOEXIT = (0x8000, 0x8010)
RANGES = Ranges(TEXT, GOEXIT)
END = 0x8001  # the return address into runtime.goexit


def u64(*values: int) -> NDArray[np.uint64]:
    """An array."""
    return np.array(values, np.uint64)


def one(sp: int, words: list[int], bp: int, high: int = 0, pc: int = 0x1111) -> Stacks:
    """The stack of one goroutine with these words from sp on."""
    size = 8 * len(words)
    of = Sleepers(u64(pc), u64(bp), u64(sp), u64(high or sp + size), np.array([0]), u64(size))
    return follow(u64(*words), of, RANGES)


def test_a_chain_leads_to_goexit() -> None:
    """Return addresses innermost first, the saved pc before them, goexit after them."""
    stacks = one(0x7000, [5, 0x7018, 0x2222, 0x7030, 0x3333, 9, 0, END], bp=0x7008)

    assert [(0x1111, 0x2222, 0x3333, END)] == stacks.stack
    assert ([True], [False]) == (stacks.complete.tolist(), stacks.beyond.tolist())


def test_nothing_comes_after_goexit() -> None:
    """What lies above it on the stack is not a frame."""
    stacks = one(0x7000, [0x7010, END, 0, 0x2222], bp=0x7000)

    assert ([(0x1111, END)], [True]) == (stacks.stack, stacks.complete.tolist())


def test_a_chain_that_leaves_the_stack_is_torn() -> None:
    """As while the runtime moves a stack: what was found is kept, and not complete."""
    stacks = one(0x7000, [0x9000, 0x2222, 0, 0], bp=0x7000)

    assert ([(0x1111, 0x2222)], [False], [False]) == (stacks.stack, stacks.complete.tolist(), stacks.beyond.tolist())


def test_a_chain_never_turns_back() -> None:
    """A loop would be followed for ever."""
    stacks = one(0x7000, [0x7010, 0x2222, 0x7000, 0x3333], bp=0x7000)

    assert ([(0x1111, 0x2222, 0x3333)], [False]) == (stacks.stack, stacks.complete.tolist())


def test_a_return_address_outside_of_the_code_ends_the_chain() -> None:
    """It is none."""
    stacks = one(0x7000, [0x7010, 0x2222, 0x7020, 0xDEAD, 0, END], bp=0x7000)

    assert ([(0x1111, 0x2222)], [False]) == (stacks.stack, stacks.complete.tolist())


def test_a_chain_that_goes_on_behind_the_copy_says_so() -> None:
    """The stack is longer than what was copied of it."""
    stacks = one(0x7000, [0x7100, 0x2222], bp=0x7000, high=0x8000)

    assert ([(0x1111, 0x2222)], [False], [True]) == (stacks.stack, stacks.complete.tolist(), stacks.beyond.tolist())


def test_a_goroutine_that_never_ran_has_only_its_function() -> None:
    """No frame pointer yet; at its stack pointer lies the way out."""
    stacks = one(0x7000, [END, 0, 0, 0], bp=0, pc=0x4000)

    assert ([(0x4000, END)], [True]) == (stacks.stack, stacks.complete.tolist())


def test_no_frame_pointer_and_no_way_out_is_not_complete() -> None:
    """Only its pc is known."""
    stacks = one(0x7000, [0x2222, 0, 0, 0], bp=0, pc=0x4000)

    assert ([(0x4000,)], [False]) == (stacks.stack, stacks.complete.tolist())


def test_an_unaligned_frame_pointer_is_torn() -> None:
    """No frame lies there."""
    assert [False] == one(0x7000, [0, END, 0, END], bp=0x7004).complete.tolist()


def test_an_empty_copy_is_not_looked_at() -> None:
    """A stack pointer outside of the stack leaves nothing to copy."""
    of = Sleepers(u64(0x1111), u64(0x7000), u64(0x7000), u64(0x6000), np.array([0]), u64(0))
    stacks = follow(u64(), of, RANGES)

    assert ([(0x1111,)], [False]) == (stacks.stack, stacks.complete.tolist())


def test_endless_chains_are_cut() -> None:
    """Deep recursion is followed for MAX_FRAMES frames."""
    words = [word for i in range(MAX_FRAMES + 2) for word in (0x7000 + 16 * (i + 1), 0x2222)]
    stacks = one(0x7000, words, bp=0x7000)

    assert (1 + MAX_FRAMES, [False]) == (len(stacks.stack[0]), stacks.complete.tolist())


def test_equal_stacks_are_kept_once() -> None:
    """Three goroutines, two places, at different addresses."""
    words = u64(0x7010, 0x2222, 0, END, 0x17010, 0x3333, 0, END, 0x27010, 0x2222, 0, END)
    sp = u64(0x7000, 0x17000, 0x27000)
    of = Sleepers(u64(0x1111, 0x1111, 0x1111), sp, sp, sp + np.uint64(32), np.array([0, 4, 8]), u64(32, 32, 32))
    stacks = follow(words, of, RANGES)

    assert {(0x1111, 0x2222, END), (0x1111, 0x3333, END)} == set(stacks.stack)
    assert [(0x1111, 0x2222, END), (0x1111, 0x3333, END), (0x1111, 0x2222, END)] == [
        stacks.stack[which] for which in stacks.which
    ]


def test_stacks_of_different_depth_are_different() -> None:
    """Also when one is the beginning of the other."""
    words = u64(0, 0x2222, 0, 0, 0x17010, 0x2222, 0, END)
    sp = u64(0x7000, 0x17000)
    of = Sleepers(u64(0x1111, 0x1111), sp, sp, sp + np.uint64(32), np.array([0, 4]), u64(32, 32))
    stacks = follow(words, of, RANGES)

    assert [(0x1111, 0x2222), (0x1111, 0x2222, END)] == [stacks.stack[which] for which in stacks.which]


def many(chains: list[list[int]], pcs: list[int] | None = None) -> Stacks:
    """Stacks that all have their first frame at the stack pointer; words relative to it where they are below 0x100."""
    sp = u64(*(0x10000 * (n + 1) for n in range(len(chains))))
    words = [int(sp[n]) + word if word < 0x100 else word for n, chain in enumerate(chains) for word in chain]
    size = [8 * len(chain) for chain in chains]
    start = np.cumsum([0, *(len(chain) for chain in chains[:-1])])
    of = Sleepers(u64(*(pcs or [0x1111] * len(chains))), sp, sp, sp + u64(*size), start, u64(*size))
    return follow(u64(*words), of, RANGES)


def shown(stacks: Stacks) -> list[tuple[int, ...]]:
    """The stack of each."""
    return [stacks.stack[which] for which in stacks.which.tolist()]


def test_goroutines_that_came_the_same_way_are_told_apart_by_their_return_addresses() -> None:
    """Twenty with frames at the same places, at three places of the program."""
    backs = [0x2222 + number % 3 for number in range(20)]
    stacks = many([[16, back, 5, END] for back in backs])

    assert [(0x1111, back, END) for back in backs] == shown(stacks)
    assert ([True] * 20, 3) == (stacks.complete.tolist(), len(stacks.stack))


def test_goroutines_that_came_other_ways_are_followed_too() -> None:
    """As many bytes of stack, frames at other places; some torn, one that does not end, one with another pc."""
    direct, detour = [16, 0x2222, 0x200, END, 7, 7], [32, 0x2222, 7, 7, 0x200, END]
    torn, endless = [16, 0x2222, 0x200, 0x3333, 7, 7], [16, 0xDEAD, 0x200, END, 7, 7]
    stacks = many([*[direct] * 9, *[detour] * 9, torn, endless, direct], [0x1111] * 20 + [0x1115])

    whole = (0x1111, 0x2222, END)
    assert [*[whole] * 18, (0x1111, 0x2222, 0x3333), (0x1111,), (0x1115, 0x2222, END)] == shown(stacks)
    assert [*[True] * 18, False, False, True] == stacks.complete.tolist()


def test_a_stack_that_looks_like_others_but_reaches_goexit_earlier_ends_there() -> None:
    """What lies behind it at the places of the others' frames is not its own."""
    longer, shorter = [16, 0x2222, 32, 0x3333, 0x200, END], [16, END, 32, 0x3333, 0x200, END]
    stacks = many([*[longer] * 9, shorter, shorter])

    assert [*[(0x1111, 0x2222, 0x3333, END)] * 9, *[(0x1111, END)] * 2] == shown(stacks)


def test_a_frame_that_is_skipped_is_none() -> None:
    """It was left there by an earlier call, at the place of a frame of the others."""
    longer, skips = [16, 0x2222, 32, 0x3333, 0x200, END], [32, 0x2222, 32, 0x3333, 0x200, END]
    stacks = many([*[longer] * 9, skips])

    assert [*[(0x1111, 0x2222, 0x3333, END)] * 9, (0x1111, 0x2222, END)] == shown(stacks)


def test_a_large_stack_is_followed_alone() -> None:
    """Though nobody is like it."""
    deep = [word for frame in range(300) for word in (0x10000 + 16 * (frame + 1), 0x2222)] + [0, END]
    stacks = many([deep])

    assert [(0x1111, *[0x2222] * 300, END)] == shown(stacks)


def deep(count: int) -> list[int]:
    """A chain of that many frames, the last one in runtime.goexit."""
    return [word for i in range(count - 1) for word in (0x10000 + 16 * (i + 1), 0x2222)] + [0, END]


def test_a_deep_chain_is_counted_where_it_is_not_kept() -> None:
    """The innermost MAX_FRAMES return addresses and the saved pc are kept, and it is complete all the same."""
    stacks = one(0x10000, deep(3 * MAX_FRAMES), bp=0x10000)

    assert [(0x1111, *[0x2222] * MAX_FRAMES)] == stacks.stack
    assert ([True], [False], [1 + 3 * MAX_FRAMES]) == (
        stacks.complete.tolist(),
        stacks.beyond.tolist(),
        stacks.depth.tolist(),
    )


def test_a_deep_chain_that_goes_on_behind_the_copy_is_counted_so_far() -> None:
    """Its depth is what was found of it."""
    words = deep(3 * MAX_FRAMES)[: 4 * MAX_FRAMES]
    stacks = one(0x10000, words, bp=0x10000, high=0x10000 + 16 * 3 * MAX_FRAMES)

    assert ([False], [True], [1 + 2 * MAX_FRAMES]) == (
        stacks.complete.tolist(),
        stacks.beyond.tolist(),
        stacks.depth.tolist(),
    )


def test_deep_chains_that_differ_behind_what_is_kept_are_not_equal() -> None:
    """Nine goroutines that came the same way but for one call far down: all are complete, and as deep as they are."""
    count = MAX_FRAMES + 100
    chains = [deep(count) for _ in range(9)]
    chains[4][2 * (MAX_FRAMES + 50) + 1] = 0x3333
    words = [word - 0x10000 + 0x1000000 * n if word >= 0x10000 else word for n, c in enumerate(chains, 1) for word in c]
    sp = u64(*(0x1000000 * n for n in range(1, 10)))
    size = u64(*[16 * count] * 9)
    of = Sleepers(u64(*[0x1111] * 9), sp, sp, sp + size, np.arange(9) * 2 * count, size)
    stacks = follow(u64(*words), of, RANGES)

    assert [True] * 9 == stacks.complete.tolist()
    assert [1 + count] * 9 == stacks.depth.tolist()
    assert {(0x1111, *[0x2222] * MAX_FRAMES)} == set(stacks.stack)
