"""Stacks are walked by frame pointers in a copy."""

import struct

from otelchan.gobinary.types import Frame
from otelchan.model.stacks import user_site, walk

SP = 0xC000100000


def stack_of(*frames: tuple[int, int], size: int = 256) -> bytes:
    """A stack whose words at (offset) hold (next frame pointer, return address)."""
    memory = bytearray(size)
    for index, (offset, return_address) in enumerate(frames):
        following = SP + frames[index + 1][0] if index + 1 < len(frames) else 0
        struct.pack_into("<QQ", memory, offset, following, return_address)
    return bytes(memory)


def test_a_chain_that_ends_with_a_zero_frame_pointer_is_complete() -> None:
    """The saved pc comes first, then each return address up to runtime.goexit."""
    stack = stack_of((16, 0x1111), (64, 0x2222), (128, 0x3333))

    assert walk(stack, SP, 0x1000, SP + 16) == ((0x1000, 0x1111, 0x2222, 0x3333), True)


def test_a_chain_that_leaves_the_copy_is_incomplete() -> None:
    """A stack larger than what was copied keeps its inner frames and says that the outer ones are missing."""
    stack = stack_of((16, 0x1111), (128, 0x2222))[:100]

    assert walk(stack, SP, 0x1000, SP + 16) == ((0x1000, 0x1111), False)


def test_a_chain_that_goes_down_is_torn() -> None:
    """Frame pointers only grow towards the caller; anything else is not a stack."""
    stack = stack_of((64, 0x1111), (16, 0x2222))

    assert walk(stack, SP, 0x1000, SP + 64) == ((0x1000, 0x1111), False)


def test_an_empty_copy_gives_the_saved_pc_only() -> None:
    """When nothing could be read, the pc from the g struct is still known."""
    assert walk(b"", SP, 0x1000, SP + 16) == ((0x1000,), False)


def test_the_site_of_a_block_is_the_innermost_frame_a_person_wrote() -> None:
    """Frames of the runtime and of reflection are passed over."""
    frames = [
        Frame("runtime.gopark", "proc.go", 1),
        Frame("reflect.Value.Send", "value.go", 2),
        Frame("main.worker", "main.go", 57),
        Frame("runtime.goexit", "asm.s", 3),
    ]

    assert user_site(frames) == Frame("main.worker", "main.go", 57)
