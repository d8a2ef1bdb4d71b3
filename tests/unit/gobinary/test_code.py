"""Functions of an executable, and the paths through them."""

from __future__ import annotations

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary.code import CodeView, Routine
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import decode
from otelchan.gobinary.types import Segment

BASE = 0x401000


class Table:
    """A function table of made-up functions."""

    def __init__(self, *functions: Function) -> None:
        self.functions = functions

    def find(self, name: str) -> Function | None:
        """By name."""
        return next((function for function in self.functions if function.name == name), None)

    def at(self, pc: int) -> Function | None:
        """By address."""
        return next((function for function in self.functions if function.entry <= pc < function.end), None)


def view(code: str, *functions: Function) -> CodeView:
    """A CodeView of one text segment at BASE."""
    text = bytes.fromhex(code)
    segment = Segment(BASE, 0x1000, len(text), len(text), True, False)
    return CodeView(lambda address, size: text[address - BASE : address - BASE + size], Table(*functions), [segment])


def routine(code: str, callees: dict[int, str] | None = None) -> Routine:
    """A function of this code; callees by index of the call."""
    text = bytes.fromhex(code)
    return Routine(Function("f", BASE, BASE + len(text)), decode(text, BASE), callees or {})


# 0 test al,al; 1 je 5; 2 call A; 3 test al,al; 4 jmp 6; 5 call B; 6 ret; 7 nop
BRANCHES = "84 c0  74 09  e8 00 00 00 00  84 c0  eb 05  e8 00 00 00 00  c3  90"


def test_successors_follow_jumps_and_calls() -> None:
    """A conditional jump goes on or to its target, which comes last; after a ret there is nothing."""
    assert ((1,), (2, 5), (3,), (4,), (6,), (6,), (), ()) == routine(BRANCHES).successors


@pytest.mark.parametrize(
    "callee",
    ["runtime.gopanic", "runtime.throw", "runtime.panicBounds", "runtime.panicIndexU", "runtime.panicSlice3Acap"],
)
def test_nothing_follows_a_call_that_does_not_return(callee: str) -> None:
    """Panics end a path; other calls of the runtime do not."""
    assert () == routine(BRANCHES, {5: callee}).successors[5]
    assert (6,) == routine(BRANCHES, {5: "runtime.panicCheck1"}).successors[5]


def test_what_is_reachable_depends_on_what_is_not_passed() -> None:
    """From the entry, from behind an instruction, and without passing some."""
    function = routine(BRANCHES)
    assert {0, 1, 2, 3, 4, 5, 6} == function.reachable()
    assert {0, 1, 2, 3, 4, 6} == function.reachable(without=[5])
    assert {0, 1} == function.reachable(without=[2, 5])
    assert {3, 4, 6} == function.after(2)
    assert ([6], frozenset({5, 6})) == (function.returns, function.jump_targets)


def test_what_leads_somewhere_depends_on_what_is_not_passed() -> None:
    """The ways backwards, the ends being part of them; a call that does not return leads nowhere."""
    function = routine(BRANCHES)
    assert {0, 1, 2, 3, 4, 5, 6} == function.leading_to([6])
    assert {0, 1, 5, 6} == function.leading_to([6], without=[4])
    assert {0, 1, 2} == function.leading_to([2])
    assert {0, 1, 2, 3, 4, 6} == routine(BRANCHES, {5: "runtime.gopanic"}).leading_to([6])


def test_a_jump_through_a_register_is_noticed() -> None:
    """Then not all paths are known."""
    assert not routine(BRANCHES).has_indirect_jumps
    assert routine("ff e0 c3").has_indirect_jumps


def test_calls_are_resolved_to_names() -> None:
    """By the function that begins at the target; a call into the middle of one has no name."""
    functions = (Function("a", BASE, BASE + 16), Function("b", BASE + 16, BASE + 18))
    code = view("e8 0b 00 00 00  e8 07 00 00 00  c3 cc cc cc cc cc  c3 c3", *functions)
    found = code.routine("a")

    assert found is not None
    assert ({0: "b"}, [0], []) == (found.callees, found.calls("b"), found.calls("a"))
    assert code.routine("a") is code.routine_at(BASE) is found
    assert (code.routine("c"), code.routine_at(BASE + 1)) == (None, None)


def test_bytes_that_are_no_code_are_refused() -> None:
    """A function that cannot be decoded to its end is not taken for a shorter one."""
    code = view("55 c3 06 07", Function("odd", BASE, BASE + 4))
    with pytest.raises(BinaryError, match="the code of odd cannot be decoded"):
        code.routine("odd")
