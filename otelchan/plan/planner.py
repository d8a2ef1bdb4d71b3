"""Which sites are attached, by plane, and what is left out and why."""

from __future__ import annotations

from collections.abc import Collection

from otelchan.gobinary.types import GoImage, Site
from otelchan.plan.catalogue import BY_KIND, PLANE_ORDER, PROBES
from otelchan.plan.cookie import WINDOW_BYTES, pack
from otelchan.plan.costs import REFERENCE
from otelchan.plan.types import AttachPlan, Costs, LeftOut, Plane, PlannedSite

_KERNEL_SIDE = "amd64"


def make_plan(
    image: GoImage,
    target_id: int,
    path: str,
    costs: Costs | None = None,
    wanted: Collection[str] = PLANE_ORDER,
) -> AttachPlan:
    """The plan for one program. `path`: where the kernel finds the executable (/proc/PID/exe). costs: of a hit; None:
    those of the reference machine. wanted: the planes that may be attached (setting `planes`).

    A plane with a missing site is left out whole, because half of it would count wrongly; the operations plane needs
    the waits plane, which counts what passes from goroutine to goroutine.
    """
    costs = costs or REFERENCE
    planes: dict[Plane, tuple[PlannedSite, ...]] = {}
    left_out: list[LeftOut] = []
    for plane in PLANE_ORDER:
        if plane not in wanted or (plane is Plane.OPERATIONS and Plane.WAITS not in wanted):
            left_out.append(LeftOut(plane, "the setting `planes` leaves it out, or what it needs", asked=True))
            continue
        reason = _why_not(image, plane, planes)
        if reason:
            left_out.append(LeftOut(plane, reason))
            continue
        planes[plane] = tuple(_plan_site(image, site, target_id, costs) for site in _sites_of(image, plane))
    return AttachPlan(target_id, path, planes, tuple(left_out), costs)


def refusal(image: GoImage) -> str:
    """Why no program can be attached to that runs this executable, as a sentence; "" when nothing speaks against it."""
    if image.architecture == _KERNEL_SIDE:
        return ""
    return (
        f"it is built for {image.architecture}, and otelchan's kernel side reads the registers of {_KERNEL_SIDE}; "
        "the plan is what was found in the file, not run on such a kernel yet"
    )


def all_left_out(image: GoImage, plan: AttachPlan) -> tuple[LeftOut, ...]:
    """Everything that could have a probe and gets none: planes, sites, and functions that the linker left out."""
    found = list(plan.left_out)
    for site in image.sites:
        if site.nil_channel:
            what = f"{site.kind} in {site.function} at {site.address:#x}"
            found.append(LeftOut(what, "who waits there waits for ever, and the census sees it"))
    for function in dict.fromkeys(function for probe in PROBES for function in probe.functions):
        if image.functions.find(function) is None:
            found.append(LeftOut(function, "the linker left it out: the program has no such operation"))
    return tuple(found)


def _sites_of(image: GoImage, plane: Plane) -> list[Site]:
    # Parks that nobody can ever end are seen by the census; a probe would tell nothing more.
    return [site for site in image.sites if BY_KIND[site.kind].plane is plane and not site.nil_channel]


def _why_not(image: GoImage, plane: Plane, planned: dict[Plane, tuple[PlannedSite, ...]]) -> str:
    if plane is Plane.OPERATIONS and Plane.WAITS not in planned:
        return "it needs the waits plane, which counts what passes from goroutine to goroutine"
    for missing in image.missing:
        if BY_KIND[missing.kind].plane is plane:
            return f"{missing.kind} in {missing.function}: {missing.reason}"
    sites = _sites_of(image, plane)
    for probe in PROBES:
        for function in probe.functions if probe.plane is plane else ():
            if image.functions.find(function) is None:
                continue  # the linker left it out: the program has no select, or closes nothing
            if not any(site.kind is probe.kind and site.function == function for site in sites):
                return f"{probe.kind} in {function}: not found"
    if not sites:
        return "the program has no such operation"
    for site in sites:
        if site.kind.value == "wake" and site.frame >= WINDOW_BYTES:
            return f"{site.kind} in {site.function}: its frame of {site.frame} bytes is larger than what is read"
    return ""


def _plan_site(image: GoImage, site: Site, target_id: int, costs: Costs) -> PlannedSite:
    cookie = pack(site, target_id, image.architecture)
    return PlannedSite(site, image.file_offset(site.address), cookie, costs.by_kind[site.kind])
