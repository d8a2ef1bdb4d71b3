"""Go images and goroutines made by hand, for tests of the pure stages."""

from __future__ import annotations

from otelchan.gobinary.functions import Function
from otelchan.gobinary.plugins import Plugins
from otelchan.gobinary.types import (
    BuildInfo,
    Condition,
    Frame,
    Globals,
    GoImage,
    Layout,
    MakeSite,
    MissingSite,
    Segment,
    Site,
    SiteKind,
)

TEXT = 0x401000


class Functions:
    """A function table over a plain dictionary: link-time address -> frames, innermost first.

    wrappers: names of functions that the compiler generated. not_linked: functions that the program lacks.
    """

    def __init__(
        self,
        frames: dict[int, tuple[Frame, ...]],
        wrappers: frozenset[str] = frozenset(),
        not_linked: frozenset[str] = frozenset(),
    ) -> None:
        self._frames = frames
        self._wrappers = wrappers
        self._not_linked = not_linked
        self.plugins = Plugins()

    def find(self, name: str) -> str | None:
        """Every function is linked, unless it was said not to be."""
        return None if name in self._not_linked else name

    def at(self, pc: int) -> Function | None:
        """A function of sixteen bytes, where there are frames."""
        start = pc // 16 * 16
        found = next((frames for at, frames in self._frames.items() if start < at <= start + 16), ())
        return Function(found[-1].function, start, start + 16) if found else None

    def frames(self, pc: int, call: bool = True) -> tuple[Frame, ...]:
        """The frames written down for this address."""
        return self._frames.get(pc, ())

    def func_ids(self, pc: int, call: bool = True) -> tuple[int, ...]:
        """abi.FuncIDWrapper (23) for wrappers, else 0 (normal)."""
        return tuple(23 if frame.function in self._wrappers else 0 for frame in self.frames(pc, call))


def site(kind: SiteKind, function: str, address: int, **facts: object) -> Site:
    """A probe site with a jump as its instruction."""
    return Site(kind, function, address, b"\x77\x10", "ja 0x10", **facts)  # type: ignore[arg-type]


def all_sites() -> tuple[Site, ...]:
    """One complete set of sites, at made-up addresses in the text segment."""
    buffered = {"register": "rcx", "condition": Condition.ABOVE}
    return (
        site(SiteKind.PARK, "runtime.chansend", TEXT + 0x10),
        site(SiteKind.PARK, "runtime.chansend", TEXT + 0x18, nil_channel=True),
        site(SiteKind.PARK, "runtime.chanrecv", TEXT + 0x20),
        site(SiteKind.PARK, "runtime.selectgo", TEXT + 0x30),
        site(SiteKind.WAKE, "runtime.send", TEXT + 0x40, frame=64, closure=24),
        site(SiteKind.WAKE, "runtime.recv", TEXT + 0x50, frame=64, closure=24),
        site(SiteKind.WAKE, "runtime.closechan", TEXT + 0x60, frame=96, closure=-1),
        site(SiteKind.SEND, "runtime.chansend", TEXT + 0x70, **buffered),
        site(SiteKind.RECV, "runtime.chanrecv", TEXT + 0x80, **buffered),
        site(SiteKind.RECV_CLOSED, "runtime.chanrecv", TEXT + 0x90, register="rax", channel_offset=104),
        site(SiteKind.SELECT, "runtime.selectgo", TEXT + 0xA0, register="rcx", ok_register="rdx", frame=296),
        site(SiteKind.MAKE, "runtime.makechan", TEXT + 0xB0, register="rcx", frame=56),
        site(SiteKind.CLOSE, "runtime.closechan", TEXT + 0xC0, register="rax"),
        site(SiteKind.PANIC, "runtime.chansend", TEXT + 0xD0, register="rcx", error="send_on_closed"),
        site(SiteKind.PANIC, "runtime.selectgo", TEXT + 0xE0, error="send_on_closed"),
        site(SiteKind.PANIC, "runtime.closechan", TEXT + 0xF0, slot=96, error="close_of_closed"),
        site(SiteKind.WOULD_BLOCK, "runtime.chansend", TEXT + 0x100, register="rax", condition=Condition.EQUAL),
        site(SiteKind.WOULD_BLOCK, "runtime.chanrecv", TEXT + 0x110, register="rax", channel_offset=104),
        site(SiteKind.SELECT_DEFAULT, "runtime.selectgo", TEXT + 0x120, frame=296),
    )


def go_image(
    frames: dict[int, tuple[Frame, ...]] | None = None,
    sites: tuple[Site, ...] | None = None,
    missing: tuple[MissingSite, ...] = (),
    make_sites: tuple[MakeSite, ...] = (),
    wait_reasons: dict[int, str] | None = None,
    not_linked: frozenset[str] = frozenset(),
) -> GoImage:
    """An image with one text segment of 4 KiB at TEXT, at file offset 0x1000."""
    return GoImage(
        path="/srv/app",
        build_id="abc",
        build=BuildInfo("go1.27.3", "example.com/app", "example.com/app"),
        position_independent=False,
        stripped=False,
        segments=(Segment(TEXT, 0x1000, 0x1000, 0x1000, True, False),),
        layout=Layout("go1.27.3", "table", {}, wait_reasons or {19: "chan receive", 20: "chan send", 18: "select"}),
        globals=Globals(1, 2, 3, 4, 5, 6, "symbols"),
        functions=Functions(frames or {}, not_linked=not_linked),  # type: ignore[arg-type]
        sites=all_sites() if sites is None else sites,
        missing=missing,
        make_sites=make_sites,
    )
