"""Probe sites are reached as often as their meaning says, counted by the kernel against a program's own count."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage, SiteKind
from tests.support.gobuild import SUPPORTED_GO
from tests.support.hits import Hits, hits

TIMEOUT = 60
Seen = Counter[tuple[str, str]]
"""Hits by kind of site and function."""


class Opcount:
    """The program tests/workloads/opcount, running, with a counter at each of its probe sites."""

    def __init__(self, image: GoImage, process: subprocess.Popen[str], counters: Hits) -> None:
        self._image, self._process, self._counters = image, process, counters
        self._before: Counter[int] = counters.read()

    def run(self, phase: str, seed: int) -> tuple[dict[str, int], Seen]:
        """What the program says that it did in this phase, and the hits."""
        assert self._process.stdin and self._process.stdout
        print(phase, seed, file=self._process.stdin, flush=True)
        truth = json.loads(self._process.stdout.readline())
        after = self._counters.read()
        seen: Seen = Counter()
        for site in self._image.sites:
            offset = self._image.file_offset(site.address)
            kind = f"{site.kind} for ever" if site.nil_channel else str(site.kind)
            seen[kind, site.function.removeprefix("runtime.")] += after[offset] - self._before[offset]
        self._before = after
        return truth, seen


@pytest.fixture(params=[(go, stripped) for go in SUPPORTED_GO for stripped in (False, True)], scope="module", ids=str)
def opcount(
    request: pytest.FixtureRequest, workload: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opcount]:
    """A copy of its own, because the counters count for every process that runs the same file."""
    go, stripped = request.param
    path = tmp_path_factory.mktemp("opcount") / "opcount"
    shutil.copy2(workload("opcount", go=go, stripped=stripped), path)
    image = analyse(path)
    assert image.missing == ()
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        with hits(path, [image.file_offset(site.address) for site in image.sites]) as counters:
            yield Opcount(image, process, counters)
    finally:
        process.kill()
        process.wait(TIMEOUT)


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


def test_an_operation_that_would_block_comes_to_no_site(opcount: Opcount, seed: int) -> None:
    """With default branches the hits are those of the elements that were moved, and no more."""
    truth, seen = opcount.run("trying", seed)

    handed_over = seen["wake", "send"] + seen["wake", "recv"]
    assert truth["would_block"] > 0
    assert truth["sends"] == handed_over + seen["send", "chansend"]
    assert truth["recvs"] == handed_over + seen["recv", "chanrecv"]


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
    assert truth["sends"] == truth["recvs"] == seen["wake", "send"] + seen["wake", "recv"]
    assert seen["park", "selectgo"] == seen["wake", "send"] + seen["wake", "recv"]
    assert seen["send", "chansend"] == seen["recv", "chanrecv"] == seen["recv_closed", "chanrecv"] == 0


def test_each_select_on_buffers_comes_to_its_site_once(opcount: Opcount, seed: int) -> None:
    """Also when the buffer serves it; each park in a select ends by one wake."""
    truth, seen = opcount.run("mixture", seed)

    assert truth["selects"] == seen["select", "selectgo"]
    assert seen["park", "selectgo"] == seen["wake", "send"] + seen["wake", "recv"]


def test_each_make_and_each_close_is_seen_once(opcount: Opcount, seed: int) -> None:
    """Made by reflection, generic, of any capacity; closed, closed twice, nil."""
    truth, seen = opcount.run("making", seed)

    assert truth["makes"] == seen["make", "makechan"]
    assert truth["closes"] == seen["close", "closechan"]


def test_what_parks_for_ever_has_sites_of_its_own(opcount: Opcount, seed: int) -> None:
    """Sends to and receives from a nil channel, and `select {}`; they are no other parks."""
    truth, seen = opcount.run("for-ever", seed)

    assert truth["nil_sends"] == seen["park for ever", "chansend"]
    assert truth["nil_recvs"] == seen["park for ever", "chanrecv"]
    assert truth["empty"] == seen["park for ever", "block"]
    assert sum(hits for (kind, _), hits in seen.items() if kind == SiteKind.PARK) == 0
