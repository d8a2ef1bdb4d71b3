"""Dumps of goroutines: what a program's own dump would say, and what cannot be known from outside."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census, Goroutine
from otelchan.view.goroutines_pprof import goroutine_profile
from otelchan.view.goroutines_text import goroutine_texts
from otelchan.view.profile_messages import new_profile
from tests.support import looks
from tests.support.images import Functions
from tests.support.looks import SECOND

STUCK = looks.census().goroutines[-1]


def texts(*goroutines: Goroutine, image: GoImage | None = None) -> list[str]:
    """The dump of these."""
    return list(goroutine_texts(image or looks.image(), of(*goroutines)))


def of(*goroutines: Goroutine) -> Census:
    """A census of these."""
    return replace(looks.census(), goroutines=goroutines)


def header(**changes: Any) -> str:
    """The first line of a goroutine."""
    return texts(STUCK._replace(**changes))[0].splitlines()[0]


def since(seconds: int) -> dict[str, int]:
    """A wait that a collection saw so long ago."""
    return {"wait_since_ns": looks.NOW_MONOTONIC_NS - seconds * SECOND}


def test_a_goroutine_is_printed_as_go_prints_it() -> None:
    """Header, frames with the offset in the function, who created it; an empty line between two of them."""
    first, second = texts(STUCK, STUCK._replace(id=43, parent_id=0))
    assert (
        "goroutine 42 [chan send, 1 minutes]:\n"
        "main.askPrice.func1(...)\n\t/src/leaky/main.go:89 +0x10\n"
        "created by main.askPrice in goroutine 7\n\t/src/leaky/main.go:88 +0x10\n"
    ) == first
    assert second.startswith("\ngoroutine 43 [chan send, 1 minutes]:\n")
    assert "created by main.askPrice\n" in second


def test_minutes_are_whole_ones_that_a_collection_has_seen() -> None:
    """As goroutineheader says them: none below one, none for a goroutine that does not wait or has leaked."""
    assert "goroutine 42 [chan send]:" == header(**since(59))
    assert "goroutine 42 [chan send, 2 minutes]:" == header(**since(179))
    assert "goroutine 42 [chan send]:" == header(wait_since_ns=0)
    assert "goroutine 42 [chan send (leaked)]:" == header(status="leaked", **since(179))


def test_a_stack_that_cannot_be_read_is_said_to_be_unavailable() -> None:
    """In the words that Go has for it, which parsers know; the main goroutine was created by nobody."""
    running, main = STUCK._replace(status="running", wait_reason="", stack=()), STUCK._replace(id=1)
    unavailable, created = texts(running, main)
    assert unavailable.startswith(
        "goroutine 42 [running]:\n\tgoroutine running on other thread; stack unavailable\ncreated by main.askPrice"
    )
    assert "created by" not in created


def test_the_runtimes_own_and_ended_goroutines_are_left_out() -> None:
    """As in a program's own dump."""
    others = [STUCK._replace(system=True), STUCK._replace(status="dead"), STUCK._replace(status="idle")]
    assert [] == texts(*others)


def test_a_long_stack_is_cut_in_its_middle() -> None:
    """After 50 frames and before 50 frames; one that could not be read to its end says so."""
    frames = {16 * pc: (Frame(f"main.f{pc}", "/x.go", pc),) for pc in range(1, 131)}
    image = replace(looks.image(), functions=Functions(frames))  # type: ignore[arg-type]
    long = STUCK._replace(stack=tuple(frames), depth=130, created_at=0)
    lines = texts(long, image=image)[0].splitlines()
    assert ["...30 frames elided..."] == [line for line in lines if line.startswith("...")]
    assert (1 + 2 * 100 + 1, "main.f50(...)", "main.f81(...)") == (len(lines), lines[99], lines[102])
    assert texts(long._replace(depth=131), image=image)[0].endswith("...additional frames elided...\n")


def test_a_panic_is_named_as_a_traceback_names_it() -> None:
    """Not runtime.gopanic."""
    frames = {0x10: (Frame("main.cleanup", "/x.go", 1),), 0x20: (Frame("runtime.gopanic", "/p.go", 2),)}
    image = replace(looks.image(), functions=Functions(frames))  # type: ignore[arg-type]
    (text,) = texts(STUCK._replace(stack=(0x10, 0x20), depth=2), image=image)
    assert ["main.cleanup(...)", "panic(...)"] == [line for line in text.splitlines()[1:] if line.endswith("(...)")]


def profile(*goroutines: Goroutine) -> Any:
    """The message of a profile."""
    message = new_profile()
    data = goroutine_profile(looks.image(), of(*goroutines), "/srv/leaky", "abc123")
    message.ParseFromString(gzip.decompress(data))
    return message


def test_a_profile_counts_goroutines_by_stack() -> None:
    """The most frequent first; what has no stack counts under a function that says why."""
    running = STUCK._replace(status="running", wait_reason="", stack=())
    message = profile(running, STUCK, STUCK._replace(id=43), STUCK._replace(id=3, system=True))
    names = message.string_table

    def functions(location_id: int) -> list[str]:
        lines = message.location[location_id - 1].line
        return [names[message.function[line.function_id - 1].name] for line in lines]

    found = [(list(s.value), [name for at in s.location_id for name in functions(at)]) for s in message.sample]
    assert [([2], ["runtime.gopark", "main.askPrice.func1"]), ([1], ["stack unavailable (running)"])] == found
    assert [("goroutine", "count")] == [(names[kind.type], names[kind.unit]) for kind in message.sample_type]
    assert looks.NOW_UNIX_NS == message.time_nanos


def test_a_profile_says_which_executable_it_is_of() -> None:
    """Each executable segment is a mapping with path and build id, and addresses are of the call, in the file."""
    message = profile(STUCK)
    segments = [segment for segment in looks.image().segments if segment.executable]
    names = message.string_table
    expected = [(s.address, s.address + s.memory_size, s.offset, "/srv/leaky", "abc123") for s in segments]
    assert expected == [
        (m.memory_start, m.memory_limit, m.file_offset, names[m.filename], names[m.build_id]) for m in message.mapping
    ]
    assert [0x0F, 0x1F] == [location.address for location in message.location]
