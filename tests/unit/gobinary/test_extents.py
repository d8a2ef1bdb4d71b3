"""Which instructions are executed only together with a site."""

from __future__ import annotations

from otelchan.gobinary.code import Routine
from otelchan.gobinary.extents import extent
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import decode

BASE = 0x401000


def routine(code: str, callees: dict[int, str] | None = None) -> Routine:
    """A function of this code; callees by index of the call."""
    text = bytes.fromhex(code)
    return Routine(Function("f", BASE, BASE + len(text)), decode(text, BASE), callees or {})


# 0 test al,al; 2 je 0d; 4 call A; 9 test al,al; b jmp 12; d call B; 12 nop; 13 ret
BRANCHES = "84 c0  74 09  e8 00 00 00 00  84 c0  eb 05  e8 00 00 00 00  90  c3"


def test_one_side_of_a_branch_is_executed_together() -> None:
    """Not the other side, nor what both have in common."""
    assert ((BASE + 0x4, BASE + 0xD),) == extent(routine(BRANCHES), 2)
    assert ((BASE + 0xD, BASE + 0x12),) == extent(routine(BRANCHES), 5)


def test_what_every_return_passes_is_executed_together_with_everything() -> None:
    """A site before the only return: the whole function."""
    assert ((BASE, BASE + 0x14),) == extent(routine(BRANCHES), 6)


def test_a_panic_is_no_way_to_a_return() -> None:
    """With a panic on the other side the branch itself proves the site; the panic's own instruction does not."""
    assert ((BASE, BASE + 0xD), (BASE + 0x12, BASE + 0x14)) == extent(routine(BRANCHES, {5: "runtime.gopanic"}), 2)


def test_an_early_return_proves_nothing() -> None:
    """As of a poll that looks once without the lock: 0 test al,al; 2 jne 5; 4 ret; 5 nop; 6 ret."""
    assert ((BASE + 5, BASE + 7),) == extent(routine("84 c0 75 01 c3 90 c3"), 3)
