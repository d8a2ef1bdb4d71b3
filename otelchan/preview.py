"""What would be done with a program, without doing it. Composition: joins the stages that `run` would go through.

Nothing is attached but by a trial, for those who ask for one. What this user may not find out is left unknown, with
the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from otelchan import costs
from otelchan.config import Config
from otelchan.errors import BinaryError, KernelError, OtelchanError, TargetError
from otelchan.gobinary.analysis import analyse_cached
from otelchan.gobinary.types import GoImage
from otelchan.kernel.links import Attach
from otelchan.kernel.mapsize import map_memory
from otelchan.kernel.sampling import sample_cpu
from otelchan.kernel.session import Session
from otelchan.memory.live import LiveReader
from otelchan.memory.selfcheck import check
from otelchan.memory.types import Reader
from otelchan.plan.catalogue import PROBES
from otelchan.plan.estimate import expect
from otelchan.plan.planner import all_left_out, make_plan, refusal
from otelchan.plan.timing import timing
from otelchan.plan.trial import after_trials
from otelchan.plan.types import AttachPlan, Costs, CpuSamples
from otelchan.programs import image_of, room_for_parks
from otelchan.target.handle import Handle
from otelchan.target.lock import watcher
from otelchan.target.process import listing, load_bias
from otelchan.target.types import Process
from otelchan.trial import try_planes
from otelchan.view.plan import Attaching, Preview, Why

_TRAP = b"\xcc"  # int3, which the kernel puts where a uprobe is
_FEW_ENTRIES = 64
_ENOUGH_ENTRIES = 1024  # to calibrate
_REASONS = {probe.kind: Why(probe.tells, probe.gives) for probe in PROBES}


class Loaded(NamedTuple):
    """How the kernel side was loaded here, and what a hit costs; all of it unknown where it cannot be."""

    backend: str = ""
    way: str = ""
    costs: Costs | None = None

    def attaching(self, plan: AttachPlan, processes: list[Process]) -> Attaching | None:
        """How the probes of a plan would be attached to these."""
        if not self.backend:
            return None
        memory = map_memory(room_for_parks(processes))
        return Attaching(self.backend, self.way, *timing(plan, self.way), *memory)


def preview_process(process: Process, config: Config, sample_ns: int, trial_ns: int = 0) -> Preview:
    """What would be done with a process. sample_ns: how long to look at what it executes, 0 not at all. trial_ns: how
    long then to try each plane, 0 not at all.

    Raises OtelchanError when there can be no plan: not Go, not supported, gone.
    """
    unknown: dict[str, str] = {}
    refusals: list[str] = []
    with Handle(process) as handle:
        image = image_of(process)
        loaded = _load(config, unknown)
        plan = make_plan(image, 0, process.open_path, loaded.costs, config.planes)
        bias = load_bias(process, image.segments)
        traps: tuple[int, ...] | None = None
        with _noting(unknown, "code"):
            reader = LiveReader(process.pid)
            refusals += _failed_check(reader, image, bias)
            traps, changed = _compare(plan, reader, bias)
            refusals += [f"the code of {name} in memory is not the file's; restart the program" for name in changed]
        samples = _samples(process, sample_ns, unknown)
        other = watcher(process)
        if other:
            refusals.append(f"it is already watched by otelchan with process id {other}; stop that one first")
        if not handle.alive():
            raise TargetError(f"pid {process.pid} ended while it was looked at, so there is no plan; run it again")
        slices = loaded.way == Attach.MULTI
        planes = expect(plan, samples, bias, config.program_budget, slices)
        if trial_ns and refusals:
            unknown["trial"] = refusals[0]
        elif trial_ns:
            with _noting(unknown, "trial"):
                tried = try_planes(process, image, bias, config, trial_ns)
                planes = after_trials(planes, tried, config.program_budget, slices)
    return Preview(
        executable=process.executable,
        process=process,
        image=image,
        plan=plan,
        planes=planes,
        left_out=all_left_out(image, plan),
        samples=samples,
        others=tuple(found for found in _running(process.executable_key) if found != process.pid),
        traps=traps,
        watcher=other,
        attaching=loaded.attaching(plan, [process]),
        refusals=tuple(refusals),
        unknown=unknown,
        budget=config.program_budget,
        reasons=_REASONS,
    )


def preview_file(path: Path, config: Config) -> Preview:
    """What would be done with a process that runs this executable. Raises BinaryError."""
    image = analyse_cached(path)
    unknown = {"hits": "it is a file, not a process", "code": "it is a file, not a process"}
    foreign = refusal(image)
    if foreign:
        unknown["attaching"] = foreign
    loaded = Loaded() if foreign else _load(config, unknown)
    plan = make_plan(image, 0, str(path), loaded.costs, config.planes)
    try:
        status = path.stat()
    except OSError as error:
        raise BinaryError(f"{path} cannot be read: {error.strerror}; give an executable that is there") from None
    return Preview(
        executable=str(path),
        process=None,
        image=image,
        plan=plan,
        planes=expect(plan, None, 0, config.program_budget, loaded.way == Attach.MULTI),
        left_out=all_left_out(image, plan),
        samples=None,
        others=tuple(_running((status.st_dev, status.st_ino))),
        traps=None,
        watcher="",
        attaching=loaded.attaching(plan, []),
        refusals=(foreign,) if foreign else (),
        unknown=unknown,
        budget=config.program_budget,
        reasons=_REASONS,
    )


def _running(key: tuple[int, int]) -> Iterator[int]:
    return (process.pid for process in listing() if process.executable_key == key)


@contextmanager
def _noting(unknown: dict[str, str], what: str) -> Iterator[None]:
    """What goes wrong in the block is the reason why something is not known."""
    try:
        yield
    except OtelchanError as error:
        unknown[what] = str(error)


def _failed_check(reader: Reader, image: GoImage, bias: int) -> list[str]:
    try:
        check(reader, image, bias)
    except BinaryError as error:
        return [str(error)]
    return []


def _compare(plan: AttachPlan, reader: Reader, bias: int) -> tuple[tuple[int, ...], list[str]]:
    """Addresses of sites where another tracer's trap is, and functions whose code is not the file's."""
    traps, changed = [], []
    for site in (planned.site for sites in plan.planes.values() for planned in sites):
        live = reader.read(site.address + bias, len(site.code))
        if live[:1] == _TRAP and live[1:] == site.code[1:]:
            traps.append(site.address)
        elif live != site.code:
            changed.append(site.function)
    return tuple(traps), sorted(set(changed))


def _samples(process: Process, sample_ns: int, unknown: dict[str, str]) -> CpuSamples | None:
    if not sample_ns:
        unknown["hits"] = "nobody looked, because of --sample 0"
        return None
    with _noting(unknown, "hits"):
        return sample_cpu(process.pid, sample_ns)
    return None


def calibrate(config: Config) -> Costs | None:
    """Measure what hits cost here, on a program of our own, for the previews that follow; None when that went wrong.

    Raises KernelError.
    """
    with closing(Session(_ENOUGH_ENTRIES, backend=config.backend, attach=config.attach)) as session:
        costs.measure(session)
        return session.costs


def _load(config: Config, unknown: dict[str, str]) -> Loaded:
    """The kernel side is loaded as `run` would do it, and let go of: so it is known to load."""
    try:
        session = Session(_FEW_ENTRIES, backend=config.backend, attach=config.attach)
    except KernelError as error:
        unknown["attaching"] = str(error)
        return Loaded()
    with closing(session):
        costs.recall(session)
        return Loaded(session.backend, session.way, session.costs)
