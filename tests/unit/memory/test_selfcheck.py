"""Nothing is believed before the layout has been proved on the living program."""

from collections.abc import Callable

import pytest

from otelchan.errors import BinaryError, MemoryGone
from otelchan.memory import selfcheck
from otelchan.memory.selfcheck import check
from tests.support.fabricated import LAYOUT, TEXT, Fabricated


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory made by hand does not change while it is waited for."""
    monkeypatch.setattr(selfcheck, "PAUSE_NS", 0)


def sound(bias: int = 0) -> Fabricated:
    """A program in which everything is as it should be."""
    program = Fabricated(bias)
    program.goroutine(0, status="running", start="runtime.main")
    channel = program.channel(1, 1)
    for _ in range(4):
        program.wait(program.goroutine(12), (channel, "send"))
    program.goroutine(14, start="runtime.bgsweep")
    program.scheduler(ids=6, system=1)
    return program


@pytest.mark.parametrize("bias", [0, 0x555555554000])
def test_a_sound_program_passes(bias: int) -> None:
    """Also one that is loaded elsewhere than linked."""
    program = sound(bias)

    check(program.memory, program.image, bias)


def change(field: str, value: int, size: int = 8, rows: tuple[int, ...] = (1,)) -> Callable[[Fabricated], None]:
    """What sets one field of the g structs in these rows."""

    def apply(program: Fabricated) -> None:
        for row in rows:
            program.set("g", program.goroutines[row], field, value, size)

    return apply


def overlong_text(program: Fabricated) -> None:
    """Module data of another build."""
    program.set("moduledata", program.globals.moduledata, "etext", TEXT + (1 << 20))


FAULTS: tuple[tuple[str, Callable[[Fabricated], None]], ...] = (
    ("its module data says that the code is at", overlong_text),
    ("a goroutine has status 77", change("atomicstatus", 77, 4)),
    ("a goroutine has status 3", change("atomicstatus", LAYOUT["const.Gidle"], 4)),
    ("goroutine ids are not unique numbers up to 6", change("goid", 3)),
    ("goroutine ids are not unique numbers up to 5", lambda program: program.scheduler(ids=5, system=1)),
    ("goroutine 1 starts at 0x99, not in runtime.main", change("startpc", 0x99, rows=(0,))),
    ("a goroutine waits for reason 200", change("waitreason", 200, 1)),
    ("a goroutine waits for reason 0", change("waitreason", 0, 1)),
    ("a parked goroutine's saved registers point outside", change("sched.pc", 0x1234)),
    ("a parked goroutine's saved registers point outside", change("stack.hi", 0x1234)),
    ("only 1 of 4 goroutines parked on channels have a sudog", change("waiting", 0, rows=(1, 2, 3))),
    ("the profiler labels of 3 goroutines are nowhere in memory", change("labels", 0x1230, rows=(1, 2, 4))),
    ("only 2 of 5 stacks lead to runtime.goexit", change("sched.bp", 8, rows=(1, 2, 3))),
    ("5 goroutines are seen where the runtime counts 2", lambda program: program.scheduler(ids=6, system=4)),
    ("it has no goroutine", change("atomicstatus", LAYOUT["const.Gdead"], 4, rows=tuple(range(6)))),
)


@pytest.mark.parametrize(("sentence", "fault"), FAULTS)
def test_what_is_wrong_is_said_in_one_sentence(sentence: str, fault: Callable[[Fabricated], None]) -> None:
    """With the program, the release and the first thing that does not fit."""
    program = sound()
    fault(program)

    with pytest.raises(BinaryError, match=f"running /srv/app is not laid out as go1.99.9 does it: .*{sentence}"):
        check(program.memory, program.image, program.bias)


def test_channels_that_are_none_are_noticed() -> None:
    """The channels that sudogs name must look like channels."""
    program = sound()
    sudog = int.from_bytes(program.memory.read(program.goroutines[1] + LAYOUT["g.waiting"], 8), "little")
    channel = int.from_bytes(program.memory.read(sudog + LAYOUT["sudog.c"], 8), "little")
    program.set("hchan", channel, "elemtype", 0)

    with pytest.raises(BinaryError, match="only 0 of 1 channels that goroutines wait on look like channels"):
        check(program.memory, program.image, program.bias)


def test_a_fault_that_passes_is_no_fault() -> None:
    """A running program is between two states now and then: only what stays wrong is wrong."""
    program = sound()
    g = program.goroutines[1]
    program.set("g", g, "goid", 3)
    seen = []

    def repair(address: int, size: int) -> None:
        seen.append(address)
        if seen.count(program.globals.allglen) == 5:
            program.set("g", g, "goid", 2)

    program.memory.before_piece = repair
    check(program.memory, program.image, program.bias)


def test_variables_that_cannot_be_read_are_a_fault() -> None:
    """The process is there, but what the image says is not."""
    program = sound()
    program.memory.unmap(program.globals.sched)

    with pytest.raises(BinaryError, match=r"its runtime's variables cannot be read \("):
        check(program.memory, program.image, program.bias)


def test_a_program_that_is_gone_is_no_fault_of_its_layout() -> None:
    """It exited while it was checked."""
    program = sound()
    program.memory.unmap(0x600000, 0x5000)

    with pytest.raises(MemoryGone):
        check(program.memory, program.image, program.bias)
