"""What registers and stack slots hold, followed through small pieces of code."""

from __future__ import annotations

from otelchan.gobinary.code import Routine
from otelchan.gobinary.flow import Values
from otelchan.gobinary.functions import Function
from otelchan.gobinary.instructions import decode
from otelchan.gobinary.values import STACK, State, Value, argument, constant, straight

BASE = 0x401000


def routine(lines: str, callees: dict[int, str] | None = None) -> Routine:
    """A function from lines "hex  # instruction"; callees by index of the call."""
    text = bytes.fromhex("".join(line.partition("#")[0] for line in lines.splitlines()))
    return Routine(Function("f", BASE, BASE + len(text)), decode(text, BASE), callees or {})


def run(lines: str) -> State:
    """What is held after a straight piece of code, of which nothing is known before."""
    return straight(routine(lines).instructions)


FUNCTION = """
    49 3b 66 10      # 0  cmp rsp, [r14+16]
    76 35            # 1  jbe 17
    55               # 2  push rbp
    48 89 e5         # 3  mov rbp, rsp
    48 83 ec 10      # 4  sub rsp, 16
    48 89 44 24 20   # 5  mov [rsp+32], rax
    e8 34 00 00 00   # 6  call
    48 8b 4c 24 20   # 7  mov rcx, [rsp+32]
    48 83 c1 68      # 8  add rcx, 104
    48 85 c9         # 9  test rcx, rcx
    74 07            # 10 je 13
    ba 05 00 00 00   # 11 mov edx, 5
    eb 05            # 12 jmp 14
    ba 07 00 00 00   # 13 mov edx, 7
    0f b6 da         # 14 movzx ebx, dl
    48 83 c4 10      # 15 add rsp, 16
    5d               # 16 pop rbp
    c3               # 17 ret
    48 89 44 24 08   # 18 mov [rsp+8], rax
    e8 07 00 00 00   # 19 call runtime.morestack_noctxt
    48 8b 44 24 08   # 20 mov rax, [rsp+8]
    eb b4            # 21 jmp 0
"""
STACK_CHECK = {19: "runtime.morestack_noctxt"}


def test_an_argument_is_known_again_after_a_call() -> None:
    """It was kept in a stack slot; what registers held is gone with the call, and starting over changes nothing."""
    values = Values(routine(FUNCTION, STACK_CHECK))

    assert argument("rax") == values.at(6)["rax"]
    assert argument("rax") != values.at(7)["rax"]
    assert argument("rax", 104) == values.at(9)["rcx"]


def test_the_depth_of_the_stack_is_followed() -> None:
    """From the return address at 0, over push, sub, add and pop; slots are named by their distance from it."""
    values = Values(routine(FUNCTION, STACK_CHECK))

    assert [0, -8, -24, -8, 0] == [values.at(index)["rsp"].offset for index in (2, 3, 5, 16, 17)]
    assert (argument("rax"), argument("rbp")) == (values.at(6)[8], values.at(6)[-8])
    assert argument("rbp") == values.at(17)["rbp"]


def test_where_two_paths_meet_a_value_is_what_both_say_or_has_a_name_of_its_own() -> None:
    """A register that is 5 or 7 is one thing, the same in the register it is copied to, and may be either."""
    values = Values(routine(FUNCTION, STACK_CHECK))
    met = values.at(14)

    assert argument("rax", 104) == met["rcx"]
    assert "join" == met["rdx"].symbol.kind
    assert met["rdx"].low(1) == values.at(17)["rbx"]
    assert {5, 7} == values.constants(met["rdx"])
    assert set() == values.constants(met["rcx"])


def test_without_knowing_that_a_call_starts_over_nothing_is_taken_for_granted() -> None:
    """A call may change the lowest 16 bytes of the frame, so the argument is not known to be there again."""
    assert argument("rax") != Values(routine(FUNCTION)).at(2)["rax"]


def test_a_value_changed_in_a_loop_is_not_the_one_from_before() -> None:
    """At the head of the loop it has a name, and what was copied in the round before is another."""
    loop = routine("""
        48 89 c3         # 0 mov rbx, rax
        48 89 da         # 1 mov rdx, rbx
        48 ff c3         # 2 inc rbx
        48 83 fb 0a      # 3 cmp rbx, 10
        7c f4            # 4 jl 1
        c3               # 5 ret
    """)
    values = Values(loop)

    assert argument("rax") == values.at(5)["rax"]
    assert "join" == values.at(1)["rbx"].symbol.kind
    assert values.at(1)["rbx"] == values.at(2)["rdx"]
    assert values.at(1)["rdx"] != values.at(1)["rbx"]
    assert values.at(5)["rdx"] != values.at(5)["rbx"]


def test_the_write_barrier_keeps_registers_and_slots() -> None:
    """All but r11, in which it returns its buffer."""
    code = "48 89 04 24  # mov [rsp], rax\n e8 00 00 00 00  # call\n c3"
    kept = Values(routine(code, {1: "runtime.gcWriteBarrier2"})).at(2)
    other = Values(routine(code, {1: "runtime.mallocgc"})).at(2)

    assert (argument("rax"), argument("rcx"), "computed") == (kept[0], kept["rcx"], kept["r11"].symbol.kind)
    assert ("computed", "computed", None) == (other["rax"].symbol.kind, other["rcx"].symbol.kind, other.get(0))


def test_only_the_low_bytes_of_a_byte_are_known() -> None:
    """A byte kept and loaded again says nothing of the rest of the register that it came from."""
    values = Values(routine("88 4c 24 f0  # mov [rsp-16], cl\n 0f b6 74 24 f0  # movzx esi, [rsp-16]\n c3"))

    assert argument("rcx").low(1) == values.at(2)["rsi"]
    assert argument("rcx") != values.at(2)["rsi"]


def test_a_store_forgets_every_slot_that_it_touches() -> None:
    """16 bytes at once, one byte in the middle, or a place in an array that cannot be told."""
    spill = "48 89 44 24 f8  # mov [rsp-8], rax\n 48 89 5c 24 f0  # mov [rsp-16], rbx\n"
    wide = Values(routine(spill + "44 0f 11 7c 24 f0  # movups [rsp-16], xmm15\n c3")).at(3)
    byte = Values(routine(spill + "c6 44 24 fb 01  # mov byte [rsp-5], 1\n c3")).at(3)
    array = Values(routine(spill + "c6 44 8c f0 01  # mov byte [rsp+4*rcx-16], 1\n c3")).at(3)

    def slots(state: State) -> dict[int, Value]:
        return {place: value for place, value in state.items() if isinstance(place, int)}

    assert {} == slots(wide)
    assert {-16: argument("rbx"), -5: constant(1).low(1)} == slots(byte)
    assert {} == slots(array)


def test_a_store_to_the_heap_changes_no_slot() -> None:
    """The compiler keeps registers only in slots that no pointer leads to."""
    values = Values(routine("48 89 44 24 f8  # mov [rsp-8], rax\n 48 89 03  # mov [rbx], rax\n c3"))
    assert argument("rax") == values.at(2)[-8]


def test_a_load_is_named_by_its_address_and_its_instruction() -> None:
    """Copies of one load are the same; a second load from the same place may find something else."""
    values = Values(
        routine("48 8b 48 08  # mov rcx, [rax+8]\n 48 89 cb  # mov rbx, rcx\n 48 8b 50 08  # mov rdx, [rax+8]\n c3")
    )
    state = values.at(3)

    assert state["rbx"] == state["rcx"] != state["rdx"]
    assert argument("rax", 8) == state["rcx"].symbol.of == state["rdx"].symbol.of


def test_constants_are_what_the_whole_register_holds() -> None:
    """32-bit moves clear the upper half, xor with itself clears all, a partial move tells its bytes only."""
    state = run("""
        31 d2                  # xor edx, edx
        41 b8 ff ff ff ff      # mov r8d, -1
        49 c7 c1 ff ff ff ff   # mov r9, -1
        41 b2 03               # mov r10b, 3
        4c 8d 1d 40 00 00 00   # lea r11, [rip+64]
        44 89 cf               # mov edi, r9d
    """)

    assert (constant(0), constant(0xFFFFFFFF), constant(-1)) == (state["rdx"], state["r8"], state["r9"])
    assert (constant(3).low(1), constant(0xFFFFFFFF)) == (state["r10"], state["rdi"])
    assert constant(BASE + 25 + 64) == state["r11"]


def test_an_unknown_instruction_forgets_what_it_writes() -> None:
    """Named or implied: mul leaves its result in rax and rdx, ah is a part of rax."""
    state = run("31 c0 31 d2 31 c9  # xor eax,eax; xor edx,edx; xor ecx,ecx\n 48 f7 e1  # mul rcx")
    high = run("31 c0  # xor eax, eax\n b4 01  # mov ah, 1")

    assert ("computed", "computed", constant(0)) == (state["rax"].symbol.kind, state["rdx"].symbol.kind, state["rcx"])
    assert "computed" == high["rax"].symbol.kind


def test_where_rsp_is_not_known_no_slot_is() -> None:
    """After `and rsp, -16` a push says nothing of any slot."""
    state = run("48 83 e4 f0  # and rsp, -16\n 50  # push rax\n 5b  # pop rbx")

    assert STACK != state["rsp"].symbol
    assert [] == [place for place in state if isinstance(place, int)]


def test_what_is_never_executed_holds_nothing() -> None:
    """Behind a return that nobody jumps over."""
    assert {} == Values(routine("c3  # ret\n 48 89 c3  # mov rbx, rax\n c3")).at(2)
