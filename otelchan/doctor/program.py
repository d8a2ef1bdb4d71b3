"""What doctor reads about one program: everything that happens before attaching, and nothing after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from otelchan.doctor.types import ProgramFacts
from otelchan.errors import OtelchanError
from otelchan.gobinary.types import GoImage
from otelchan.memory.census import take_census
from otelchan.memory.live import LiveReader
from otelchan.memory.selfcheck import check
from otelchan.memory.types import Reader
from otelchan.plan.planner import make_plan
from otelchan.plan.types import AttachPlan, Costs
from otelchan.programs import image_of
from otelchan.target.lock import lock
from otelchan.target.process import load_bias
from otelchan.target.types import Process

_TRAP = b"\xcc"  # int3, which the kernel puts where a uprobe is


def read_program(process: Process, costs: Costs | None, wanted: Collection[str]) -> ProgramFacts:
    """Everything that can be said about a program without attaching to it. costs: of a hit, None: not measured. wanted:
    groups of probes."""
    facts = ProgramFacts()
    facts.found["process"] = f"pid {process.pid}, {process.executable}"
    try:
        with lock(process) as held:
            facts.found["lock"] = "no other otelchan watches it" if held else "none is kept on a read-only file system"
    except OtelchanError as error:
        facts.errors["lock"] = str(error)
    try:
        image = image_of(process)
    except OtelchanError as error:
        facts.errors["Go"] = str(error)
        return facts
    facts.found["Go"] = describe(image)
    facts.plan = make_plan(image, 0, process.open_path, costs, wanted)
    try:
        bias = load_bias(process, image.segments)
        reader = LiveReader(process.pid)
        check(reader, image, bias)
        census = take_census(reader, image, bias, None)
        facts.found["memory"] = f"readable, self-check passed, {census.counts.count} goroutines"
        facts.trapped_sites, facts.changed_sites = compare_code(facts.plan, reader, bias)
        facts.code_compared = bool(facts.plan.planes)
    except OtelchanError as error:
        facts.errors["memory"] = str(error)
    return facts


def describe(image: GoImage) -> str:
    """One line about an executable: version, main module, what it was stripped of, how its layout is known."""
    kind = "stripped" if image.stripped else "with symbols"
    name = image.build.main_module or image.build.main_package or "no module"
    sources: Mapping[str, str] = {"table": "layout from our table", "dwarf": "layout from its own DWARF"}
    layout = sources.get(image.layout.source, image.layout.source)
    return f"{image.build.go_version}, {name}, {kind}, {layout}, {len(image.make_sites)} places that make channels"


def compare_code(plan: AttachPlan, reader: Reader, bias: int) -> tuple[list[str], list[str]]:
    """Functions with another tracer's trap at a site, and functions whose code differs from the file.

    Raises MemoryGone when the code cannot be read.
    """
    trapped: set[str] = set()
    changed: set[str] = set()
    for planned in (planned for sites in plan.planes.values() for planned in sites):
        site = planned.site
        live = reader.read(site.address + bias, len(site.code))
        if live == site.code:
            continue
        (trapped if live[:1] == _TRAP and live[1:] == site.code[1:] else changed).add(site.function)
    return sorted(trapped), sorted(changed)
