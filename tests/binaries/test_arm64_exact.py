"""Probe sites of arm64 executables are reached as often as their meaning says: counted by an emulator.

The sentences are those of tests/kernel/test_sites_exact.py, where the kernel counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from otelchan.gobinary.arm64.lift import decode
from otelchan.gobinary.elf import Elf
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import Condition, GoImage, Site, SiteKind
from tests.kernel import test_sites_exact as exact
from tests.support.emulated import Emulated, Hit, emulated
from tests.support.gobuild import build

GO = ("1.19.13", "1.27.3")
WITH_POLLS = ("1.27.3",)
NIL_ALLOWED = (SiteKind.WOULD_BLOCK,)


class Opcount:
    """As exact.Opcount. Keeps the channels that were made, and what else was taken for one."""

    def __init__(self, image: GoImage, program: Emulated) -> None:
        self._sites: dict[int, Site] = {site.address: site for site in image.sites}
        self._lock = image.layout["hchan.lock"]
        self._program = program
        self.channels: set[int] = set()
        self.strangers: list[tuple[Site, int]] = []
        self._seen()

    def run(self, phase: str, seed: int) -> tuple[dict[str, int], exact.Seen]:
        """What the program says that it did in this phase, and the hits."""
        truth = json.loads(self._program.ask(f"{phase} {seed}"))
        return truth, self._seen()

    def _seen(self) -> exact.Seen:
        seen: exact.Seen = Counter()
        for hit in self._program.hits():
            site = self._sites[hit.address]
            kind = f"{site.kind} for ever" if site.nil_channel else site.error or str(site.kind)
            seen[kind, site.function.removeprefix("runtime.")] += 1
            self._check(site, hit)
        return seen

    def _check(self, site: Site, hit: Hit) -> None:
        """Whether the register that the site names holds a channel."""
        if site.kind is SiteKind.MAKE:
            self.channels.add(hit.registers[site.register])
        elif site.kind is SiteKind.PARK and site.function != "runtime.selectgo" and not site.nil_channel:
            self._must_be_channel(site, hit.registers["x1"] - self._lock)
        elif site.register and site.kind not in (SiteKind.SELECT, SiteKind.WAKE):
            self._must_be_channel(site, hit.registers[site.register] - site.channel_offset)

    def _must_be_channel(self, site: Site, value: int) -> None:
        if value not in self.channels and not (value == 0 and site.kind in NIL_ALLOWED):
            self.strangers.append((site, value))


def jumped_to(image: GoImage, site: Site) -> bool:
    """Whether one comes there other than from the instruction before."""
    function = image.functions.find(site.function)
    assert function is not None
    with Elf(image.path) as elf:
        code = decode(elf.read(function.entry, function.end - function.entry), function.entry)
    before = next(step for step in code if step.end == site.address)
    return before.mnemonic in ("jmp", "ret", "ud2") or site.address in {step.target for step in code}


@pytest.fixture(params=GO, scope="module")
def opcount(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opcount]:
    """In an emulator, which counts at every site. request.param: the release of Go."""
    path = build("opcount", request.param, goarch="arm64")
    image = analyse(path)
    assert all(site.condition is Condition.NONE and not jumped_to(image, site) for site in image.sites)
    log = tmp_path_factory.mktemp("emulated") / "log"
    with emulated(path, (site.address for site in image.sites), log) as program:
        yield Opcount(image, program)


seed = exact.seed
test_a_blocking_send_or_receive = exact.test_a_blocking_send_or_receive_is_handed_over_or_goes_through_the_buffer
test_each_receive_from_a_closed_channel = exact.test_each_receive_from_a_closed_channel_is_seen_once
test_each_select = exact.test_each_select_comes_to_its_site_once
test_each_select_on_buffers = exact.test_each_select_on_buffers_comes_to_its_site_once
test_each_default_branch = exact.test_each_default_branch_of_a_select_is_seen_once
test_each_make_and_each_close = exact.test_each_make_and_each_close_is_seen_once
test_each_panic = exact.test_each_panic_is_seen_once
test_what_parks_for_ever = exact.test_what_parks_for_ever_has_sites_of_its_own


@pytest.mark.parametrize("opcount", WITH_POLLS, indirect=True, scope="module")
def test_an_operation_that_would_block(opcount: Opcount, seed: int) -> None:
    """Under contention, and where nobody waits: each attempt comes to one site of its own."""
    exact.test_an_operation_that_would_block_comes_to_sites_of_its_own(opcount, seed)  # type: ignore[arg-type]
    exact.test_every_attempt_that_finds_nothing_to_do_is_seen_once(opcount, seed)  # type: ignore[arg-type]


def test_registers_at_sites_hold_channels(opcount: Opcount, seed: int) -> None:
    """At each hit the register that the site names held a channel that was made before, or nil where that may be."""
    for phase in ("blocking", "attempts", "closing", "making", "panicking"):
        opcount.run(phase, seed)

    assert opcount.channels
    assert [] == opcount.strangers
