"""Threads hold links in tables of descriptors of their own. A pipe's end stands for a link: who reads sees it close."""

from __future__ import annotations

import errno
import gc
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from otelchan.kernel.holders import Holders
from tests.support import eventually


@pytest.fixture
def program() -> Iterator[int]:
    """A descriptor that stands for a program."""
    descriptor = os.open("/dev/zero", os.O_RDONLY)
    yield descriptor
    with suppress(OSError):
        os.close(descriptor)


@pytest.fixture
def holders(program: int) -> Iterator[Holders]:
    """At most three threads."""
    held = Holders(program, 3)
    yield held
    held.close()
    eventually(lambda: not tables(), every=0.01)  # a thread that was joined may have some steps to go in the kernel


def tables() -> list[set[str]]:
    """What the descriptors of each thread that has its own are."""
    own = files(Path("/proc/self/fd"))
    found = [files(task / "fd") for task in Path("/proc/self/task").iterdir()]
    return [table for table in found if table != own]


def files(folder: Path) -> set[str]:
    """What they are, without those that looking took."""
    found = set()
    with suppress(FileNotFoundError):  # a thread that is gone
        for descriptor in list(folder.iterdir()):
            with suppress(OSError):
                found.add(str(descriptor.readlink()))
    return {name for name in found if not name.startswith("/proc/")}


def pipe(holders: Holders) -> tuple[int, int]:
    """A link: its id, and the end that sees it close."""
    reader, writer = os.pipe()
    number = holders.hold(lambda: [_opened(f"/proc/{os.getpid()}/fd/{writer}")])
    os.close(writer)
    os.set_blocking(reader, False)
    return number, reader


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY)


def is_open(reader: int) -> bool:
    """Whether somebody has the other end."""
    try:
        return os.read(reader, 1) != b""
    except BlockingIOError:
        return True


def test_a_link_is_closed_when_it_is_released(holders: Holders) -> None:
    """Not before, though nobody else has it, and others stay."""
    (first, first_end), (_, second_end) = pipe(holders), pipe(holders)
    before = (is_open(first_end), is_open(second_end))
    holders.release([first])
    after = (is_open(first_end), is_open(second_end))

    assert ((True, True), (False, True)) == (before, after)


def test_closing_all_closes_every_link_and_ends_the_threads(holders: Holders) -> None:
    """More links than threads, too."""
    ends = [pipe(holders)[1] for _ in range(7)]
    threads = len(tables())
    holders.close()

    assert ([False] * 7, 3) == ([is_open(end) for end in ends], threads)
    eventually(lambda: not tables(), every=0.01)


def test_a_thread_has_nothing_but_its_links_and_the_program(holders: Holders) -> None:
    """Else a connection that the agent closes would stay open; and we have none of its links."""
    with Path("/dev/full").open("wb") as ours:
        number = holders.hold(lambda: [os.open("/dev/random", os.O_RDONLY)])
        standard = {str(Path(f"/proc/self/fd/{descriptor}").readlink()) for descriptor in range(3)}
        (table,) = tables()
        here = files(Path("/proc/self/fd"))
        assert ours.fileno()
    holders.release([number])

    assert {"/dev/zero", "/dev/random"} == table - standard
    assert {"/dev/zero", "/dev/full"} == {"/dev/zero", "/dev/full", "/dev/random"} & here


def test_links_are_spread_over_the_threads(holders: Holders) -> None:
    """So that as many as there are threads can be closed at the same time; one that holds none any more ends."""
    numbers = [holders.hold(lambda: [os.open("/dev/random", os.O_RDONLY)]) for _ in range(3)]
    one_each = ["/dev/random" in table for table in tables()]
    holders.release(numbers[1:2])
    eventually(lambda: len(tables()) == 2, every=0.01)
    holders.hold(lambda: [os.open("/dev/random", os.O_RDONLY)])

    assert ([True] * 3, [True] * 3) == (one_each, ["/dev/random" in table for table in tables()])


def test_what_cannot_be_made_is_said_to_who_asked(holders: Holders) -> None:
    """And the thread goes on holding what it has."""
    _, end = pipe(holders)

    with pytest.raises(FileNotFoundError):
        holders.hold(lambda: [os.open("/nonexistent", os.O_RDONLY)])
    assert is_open(end)
    assert list(holders) == [1]


def test_no_garbage_is_collected_while_a_thread_works(holders: Holders) -> None:
    """A forgotten file must be closed by a thread in whose table it is: its number may be a link's in another."""
    seen: list[bool] = []

    def look() -> list[int]:
        seen.append(gc.isenabled())
        return []

    holders.hold(look)

    assert ([False], True) == (seen, gc.isenabled())


def test_no_garbage_is_collected_while_a_thread_begins(program: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its own descriptors before it has anything to do."""
    seen: list[bool] = []
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: seen.append(gc.isenabled()))  # its first step
    held = Holders(program, 1)
    held.hold(lambda: [os.open("/dev/random", os.O_RDONLY)])
    held.close()

    assert [False] == seen


def test_signals_are_left_to_the_other_threads(holders: Holders) -> None:
    """What wakes the agent up is written to one of its descriptors."""
    seen: list[set[int]] = []

    def look() -> list[int]:
        seen.append({int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])})
        return []

    holders.hold(look)

    assert {signal.SIGTERM, signal.SIGINT, signal.SIGHUP} <= seen[0]


def test_without_threads_links_are_held_here(program: int) -> None:
    """A machine that allows no thread more is no reason not to look."""
    holders = Holders(program, 0)
    number = holders.hold(lambda: [os.open("/dev/random", os.O_RDONLY)])
    here = "/dev/random" in files(Path("/proc/self/fd"))
    holders.release([number])

    assert (True, False) == (here, "/dev/random" in files(Path("/proc/self/fd")))


def test_a_link_that_is_gone_already_is_released_without_a_word(holders: Holders) -> None:
    """Whoever lets go of a program need not know what was taken out of it before."""
    number, _ = pipe(holders)
    holders.release([number])
    holders.release([number, 4711])

    assert list(holders) == []


def test_what_cannot_be_closed_is_said(holders: Holders) -> None:
    """Silence would leave traps in a program."""
    number = holders.hold(lambda: [9999])

    with pytest.raises(OSError) as caught:
        holders.release([number])
    assert errno.EBADF == caught.value.errno
