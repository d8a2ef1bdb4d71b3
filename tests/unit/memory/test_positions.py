"""How fast elements go through a buffer, read from memory."""

from __future__ import annotations

from otelchan.memory.positions import Positions
from otelchan.testing import MemoryImage
from tests.support.fabricated import LAYOUT

HCHAN, OTHER = 0xC000010000, 0xC000020000


def channel(memory: MemoryImage, address: int, capacity: int) -> None:
    """One, with nothing done on it."""
    memory.write(address, bytes(128))
    memory.word(address + LAYOUT["hchan.dataqsiz"], capacity)


def busy(memory: MemoryImage, address: int, capacity: int, sends: int, receives: int) -> None:
    """So much is done on it between two reads."""
    done = [0, 0]

    def goes_on(_address: int, _size: int) -> None:
        for place, (name, step) in enumerate((("sendx", sends), ("recvx", receives))):
            done[place] += step
            memory.word(address + LAYOUT[f"hchan.{name}"], done[place] % capacity)

    memory.before_piece = goes_on


def test_positions_are_followed_round_the_buffer() -> None:
    """Three sends and two receives between two reads, through a buffer of 16."""
    memory = MemoryImage()
    channel(memory, HCHAN, 16)
    busy(memory, HCHAN, 16, 3, 2)
    positions = Positions(memory, LAYOUT)
    positions.watch({HCHAN: 7}, [7])
    positions.look()
    positions.look()
    (moves,) = positions.take()

    assert (7, 16, 2) == (moves.name_key, moves.capacity, moves.bursts)
    assert (3 * moves.reads, 2 * moves.reads) == (moves.sent, moves.received)
    assert 2 * (moves.sent // 2) ** 2 == moves.squares
    assert moves.looked_ns > 0


def test_a_burst_is_one_read_of_memory() -> None:
    """Some hundred reads of the same words, as near to each other as can be."""
    memory = MemoryImage()
    channel(memory, HCHAN, 16)
    positions = Positions(memory, LAYOUT)
    positions.watch({HCHAN: 7}, [7])
    before = memory.calls
    positions.look()

    assert before + 1 == memory.calls
    assert positions.take()[0].reads > 100


def test_what_was_taken_is_not_told_again() -> None:
    """And the channel is looked at further on."""
    memory = MemoryImage()
    channel(memory, HCHAN, 16)
    positions = Positions(memory, LAYOUT)
    positions.watch({HCHAN: 7}, [7])
    positions.look()

    assert 1 == len(positions.take())
    assert () == positions.take()
    positions.look()
    assert 1 == len(positions.take())


def test_a_channel_without_places_says_nothing() -> None:
    """Its positions are always 0: unbuffered, or a buffer of one."""
    for capacity in (0, 1):
        memory = MemoryImage()
        channel(memory, HCHAN, capacity)
        positions = Positions(memory, LAYOUT)
        positions.watch({HCHAN: 7}, [7])
        positions.look()
        assert () == positions.take()


def test_several_channels_of_one_name_are_not_looked_at() -> None:
    """One of them does not say what all do."""
    memory = MemoryImage()
    channel(memory, HCHAN, 16)
    channel(memory, OTHER, 16)
    positions = Positions(memory, LAYOUT)
    positions.watch({HCHAN: 7, OTHER: 7}, [7])
    positions.look()

    assert () == positions.take()


def test_channels_are_looked_at_in_turn() -> None:
    """A burst for each."""
    memory = MemoryImage()
    channel(memory, HCHAN, 16)
    channel(memory, OTHER, 32)
    positions = Positions(memory, LAYOUT)
    positions.watch({HCHAN: 7, OTHER: 8}, [8, 7])
    for _ in range(4):
        positions.look()

    assert {(7, 16, 2), (8, 32, 2)} == {(each.name_key, each.capacity, each.bursts) for each in positions.take()}


def test_an_address_at_which_something_else_is_now_says_nothing() -> None:
    """The channel was freed: its positions are beyond its capacity, or its page is gone."""
    memory = MemoryImage()
    channel(memory, HCHAN, 16)
    memory.word(HCHAN + LAYOUT["hchan.sendx"], 1 << 40)
    positions = Positions(memory, LAYOUT)
    positions.watch({HCHAN: 7}, [7])
    positions.look()
    memory.unmap(HCHAN)
    positions.look()

    assert () == positions.take()
