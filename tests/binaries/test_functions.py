"""Functions, lines and inlined calls, compared with what programs say about themselves."""

from __future__ import annotations

import os
import pickle
import random
import shutil
from pathlib import Path

import pytest

from otelchan.errors import BinaryError
from otelchan.gobinary.functions import Function, FunctionTable
from otelchan.gobinary.image import analyse
from otelchan.gobinary.pclntab import WRAPPER, printed_name
from otelchan.gobinary.types import Frame
from tests.support.gobuild import EVERY_GO, source_line
from tests.support.shapes import shapes

BUILDS = [(go, stripped) for go in EVERY_GO for stripped in (False, True)]


@pytest.mark.parametrize(("go", "stripped"), BUILDS)
def test_stacks_are_those_of_the_runtime(go: str, stripped: bool) -> None:
    """Each return address gives the very frames that runtime.CallersFrames does, inlined ones too.

    runtime.Callers has one address per frame, inlined or not, and leaves wrappers out; the frames of one address are
    its own and those of the inlined calls around it, which are the next ones in the program's list.
    """
    program = shapes(go, stripped)
    functions, longest, wrappers = program.image.functions, 0, 0
    for stack in program.truth["stacks"]:
        truth = [Frame(**frame) for frame in stack["frames"]]
        assert len(truth) == len(stack["pcs"])
        for position, pc in enumerate(stack["pcs"]):
            pairs = zip(functions.frames(pc), functions.func_ids(pc), strict=True)
            frames = [frame for frame, func_id in pairs if func_id != WRAPPER]
            assert truth[position : position + len(frames)] == frames
            assert frames
            longest = max(longest, len(frames))
            wrappers += len(functions.frames(pc)) - len(frames)
    assert len(program.truth["stacks"]) > 20
    assert longest >= 5, "the program must have calls inlined into calls that are inlined"
    assert wrappers > 0, "the program must call methods through wrappers"
    assert program.bias == 0


@pytest.mark.parametrize(("go", "stripped"), BUILDS)
def test_lines_all_over_the_text_are_those_of_the_runtime(go: str, stripped: bool) -> None:
    """Function, file and line of thousands of addresses, as runtime.FuncForPC has them.

    The runtime takes offset 0 in the table of names for "no name", so it does not know the name that lies there.
    """
    program = shapes(go, stripped)
    frames = program.image.functions.frames
    places = [
        (Frame(p["function"], p["file"], p["line"]), frames(p["pc"], call=False)[0]) for p in program.truth["places"]
    ]
    assert len(places) > 2000
    different = [(truth, found) for truth, found in places if truth != found]
    assert [] == [pair for pair in different if pair[0] != pair[1]._replace(function="")]
    assert len(different) <= 2


@pytest.mark.parametrize("go", ["1.19.13", "1.25.11", "1.27.3"])
def test_a_position_independent_executable_has_the_same_frames(go: str) -> None:
    """Addresses in the file are addresses in the process less the load bias."""
    program = shapes(go, False, "-buildmode=pie")
    assert program.bias > 0
    assert program.image.position_independent
    for stack in program.truth["stacks"]:
        truth = [Frame(**frame) for frame in stack["frames"]]
        found = [program.image.functions.frames(pc - program.bias)[0] for pc in stack["pcs"]]
        assert truth == found


@pytest.mark.parametrize("go", EVERY_GO)
def test_a_wrapper_is_known_by_its_func_id(go: str) -> None:
    """Methods of an embedded field, and `go` statements with arguments, get wrappers from the compiler.

    Go 1.21 and older give the latter the names of function literals.
    """
    functions = shapes(go).image.functions
    old = go < "1.22"
    for name in ("main.holder.work", "main.(*holder).byValue", f"main.started.{'func3' if old else 'gowrap1'}"):
        wrapper = functions.find(name)
        assert wrapper is not None
        assert functions.func_id(wrapper.entry) == WRAPPER
    main = functions.find("main.main")
    assert main is not None
    assert functions.func_id(main.entry) == 0


@pytest.mark.parametrize(("go", "stripped"), BUILDS)
def test_functions_are_found_by_name_and_by_address(go: str, stripped: bool) -> None:
    """A function begins at its entry, ends where the next one begins, and names are whole names."""
    functions = shapes(go, stripped).image.functions
    generic = "main.pushTwice[go.shape.string]" if go >= "1.21" else "main.pushTwice[...]"
    first = functions.at(functions.table.text)
    assert first is not None
    for name in ("runtime.chansend", "main.recurse", generic, first.name):
        found = functions.find(name)
        assert found is not None
        assert name == found.name
        assert functions.at(found.entry) == functions.at(found.end - 1) == found
        assert functions.at(found.end) != found
    for name in ("main.recurs", "ain.recurse", "", "main.inlined1"):
        assert functions.find(name) is None


def test_a_call_at_the_end_of_a_function_belongs_to_it() -> None:
    """The return address of a call that never returns is where the next function begins."""
    functions = shapes().image.functions
    recurse = functions.find("main.recurse")
    assert recurse is not None
    line = source_line("shapes", "func recurse(n int) {", "calls.go")
    (frame,) = functions.frames(recurse.end)
    assert frame.function == "main.recurse"
    assert functions.frames(recurse.entry, call=False)[-1].line == line


def test_addresses_outside_the_text_have_no_function() -> None:
    """Nothing is made up for the heap, for zero, or for the bytes just outside."""
    functions = shapes().image.functions
    first = functions.table.text
    for pc in (0, first - 1, 0xC000000000, -1):
        assert functions.at(pc) is None
        assert functions.frames(pc, call=False) == ()
        assert functions.func_ids(pc, call=False) == ()
        assert functions.func_id(pc) == 0


def test_a_table_travels_between_processes() -> None:
    """Pickled without its file, it opens the file again, and keeps what it has found."""
    functions = shapes().image.functions
    pc = shapes().truth["stacks"][0]["pcs"][0]
    copy = pickle.loads(pickle.dumps(functions))
    assert functions.frames(pc) == copy.frames(pc)
    assert functions.find("runtime.goexit") == copy.find("runtime.goexit")
    assert len(pickle.dumps(functions)) < 5000


def test_a_file_that_changed_since_is_not_read(tmp_path: Path) -> None:
    """A new build under the same path has other functions at the same addresses."""
    path = Path(shutil.copy(shapes().path, tmp_path / "app"))
    table = FunctionTable(str(path), analyse(path).functions.table)
    os.utime(path, ns=(1, 1))
    with pytest.raises(BinaryError) as error:
        table.find("main.main")
    assert f"{path} has changed since it was analysed; start again to analyse the new file" == str(error.value)
    path.unlink()
    with pytest.raises(BinaryError) as error:
        table.find("main.main")
    assert f"{path} cannot be opened: No such file or directory; start again with a readable file" == str(error.value)


def test_an_open_table_outlives_its_path(tmp_path: Path) -> None:
    """A program that is replaced while it runs keeps its own names; one cut short is said so, and nothing breaks."""
    path = Path(shutil.copy(shapes().path, tmp_path / "app"))
    functions = analyse(path).functions
    functions.open()
    path.rename(tmp_path / "old")
    assert isinstance(functions.find("main.recurse"), Function)
    os.truncate(tmp_path / "old", 4096)
    with pytest.raises(BinaryError, match="ends before offset"):
        functions.at(functions.table.text)


def with_bytes(folder: Path, changes: dict[int, bytes]) -> FunctionTable:
    """The function table of a copy of shapes in which bytes are changed after it was analysed."""
    table = shapes().image.functions.table
    path = folder / "damaged"
    data = bytearray(shapes().path.read_bytes())
    for offset, new in changes.items():
        data[offset : offset + len(new)] = new
    path.write_bytes(data)
    return FunctionTable(str(path), table._replace(mtime_ns=path.stat().st_mtime_ns))


def test_inlined_calls_that_go_round_in_circles_come_to_an_end(tmp_path: Path) -> None:
    """A file that says each call is inlined into itself is damaged, and the agent does not hang."""
    functions = shapes().image.functions
    pc = next(pc for stack in shapes().truth["stacks"] for pc in stack["pcs"] if len(functions.frames(pc)) > 2)
    function = functions.at(pc - 1)
    assert function is not None
    itself = (pc - 1 - function.entry).to_bytes(4, "little")
    table = functions.table
    damaged = with_bytes(tmp_path, {table.gofunc: itself * ((table.end - table.gofunc) // 4)})
    with pytest.raises(BinaryError) as error:
        damaged.frames(pc)
    assert str(error.value) == (
        f"the function table of {damaged.path} is damaged: the calls inlined at {pc - 1:#x} have no end; "
        "build or copy the program again"
    )


def test_whatever_a_damaged_table_says_is_a_frame_or_a_refusal(tmp_path: Path) -> None:
    """Nothing else escapes, and nothing is read outside of the table, however its bytes are changed."""
    dice = random.Random(1)
    table = shapes().image.functions.table
    outcomes: set[type] = set()
    for _ in range(10):
        changes = {dice.randrange(table.offset + 72, table.end - 4): dice.randbytes(4) for _ in range(5000)}
        damaged = with_bytes(tmp_path, changes)
        for place in dice.sample(shapes().truth["places"], 100):
            try:
                outcomes.add(type(damaged.frames(place["pc"])))
                outcomes.add(type(damaged.at(place["pc"])))
            except BinaryError:
                outcomes.add(BinaryError)
        damaged.close()
    assert {tuple, Function, BinaryError} <= outcomes <= {tuple, Function, BinaryError, type(None)}


@pytest.mark.parametrize(
    ("name", "go126", "go127"),
    [
        ("main.main", "main.main", "main.main"),
        ("main.push[go.shape.int]", "main.push[...]", "main.push[...]"),
        ("main.push[go.shape.[]uint8].func1", "main.push[...].func1", "main.push[...].func1"),
        ("main.(*q[go.shape.int]).as[go.shape.[]string]", "main.(*q[...]", "main.(*q[...]).as[...]"),
        ("main.(*q[a[b]]).as[c].func1", "main.(*q[...].func1", "main.(*q[...]).as[...].func1"),
        ("main.odd]and[", "main.odd]and[", "main.odd]and["),
        ("main.odd[a]]", "main.odd[...]", "main.odd[...]"),
        ("main.odd[[a]", "main.odd[...]", "main.odd[[a]"),
    ],
)
def test_names_are_shortened_as_the_runtime_does(name: str, go126: str, go127: str) -> None:
    """By the rules of funcNamePiecesForPrint of either release."""
    assert (go126, go127) == (printed_name(name, two_brackets=False), printed_name(name, two_brackets=True))
