"""What a hit of a probe costs on this machine, and so what a budget pays. Reading it is apart from what it means."""

from __future__ import annotations

from otelchan.config import Config
from otelchan.errors import KernelError
from otelchan.gobinary.types import SiteKind
from otelchan.kernel.features import Features
from otelchan.plan.costs import REFERENCE
from otelchan.plan.types import Costs
from otelchan.preview import calibrate
from otelchan.view.types import NOTE, OK, Check

_SHOWN = {
    SiteKind.SEND: "send or receive through a buffer",
    SiteKind.PARK: "park",
    SiteKind.WAKE: "wake",
    SiteKind.SELECT: "select",
    SiteKind.WOULD_BLOCK: "attempt that would block",
    SiteKind.MAKE: "make",
}
_SECOND = 1_000_000_000


def read_costs(config: Config, features: Features) -> Costs | None:
    """As measured before, in this boot, or now on a program of otelchan's own; None: it cannot be."""
    if features.backend is None:
        return None
    try:
        return calibrate(config)
    except KernelError:  # why is in the other lines
        return None


def check_costs(costs: Costs | None, budget: float | None, slices: bool) -> list[Check]:
    """budget: fraction of a core, None: none. slices: time slices can be taken, as with uprobe_multi links. Pure."""
    return [_hits(costs), _budget(costs or REFERENCE, budget, slices)]


def _hits(costs: Costs | None) -> Check:
    by_kind = (costs or REFERENCE).by_kind
    found = ", ".join(f"{words} {by_kind[kind] / 1000:.1f} us" for kind, words in _SHOWN.items())
    if costs is None:
        advice = "these are of the machine that docs/overhead.md describes; run `otelchan doctor` where it can attach"
        return Check("cost of a hit", NOTE, f"not measured: {found}", advice)
    return Check("cost of a hit", OK, f"measured here: {found}")


def _budget(costs: Costs, budget: float | None, slices: bool) -> Check:
    if budget is None:
        advice = "probes cost what they cost; leave --max-overhead off to measurements"
        return Check("budget", NOTE, "none", advice)
    by_kind = costs.by_kind
    operations = budget * _SECOND / max(by_kind[SiteKind.SEND], by_kind[SiteKind.RECV])
    waits = budget * _SECOND / (by_kind[SiteKind.PARK] + by_kind[SiteKind.WAKE])
    return Check(
        "budget",
        OK,
        f"{budget * 100:.3g} % of a core for each program pays {_two_figures(operations)} sends and receives through "
        f"buffers a second, or {_two_figures(waits)} waits; what does more is "
        + ("estimated from time slices" if slices else "not counted: time slices need uprobe_multi links"),
    )


def _two_figures(number: float) -> str:
    return f"{float(f'{number:.2g}'):,.0f}"
