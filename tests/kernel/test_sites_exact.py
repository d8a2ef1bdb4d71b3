"""Probe sites are reached as often as their meaning says, counted by the kernel against a program's own count."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from otelchan.gobinary.elf import Elf
from otelchan.gobinary.image import analyse
from otelchan.gobinary.instructions import decode
from otelchan.gobinary.types import Condition, GoImage, Site, SiteKind
from tests.support.hits import Hits, hits
from tests.support.patched import BUILDS, named

FLAGS = {  # by jump: the condition under which it is taken, and the other (Intel SDM volume 2, Jcc)
    "je": (Condition.EQUAL, Condition.NOT_EQUAL),
    "jne": (Condition.NOT_EQUAL, Condition.EQUAL),
    "ja": (Condition.ABOVE, Condition.BELOW_OR_EQUAL),
    "jbe": (Condition.BELOW_OR_EQUAL, Condition.ABOVE),
    "jae": (Condition.ABOVE_OR_EQUAL, Condition.BELOW),
    "jb": (Condition.BELOW, Condition.ABOVE_OR_EQUAL),
}
TIMEOUT = 60
Seen = Counter[tuple[str, str]]
"""Hits that count, by kind of site and function; of panics by what is wrong."""


class Opcount:
    """The program tests/workloads/opcount, running, with a counter at each place that tells of its probe sites."""

    def __init__(self, image: GoImage, process: subprocess.Popen[str], counters: Hits, places: dict[Site, int]) -> None:
        self._image, self._process, self._counters, self._places = image, process, counters, places
        self._before: Counter[int] = counters.read()

    def run(self, phase: str, seed: int) -> tuple[dict[str, int], Seen]:
        """What the program says that it did in this phase, and the hits."""
        assert self._process.stdin and self._process.stdout
        print(phase, seed, file=self._process.stdin, flush=True)
        truth = json.loads(self._process.stdout.readline())
        after = self._counters.read()
        seen: Seen = Counter()
        for site, place in self._places.items():
            kind = f"{site.kind} for ever" if site.nil_channel else site.error or str(site.kind)
            seen[kind, site.function.removeprefix("runtime.")] += after[place] - self._before[place]
        self._before = after
        return truth, seen


@pytest.fixture(params=BUILDS, scope="module", ids=named)
def opcount(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opcount]:
    """A copy of its own, because the counters count for every process that runs the same file."""
    kind, go = request.param
    path = tmp_path_factory.mktemp("opcount") / "opcount"
    shutil.copy2(kind.build("opcount", go), path)
    image = analyse(path)
    assert image.missing == ()
    places = {site: image.file_offset(counted_at(image, site)) for site in image.sites}
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        with hits(path, set(places.values())) as counters:
            yield Opcount(image, process, counters, places)
    finally:
        process.kill()
        process.wait(TIMEOUT)


def counted_at(image: GoImage, site: Site) -> int:
    """The address whose hits are those of the site that count.

    A counter does not see flags. So for a site whose condition they decide it is where the jump leads when the
    condition holds: no other instruction may lead there.
    """
    if site.condition is Condition.NONE:
        return site.address
    function = image.functions.find(site.function)
    assert function is not None
    with Elf(image.path) as elf:
        code = decode(elf.read(function.entry, function.end - function.entry), function.entry)
    (jump,) = (instruction for instruction in code if instruction.address == site.address)
    taken_if, falls_through_if = FLAGS[jump.mnemonic]
    assert site.condition in (taken_if, falls_through_if) and jump.target is not None
    place = jump.target if site.condition is taken_if else jump.end
    others = {other.address for other in code if other.target == place}
    before = next(other for other in code if other.end == place)
    if before.mnemonic not in ("jmp", "ret", "int3", "ud2"):
        others.add(before.address)
    assert others == {jump.address}
    return place


@pytest.fixture
def seed() -> int:
    """Drawn anew each time; pytest prints it when a test fails."""
    return random.randrange(1 << 32)


def test_a_blocking_send_or_receive_is_handed_over_or_goes_through_the_buffer(opcount: Opcount, seed: int) -> None:
    """Sends and receives are wakes of either side plus elements into and out of a buffer; a park ends by one wake."""
    truth, seen = opcount.run("blocking", seed)

    handed_over = seen["wake", "send"] + seen["wake", "recv"]
    assert truth["sends"] == handed_over + seen["send", "chansend"]
    assert truth["recvs"] == handed_over + seen["recv", "chanrecv"]
    assert seen["park", "chansend"] == seen["wake", "recv"] > 0
    assert seen["park", "chanrecv"] == seen["wake", "send"] > 0
    assert truth["makes"] == seen["make", "makechan"]


def test_an_operation_that_would_block_comes_to_sites_of_its_own(opcount: Opcount, seed: int) -> None:
    """Under contention each default branch is one hit of them; the others are of the elements that were moved."""
    truth, seen = opcount.run("trying", seed)

    handed_over = seen["wake", "send"] + seen["wake", "recv"]
    assert truth["sends"] == handed_over + seen["send", "chansend"]
    assert truth["recvs"] == handed_over + seen["recv", "chanrecv"]
    assert truth["blocked_sends"] == seen["would_block", "chansend"] > 0
    assert truth["blocked_recvs"] == seen["would_block", "chanrecv"] > 0


def test_every_attempt_that_finds_nothing_to_do_is_seen_once(opcount: Opcount, seed: int) -> None:
    """On full, empty and nil channels, by statements and by reflection, and none that finds something."""
    truth, seen = opcount.run("attempts", seed)

    assert truth["blocked_sends"] == seen["would_block", "chansend"] > 0
    assert truth["blocked_recvs"] == seen["would_block", "chanrecv"] > 0
    assert truth["sends"] == seen["send", "chansend"]
    assert truth["recvs"] == seen["recv", "chanrecv"]
    assert seen["park for ever", "chansend"] == seen["park for ever", "chanrecv"] == 0


def test_each_receive_from_a_closed_channel_is_seen_once(opcount: Opcount, seed: int) -> None:
    """It comes to one of the two sites, or was parked and is woken by the close."""
    truth, seen = opcount.run("closing", seed)

    handed_over = seen["wake", "send"] + seen["wake", "recv"]
    assert truth["recvs_closed"] == seen["recv_closed", "chanrecv"] + seen["wake", "closechan"]
    assert truth["recvs"] == handed_over + seen["recv", "chanrecv"]
    assert truth["sends"] == handed_over + seen["send", "chansend"]
    assert truth["closes"] == seen["close", "closechan"]


def test_each_select_comes_to_its_site_once(opcount: Opcount, seed: int) -> None:
    """Whatever its outcome; and between unbuffered channels each element is one wake."""
    truth, seen = opcount.run("selects", seed)

    assert truth["selects"] == seen["select", "selectgo"]
    assert truth["defaults"] == seen["select_default", "selectgo"]
    assert truth["sends"] == truth["recvs"] == seen["wake", "send"] + seen["wake", "recv"]
    assert seen["park", "selectgo"] == seen["wake", "send"] + seen["wake", "recv"]
    assert seen["send", "chansend"] == seen["recv", "chanrecv"] == seen["recv_closed", "chanrecv"] == 0


def test_each_select_on_buffers_comes_to_its_site_once(opcount: Opcount, seed: int) -> None:
    """Also when the buffer serves it; each park in a select ends by one wake."""
    truth, seen = opcount.run("mixture", seed)

    assert truth["selects"] == seen["select", "selectgo"]
    assert truth["defaults"] == seen["select_default", "selectgo"]
    assert seen["park", "selectgo"] == seen["wake", "send"] + seen["wake", "recv"]


def test_each_default_branch_of_a_select_is_seen_once(opcount: Opcount, seed: int) -> None:
    """With nil channels among its cases, or nothing but nil channels, also by reflection."""
    truth, seen = opcount.run("defaults", seed)

    assert truth["defaults"] == seen["select_default", "selectgo"] > 0
    assert truth["selects"] == seen["select", "selectgo"] > truth["defaults"]
    assert seen["would_block", "chansend"] == seen["would_block", "chanrecv"] == 0


def test_each_make_and_each_close_is_seen_once(opcount: Opcount, seed: int) -> None:
    """Made by reflection, generic, of any capacity."""
    truth, seen = opcount.run("making", seed)

    assert truth["makes"] == seen["make", "makechan"]
    assert truth["closes"] == seen["close", "closechan"]


def test_each_panic_is_seen_once(opcount: Opcount, seed: int) -> None:
    """By its reason and where it comes from, also of what was parked when the close came; all are recovered."""
    truth, seen = opcount.run("panicking", seed)

    assert truth["send_panics"] == seen["send_on_closed", "chansend"] > 0
    assert truth["select_panics"] == seen["send_on_closed", "selectgo"] > 0
    assert truth["closed_panics"] == seen["close_of_closed", "closechan"] > 0
    assert truth["nil_panics"] == seen["close_of_nil", "closechan"] > 0
    assert truth["closes"] == seen["close", "closechan"] > 0
    assert seen["would_block", "chansend"] == seen["select_default", "selectgo"] == 0


def test_what_parks_for_ever_has_sites_of_its_own(opcount: Opcount, seed: int) -> None:
    """Sends to and receives from a nil channel, and `select {}`; they are no other parks."""
    truth, seen = opcount.run("for-ever", seed)

    assert truth["nil_sends"] == seen["park for ever", "chansend"]
    assert truth["nil_recvs"] == seen["park for ever", "chanrecv"]
    assert truth["empty"] == seen["park for ever", "block"]
    assert sum(hits for (kind, _), hits in seen.items() if kind == SiteKind.PARK) == 0
