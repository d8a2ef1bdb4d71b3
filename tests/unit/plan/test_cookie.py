"""The cookie carries every fact of a site."""

import re
from pathlib import Path

import pytest

from otelchan.gobinary.types import Condition, SiteKind
from otelchan.kernel.types import Kind, Loss
from otelchan.plan import cookie
from otelchan.plan.catalogue import PROBES
from tests.support.images import site

HEADER = Path(__file__).parents[3] / "bpf" / "otelchan.h"


def enum(name: str) -> dict[str, int]:
    """The members of an enum in the header, counted as C does."""
    body = re.search(rf"enum {name} {{(.*?)}};", HEADER.read_text(), re.S)
    assert body
    values, following = {}, 0
    for member, value in re.findall(r"^\s*(OC_\w+)(?: = (\d+))?,", body[1], re.M):
        following = int(value) if value else following
        values[member] = following
        following += 1
    return values


def test_a_send_site_is_packed_field_by_field() -> None:
    """Target, kind, register, condition and frame each land in their own bits."""
    packed = cookie.pack(site(SiteKind.SEND, "runtime.chansend", 1, register="r9", condition=Condition.BELOW), 0x123)

    assert packed == 0x123 | 3 << 16 | 9 << 24 | 2 << 32


def test_a_wake_site_carries_its_closure_slot_in_words() -> None:
    """The sleeper's slot is given in words from the stack pointer, the return address as a frame in bytes."""
    packed = cookie.pack(site(SiteKind.WAKE, "runtime.recv", 1, frame=88, closure=48), 7)

    assert packed == 7 | 2 << 16 | cookie.RECV << 32 | 88 << 40 | 6 << 56


def test_a_closure_that_is_not_on_the_stack_is_said_so() -> None:
    """Without a slot the kernel follows the pointer that systemstack gets."""
    packed = cookie.pack(site(SiteKind.WAKE, "runtime.closechan", 1, frame=8), 0)

    assert packed >> 56 == cookie.NO_SLOT


def test_a_select_site_carries_the_register_of_its_ok_result() -> None:
    """The aux byte of a select is a register number."""
    packed = cookie.pack(site(SiteKind.SELECT, "runtime.selectgo", 1, register="rcx", ok_register="rdx", frame=296), 0)

    assert (packed >> 24 & 0xFF, packed >> 40 & 0xFFFF, packed >> 56) == (1, 296, 2)


def test_a_channel_in_a_stack_slot_is_said_by_the_stack_pointer() -> None:
    """The slot's distance stands where other sites have their frame."""
    packed = cookie.pack(site(SiteKind.RECV_CLOSED, "runtime.chanrecv", 1, slot=120), 0)

    assert (packed >> 24 & 0xFF, packed >> 40 & 0xFFFF, packed >> 56) == (4, 120, 0)


@pytest.mark.parametrize(
    "facts", [{"closure": 256}, {"closure": 12}, {"frame": 1 << 16, "closure": 8}], ids=["far", "odd", "huge"]
)
def test_what_does_not_fit_is_refused(facts: dict[str, int]) -> None:
    """A fact that the cookie cannot hold is an error, never cut off."""
    with pytest.raises(ValueError, match=r"runtime\.send"):
        cookie.pack(site(SiteKind.WAKE, "runtime.send", 1, **facts), 0)


def test_kinds_are_numbered_as_in_the_header() -> None:
    """The catalogue, the wire types and the C header agree on every kind."""
    header = {name.removeprefix("OC_"): number for name, number in enum("oc_kind").items() if name != "OC_KINDS"}

    assert {probe.kind.name: probe.number for probe in PROBES} == header
    assert {kind.name: kind.value for kind in Kind} == header


def test_losses_are_numbered_as_in_the_header() -> None:
    """Every reason for loss that the kernel counts has a name in Python."""
    header = {name.removeprefix("OC_LOST_"): n for name, n in enum("oc_loss").items() if name != "OC_LOSSES"}

    assert {loss.name: loss.value for loss in Loss} == header


def test_every_kind_of_site_has_a_row_in_the_catalogue() -> None:
    """A site that could be found but never attached would be silence."""
    assert {probe.kind for probe in PROBES} == set(SiteKind)
