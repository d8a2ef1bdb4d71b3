"""What sites on arm64 must not be, in functions made by hand."""

from __future__ import annotations

import struct

import pytest

from otelchan.gobinary.arm64.code import Arm64Code, LiftedRoutine
from otelchan.gobinary.arm64.lift import decode
from otelchan.gobinary.arm64.sites import Arm64Subject
from otelchan.gobinary.functions import Function
from otelchan.gobinary.sites import close
from otelchan.gobinary.sites.common import ProofError
from otelchan.gobinary.types import Condition, Layout, SiteKind

ENTRY = 0x1000
RET = 0xD65F03C0
NOP = 0xD503201F


class Nothing:
    """A function table without functions."""

    def find(self, name: str) -> Function | None:
        """None."""
        return None

    def at(self, pc: int) -> Function | None:
        """None."""
        return None


def subject(*words: int, callees: dict[int, str] | None = None) -> Arm64Subject:
    """closechan, were it made of these instructions. callees: by the instruction's number among the words."""
    text = struct.pack(f"<{len(words)}I", *words)
    steps = decode(text, ENTRY)
    names = {next(i for i, s in enumerate(steps) if s.address == ENTRY + 4 * n): f for n, f in (callees or {}).items()}
    routine = LiftedRoutine(Function("runtime.closechan", ENTRY, ENTRY + len(text)), steps, names)
    code = Arm64Code(lambda address, size: b"", Nothing(), ())
    return Arm64Subject(
        code, routine, Layout("go1.27.3", "table", {"hchan.lock": 104, "hchan.closed": 28}, {}, "arm64")
    )


def index_of(of: Arm64Subject, word: int) -> int:
    """The step with the bytes of that instruction."""
    address = ENTRY + 4 * word
    return next(i for i, step in enumerate(of.routine.instructions) if step.address == address and step.code)


# ldaxr w27, [x1]; cmp w27, w0; b.ne +12; stlxr w27, w2, [x1]; cbnz w27, -16
SWAP = (0x885FFC3B, 0x6B00037F, 0x54000061, 0x881BFC22, 0x35FFFF9B)


def test_nothing_between_an_exclusive_load_and_its_store_is_a_site() -> None:
    """The trap would clear the monitor and the store fail, each time: a loop without end."""
    one = subject(*SWAP, RET)

    with pytest.raises(ProofError, match="between an exclusive load and its store"):
        one.site(SiteKind.CLOSE, index_of(one, 2))


def test_the_jump_back_of_such_a_loop_and_what_follows_it_may_be() -> None:
    """The store is done there."""
    one = subject(*SWAP, RET)

    assert ["cbnz w27, #0x1000", "ret"] == [one.site(SiteKind.CLOSE, index_of(one, n)).instruction for n in (4, 5)]


def test_a_condition_needs_a_jump_that_looks_at_the_flags() -> None:
    """b.hi does; cbz x0 looks at a register, and the flags are of something before."""
    one = subject(0xEB01001F, 0x54000048, 0xB4000020, RET)  # cmp x0, x1; b.hi +8; cbz x0, +4

    assert Condition.ABOVE is one.site(SiteKind.SEND, index_of(one, 1), condition=Condition.ABOVE).condition
    with pytest.raises(ProofError, match="does not look at the flags"):
        one.site(SiteKind.SEND, index_of(one, 2), condition=Condition.EQUAL)


def test_what_the_kernel_does_not_simulate_is_no_site() -> None:
    """mov x1, x0."""
    one = subject(0xAA0003E1, RET)

    with pytest.raises(ProofError, match="does not emulate"):
        one.site(SiteKind.CLOSE, 0)


def test_behind_the_check_for_nil_a_zero_is_the_channel() -> None:
    """cbz x0, +12; ...; ret; mov x0, xzr; ret: only a nil channel comes to the second return."""
    one = subject(0xB4000060, NOP, RET, 0xAA1F03E0, RET)

    assert {"register": "rax", "channel_offset": 0} == one.channel(index_of(one, 4))


def test_a_zero_is_not_the_channel_where_others_come_too() -> None:
    """cbz x0, +8; mov x0, xzr before a return that both ways come to."""
    one = subject(0xB4000040, NOP, 0xAA1F03E0, RET)

    assert one.channel(index_of(one, 3)) is None


UNLOCK = 0x94000200
CLOSECHAN = (
    *(0xF81E0FFE, 0xB4000200, 0xF9000FE0),  # str x30, [sp, #-32]!; cbz x0, +64; str x0, [sp, #24]
    *(0x9101A000, 0x94000100, 0xF9400FE1),  # add x0, x0, #104; bl runtime.lock2; ldr x1, [sp, #24]
    *(0xB9401C22, 0x35000102, 0x52800022, 0xB9001C22),  # ldr w2, [x1, #28]; cbnz w2, +32; mov w2, #1; str w2, [x1, #28]
    *(0x14000001, 0x9101A020, UNLOCK),  # b +4; add x0, x1, #104; bl runtime.unlock2
    *(0xF84207FE, RET, UNLOCK, 0x94000300, 0x94000300),  # ldr x30, [sp], #32; ret; bl unlock2; twice bl gopanic
)
CALLEES = {4: "lock2", 12: "unlock2", 15: "unlock2", 16: "gopanic", 17: "gopanic"}


def closechan(*words: int, callees: dict[int, str] | None = None) -> Arm64Subject:
    """Made of these, by default as the compiler makes it, but shorter."""
    names = {number: f"runtime.{name}" for number, name in (callees or CALLEES).items()}
    return subject(*(words or CLOSECHAN), callees=names)


def test_a_close_is_seen_behind_the_look_whether_it_is_closed() -> None:
    """That itself, cbnz, looks at a register. The channel is in x1, the frame has 32 bytes."""
    (site,) = close.find_behind(closechan())

    assert ("b #0x102c", "rbx", 32) == (site.instruction, site.register, site.frame)


def test_a_close_is_seen_where_it_unlocks_the_channel_at_the_latest() -> None:
    """The call itself is made under the lock still; nothing after it is."""
    (site,) = close.find_behind(closechan(*CLOSECHAN[:10], NOP, *CLOSECHAN[11:]))
    with pytest.raises(ProofError, match="no instruction that the kernel emulates is passed by every close under the"):
        close.find_behind(closechan(*CLOSECHAN[:10], 0xF9400021, *CLOSECHAN[11:]))  # ldr x1, [x1]

    assert ("bl runtime.unlock2", ENTRY + 48, "rbx") == (site.instruction, site.address, site.register)


def test_a_close_that_lets_go_of_the_lock_before_it_looks_has_no_site() -> None:
    """Then another could close it in between."""
    words = (*CLOSECHAN[:5], UNLOCK, *CLOSECHAN[5:])
    callees = {number + (number > 4): name for number, name in CALLEES.items()} | {5: "unlock2"}

    with pytest.raises(ProofError, match="the lock is let go before that jump"):
        close.find_behind(closechan(*words, callees=callees))


def test_a_close_that_looks_before_it_locks_has_no_site() -> None:
    """ldr w2 before the call, kept in a slot and looked at behind it: it may have been closed since."""
    early = (0xB9401C02, 0xB90013E2)  # ldr w2, [x0, #28]; str w2, [sp, #16]
    late = (NOP, 0xB94013E2)  # nop; ldr w2, [sp, #16]
    words = (*CLOSECHAN[:3], *early, *CLOSECHAN[3:5], *late, *CLOSECHAN[7:])
    callees = {number + 2: name for number, name in CALLEES.items()}

    with pytest.raises(ProofError, match="expected one jump on whether the channel is closed, found 0"):
        close.find_behind(closechan(*words, callees=callees))


def test_a_close_whose_channel_is_lost_has_no_site() -> None:
    """mov x0, x1 at its beginning: what it locks is something else."""
    callees = {number + 1: name for number, name in CALLEES.items()}

    with pytest.raises(ProofError, match="expected one call that locks the channel, found 0"):
        close.find_behind(closechan(0xAA0103E0, *CLOSECHAN, callees=callees))
