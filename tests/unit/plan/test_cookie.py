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


def test_a_sleeper_in_a_register_is_said_by_a_flag() -> None:
    """As of a call of goready, which has it as its first argument."""
    packed = cookie.pack(site(SiteKind.WAKE, "runtime.recv", 1, register="rax", frame=64), 0)

    assert packed == 2 << 16 | (cookie.RECV | 4) << 32 | 64 << 40 | cookie.NO_SLOT << 56


def test_a_close_has_a_condition_and_a_frame() -> None:
    """It counts where the channel is found not to be closed; the frame leads to who closes it."""
    jump = site(SiteKind.CLOSE, "runtime.closechan", 1, register="rcx", frame=88, condition=Condition.EQUAL)

    assert cookie.pack(jump, 0) == 8 << 16 | 1 << 24 | 3 << 32 | 88 << 40


@pytest.mark.parametrize(("function", "direction"), [("runtime.chansend", 0), ("runtime.chanrecv", 8)])
def test_what_would_block_is_packed_with_its_condition_and_direction(function: str, direction: int) -> None:
    """The condition in three bits, then one that says that it is a receive."""
    jump = site(SiteKind.WOULD_BLOCK, function, 1, register="rbx", condition=Condition.NOT_EQUAL)
    behind = site(SiteKind.WOULD_BLOCK, function, 1, register="rax", channel_offset=104)

    assert cookie.pack(jump, 0) == 10 << 16 | 3 << 24 | (4 | direction) << 32
    assert cookie.pack(behind, 0) == 10 << 16 | direction << 32 | 13 << 56


def test_a_panic_is_packed_with_its_error_and_where_the_channel_is() -> None:
    """In a register, in a stack slot, or, said by a flag, not known; then the frame leads to the select's cases."""
    known = site(SiteKind.PANIC, "runtime.chansend", 1, register="rcx", error="send_on_closed")
    slot = site(SiteKind.PANIC, "runtime.closechan", 1, slot=96, error="close_of_closed")
    nil = site(SiteKind.PANIC, "runtime.closechan", 1, error="close_of_nil")
    select = site(SiteKind.PANIC, "runtime.selectgo", 1, frame=296, error="send_on_closed")

    assert cookie.pack(known, 0) == 9 << 16 | 1 << 24
    assert cookie.pack(slot, 0) == 9 << 16 | 4 << 24 | 1 << 32 | 96 << 40
    assert cookie.pack(nil, 0) == 9 << 16 | 0x12 << 32
    assert cookie.pack(select, 0) == 9 << 16 | 0x10 << 32 | 296 << 40


def test_an_inlined_park_is_packed_with_where_the_channel_is() -> None:
    """It is not the call of gopark, which has it in a known register; a select does not say it."""
    plain = site(SiteKind.PARK, "runtime.chanrecv", 1)
    inlined = site(SiteKind.PARK, "runtime.chanrecv", 1, slot=184, inlined=True)
    select = site(SiteKind.PARK, "runtime.selectgo", 1, inlined=True)

    assert cookie.pack(plain, 0) == 1 << 16 | cookie.RECV << 32
    assert cookie.pack(inlined, 0) == 1 << 16 | 4 << 24 | (cookie.RECV | 8) << 32 | 184 << 40
    assert cookie.pack(select, 0) == 1 << 16 | (cookie.SELECT | 0x18) << 32


def test_a_default_branch_is_packed_with_its_frame() -> None:
    """Above it is the number of sends; the cases are in the registers of the call."""
    packed = cookie.pack(site(SiteKind.SELECT_DEFAULT, "runtime.selectgo", 1, frame=296), 0)

    assert packed == 11 << 16 | 296 << 40


def test_conditions_and_errors_are_numbered_as_in_the_header() -> None:
    """The kernel reads them as such."""
    defined = dict(re.findall(r"#define OC_COND_(\w+)\s+(\d)", HEADER.read_text()))
    names = {"NONE": "ALWAYS", "ABOVE_OR_EQUAL": "ABOVE_EQUAL", "BELOW_OR_EQUAL": "BELOW_EQUAL"}

    jumps = {c: site(SiteKind.SEND, "runtime.chansend", 1, condition=c) for c in Condition}
    packed = {names.get(c.name, c.name): str(cookie.pack(jump, 0) >> 32 & 0xFF) for c, jump in jumps.items()}
    assert packed == defined
    assert [*(f"OC_{name.upper()}" for name in cookie.PANICS), "OC_PANICS"] == list(enum("oc_panic_type"))


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
