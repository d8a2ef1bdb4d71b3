"""Channels from memory, and whether they still are channels."""

import numpy as np
import pytest

from otelchan.memory.channels import read_channels, waited_on
from otelchan.memory.typename import type_range
from otelchan.memory.types import Channel
from otelchan.memory.waits import RECV, SEND, Waits
from tests.support.fabricated import LAYOUT, Fabricated

SPAN = 0xC004002000
SLOT = 512


def program_with_span(free: tuple[int, ...] = (), bias: int = 0) -> Fabricated:
    """A program with a span of 16 slots at SPAN; those in `free` are free."""
    program = Fabricated(bias)
    program.memory.write(SPAN, bytes(8192))
    program.span(SPAN, SLOT, objects=16, free_index=0, bits=(1 << 16) - 1 - sum(1 << slot for slot in free))
    return program


def read(program: Fabricated, *addresses: int) -> dict[int, Channel]:
    """What is at these addresses."""
    return read_channels(program.memory, LAYOUT, program.globals, program.bias, addresses)


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_a_channel_is_read_with_all_it_has(bias: int) -> None:
    """Address, type, length, capacity, closed; the type's address is that of the file."""
    program = program_with_span(bias=bias)
    kind = program.type("main.Price", 16)
    program.channel(7, 5, at=SPAN, element=kind, closed=1)

    one = Channel(SPAN, "main.Price", kind - bias, 16, 5, 7, True, False, 0, 0, True, True)
    assert {SPAN: one} == read(program, SPAN)


def test_a_free_slot_has_no_channel() -> None:
    """Also when nothing was written there since: the collector has taken it."""
    program = program_with_span(free=(1,))
    program.channel(at=SPAN)
    program.channel(at=SPAN + SLOT)

    assert [True, False] == [channel.allocated for channel in read(program, SPAN, SPAN + SLOT).values()]


@pytest.mark.parametrize(
    ("field", "value", "size"),
    [
        ("elemtype", 0, 8),
        ("elemtype", 0x12345000, 8),
        ("elemsize", 24, 2),
        ("closed", 2, 4),
        ("qcount", 8, 8),
        ("dataqsiz", 1 << 50, 8),
        ("sendx", 7, 8),
        ("recvx", 1 << 63, 8),
        ("buf", 0, 8),
    ],
)
def test_what_cannot_be_a_channel_is_not_allocated(field: str, value: int, size: int) -> None:
    """The slot was given to something else: each of these gives it away."""
    program = program_with_span()
    program.channel(7, 5, at=SPAN)
    program.set("hchan", SPAN, field, value, size)
    (channel,) = read(program, SPAN).values()

    assert (False, "?", 0, 0, 0) == (
        channel.allocated,
        channel.element_type,
        channel.element_type_address,
        channel.length,
        channel.capacity,
    )


def test_an_unbuffered_channel_must_point_to_itself() -> None:
    """makechan sets its buffer to a field of the channel; any other pointer is something else's."""
    program = program_with_span()
    program.channel(at=SPAN)
    program.channel(at=SPAN + SLOT)
    program.set("hchan", SPAN + SLOT, "buf", SPAN)

    assert [True, False] == [channel.allocated for channel in read(program, SPAN, SPAN + SLOT).values()]


def test_a_buffer_of_pointers_lies_elsewhere() -> None:
    """It is an object of its own."""
    program = program_with_span()
    program.channel(3, at=SPAN, element=program.type("*main.Price"))
    program.set("hchan", SPAN, "buf", program.allocate(24))

    assert [True] == [channel.allocated for channel in read(program, SPAN).values()]


def test_the_channel_of_a_timer_has_no_length_and_no_capacity() -> None:
    """As the program itself sees it, although it has one place inside."""
    program = program_with_span()
    program.channel(1, 1, at=SPAN)
    program.set("hchan", SPAN, "timer", SPAN + SLOT)
    (channel,) = read(program, SPAN).values()

    assert (True, 0, 0, True) == (channel.timer, channel.length, channel.capacity, channel.allocated)


def test_a_type_made_at_run_time_is_a_type() -> None:
    """It lies in the heap, not among those of the linker."""
    program = program_with_span()
    kind = program.allocate(LAYOUT["sizeof type"])
    program.put_type(kind, 8, 25)
    program.channel(at=SPAN, element=kind)
    (channel,) = read(program, SPAN).values()

    assert ("struct", True) == (channel.element_type, channel.allocated)


def test_waiters_are_counted_in_the_queues() -> None:
    """Goroutines, not cases: a select with two sends to one channel is one."""
    program = program_with_span()
    a, b = program.channel(at=SPAN), program.channel(at=SPAN + SLOT)
    for _ in range(3):
        program.wait(program.goroutine(9), (a, "send"), (a, "send"), (b, "recv"))
    program.wait(program.goroutine(), (b, "recv"))
    found = read(program, a, b)

    assert (3, 0) == (found[a].waiting_senders, found[a].waiting_receivers)
    assert (0, 4) == (found[b].waiting_senders, found[b].waiting_receivers)


def test_every_address_has_an_entry_but_zero() -> None:
    """Unreadable ones too; the same address once."""
    program = program_with_span()
    program.channel(at=SPAN)
    found = read(program, SPAN, 0, 0xF00000000000, SPAN)

    assert {SPAN: True, 0xF00000000000: False} == {address: channel.allocated for address, channel in found.items()}
    assert {} == read(program)


def waits(*rows: tuple[int, int, int]) -> Waits:
    """(owner, channel, operation)."""
    owner, channel, operation = zip(*rows, strict=True)
    return Waits(np.array(owner), np.array(channel, np.uint64), np.array(operation, np.uint8))


def test_channels_that_are_waited_on_have_their_waiters() -> None:
    """By direction; a nil channel is none; addresses ascend."""
    program = Fabricated()
    a, b = program.channel(), program.channel(4, 4)
    types = type_range(program.memory, LAYOUT, program.globals, 0)
    rows = ((0, b, SEND), (1, b, SEND), (2, a, RECV), (3, a, SEND), (4, 0, RECV))
    found = waited_on(program.memory, LAYOUT, types, 0, waits(*rows)).channels

    assert [(a, 1, 1), (b, 2, 0)] == [(c.address, c.waiting_senders, c.waiting_receivers) for c in found]


def test_channels_that_did_not_change_are_taken_over() -> None:
    """The very objects; the one that changed is new, and so is the new one."""
    program = Fabricated()
    a, b, c = program.channel(), program.channel(4, 3), program.channel()
    types = type_range(program.memory, LAYOUT, program.globals, 0)
    first = waited_on(program.memory, LAYOUT, types, 0, waits((0, a, RECV), (1, b, SEND)))
    program.set("hchan", b, "qcount", 4)
    again = waited_on(program.memory, LAYOUT, types, 0, waits((0, a, RECV), (1, b, SEND), (2, c, SEND)), first)

    assert first.channels[0] is again.channels[0]
    assert [(a, 0), (b, 4), (c, 0)] == [(channel.address, channel.length) for channel in again.channels]
    assert 3 == first.channels[1].length
