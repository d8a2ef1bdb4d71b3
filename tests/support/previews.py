"""A preview of one program, made by hand. docs/plan-json.md shows what it prints."""

from __future__ import annotations

from dataclasses import replace

from otelchan.gobinary.types import GoImage, SiteKind
from otelchan.plan.catalogue import PROBES
from otelchan.plan.estimate import expect
from otelchan.plan.planner import all_left_out, make_plan
from otelchan.plan.trial import after_trials
from otelchan.plan.types import CpuSamples, Plane, Tried
from otelchan.view.plan import Attaching, Preview, Refused, Why
from tests.support import looks
from tests.support.images import TEXT, all_sites, go_image, site

SECOND = 1_000_000_000
BUDGET = 0.03
LIBBPF = Attaching("libbpf", "multi", 2, 16_000_000, 72_000_000, 18_051_968, 25_981_824)
WAKES_AND_PARKS = {(TEXT + 0x10,): 5, (TEXT + 0x40, TEXT + 0x800): 7}
REFUSED = Refused(4712, "pid 4712: /bin/sleep is not a Go executable; give the pid of a Go program")


def image() -> GoImage:
    """A program without selects that closes nothing: its waits and makes."""
    wanted = (SiteKind.PARK, SiteKind.WAKE, SiteKind.MAKE, SiteKind.PANIC)
    left_out = ("runtime.selectgo", "runtime.closechan", "runtime.recv")
    sites = [s for s in all_sites() if s.kind in wanted and s.function not in left_out]
    known = [replace(s, extent=((s.address, s.address + 8),)) for s in sites]
    operations = [site(SiteKind.SEND, "runtime.chansend", TEXT + 0x70, register="rcx")]
    made = go_image(sites=(*known, *operations), not_linked=frozenset(left_out))
    return replace(made, build=looks.image().build)


def samples(stacks: dict[tuple[int, ...], int] | None = None, unseen: int = 0, lost: int = 0) -> CpuSamples:
    """Two seconds of a program that uses 5 % of a core."""
    seen = WAKES_AND_PARKS if stacks is None else stacks
    return CpuSamples(seen, 500_000, 2 * SECOND, SECOND // 10, 5, unseen, lost)


def preview(looked: CpuSamples | None = None, **changes: object) -> Preview:
    """What would be done with it."""
    plan = make_plan(image(), 0, looks.PROCESS.open_path)
    made = Preview(
        executable=looks.PROCESS.executable,
        process=looks.PROCESS,
        image=image(),
        plan=plan,
        planes=expect(plan, looked, 0, BUDGET),
        left_out=all_left_out(image(), plan),
        samples=looked,
        others=(4713,),
        traps=(TEXT + 0xB0,),
        watcher="",
        attaching=LIBBPF,
        refusals=(),
        unknown={},
        budget=BUDGET,
        reasons={probe.kind: Why(probe.tells, probe.gives) for probe in PROBES},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def tried() -> Preview:
    """The same after a trial: few are made, and more wait than the budget allows."""
    trials = (
        Tried(Plane.MAKES, 2, 100_312_000, 3_700, 3_700, 151_840_000, 1.0, False, True),
        Tried(Plane.WAITS, 6_103, 100_290_000, 9_306_000, 13_214_000, 158_127_000, 1.4, False, True),
    )
    plain = preview(samples())
    return replace(plain, planes=after_trials(plain.planes, trials, BUDGET, slices=True))
