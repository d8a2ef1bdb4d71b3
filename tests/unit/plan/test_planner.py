"""The plan: complete planes, or none."""

from otelchan.gobinary.types import MissingSite, SiteKind
from otelchan.plan.planner import all_left_out, make_plan
from otelchan.plan.types import LeftOut, Plane
from tests.support.images import TEXT, all_sites, go_image


def test_a_complete_image_gives_all_planes() -> None:
    """All sites found: makes, waits, operations, polls, in the order of attaching."""
    plan = make_plan(go_image(), 1, "/proc/1/exe")

    assert list(plan.planes) == [Plane.MAKES, Plane.WAITS, Plane.OPERATIONS, Plane.POLLS]
    assert plan.left_out == ()


def test_offsets_are_offsets_in_the_file() -> None:
    """A site's link-time address becomes an offset in the file through its segment."""
    plan = make_plan(go_image(), 1, "/proc/1/exe")

    assert [planned.file_offset for planned in plan.planes[Plane.MAKES]] == [0x10B0, 0x10C0, 0x10D0, 0x10E0, 0x10F0]


def test_a_park_for_ever_is_not_probed() -> None:
    """Nobody can wake it, the census sees it, so a trap would tell nothing."""
    plan = make_plan(go_image(), 1, "/proc/1/exe")

    assert TEXT + 0x18 not in [planned.site.address for planned in plan.planes[Plane.WAITS]]


def test_a_plane_with_a_missing_site_is_left_out_with_its_reason() -> None:
    """Half a plane would count wrongly; the reason is kept for people."""
    missing = MissingSite(SiteKind.SELECT, "runtime.selectgo", "two return instructions instead of one")

    plan = make_plan(go_image(missing=(missing,)), 1, "/proc/1/exe")

    assert list(plan.planes) == [Plane.MAKES, Plane.WAITS, Plane.POLLS]
    reason = "select in runtime.selectgo: two return instructions instead of one"
    assert plan.left_out == (LeftOut(Plane.OPERATIONS, reason),)


def test_operations_need_waits() -> None:
    """Without the waits plane hand-overs would not be counted, so operations are left out too; polls need nothing."""
    sites = tuple(s for s in all_sites() if s.function != "runtime.send")

    plan = make_plan(go_image(sites=sites), 1, "/proc/1/exe")

    assert list(plan.planes) == [Plane.MAKES, Plane.POLLS]
    assert [left.what for left in plan.left_out] == [Plane.WAITS, Plane.OPERATIONS]
    assert plan.left_out[0].reason == "wake in runtime.send: not found"


def test_what_the_settings_leave_out_is_said_to_be_asked_for() -> None:
    """Only what is wanted is planned: what nobody wants to know costs nothing."""
    plan = make_plan(go_image(), 1, "/proc/1/exe", wanted=("makes", "waits"))

    assert list(plan.planes) == [Plane.MAKES, Plane.WAITS]
    assert [(left.what, left.asked) for left in plan.left_out] == [(Plane.OPERATIONS, True), (Plane.POLLS, True)]


def test_operations_are_not_wanted_without_waits() -> None:
    """They would count half of what happens."""
    plan = make_plan(go_image(), 1, "/proc/1/exe", wanted=("operations", "polls"))

    assert list(plan.planes) == [Plane.POLLS]
    assert [left.asked for left in plan.left_out] == [True, True, True]


def test_a_function_that_is_not_linked_needs_no_site() -> None:
    """A program without any select has no selectgo, and its other operations are all there is to see."""
    sites = tuple(s for s in all_sites() if s.function != "runtime.selectgo")

    plan = make_plan(go_image(sites=sites, not_linked=frozenset({"runtime.selectgo"})), 1, "/proc/1/exe")

    assert list(plan.planes) == [Plane.MAKES, Plane.WAITS, Plane.OPERATIONS, Plane.POLLS]


def test_a_program_without_channels_has_no_planes() -> None:
    """Nothing is linked, so nothing is attached, and it is said."""
    functions = frozenset(s.function for s in all_sites())

    plan = make_plan(go_image(sites=(), not_linked=functions), 1, "/proc/1/exe")

    assert plan.planes == {}
    assert plan.left_out[0] == LeftOut(Plane.MAKES, "the program has no such operation")


def test_everything_that_gets_no_probe_is_named() -> None:
    """Planes, parks that nobody can end, and functions that the linker left out, each with its reason."""
    sites = tuple(s for s in all_sites() if s.function not in ("runtime.selectgo", "runtime.send"))
    image = go_image(sites=sites, not_linked=frozenset({"runtime.selectgo"}))

    left = all_left_out(image, make_plan(image, 1, "/proc/1/exe"))

    assert [one.what for one in left] == [
        Plane.WAITS,
        Plane.OPERATIONS,
        f"park in runtime.chansend at {TEXT + 0x18:#x}",
        "runtime.selectgo",
    ]
    assert all(one.reason for one in left)
