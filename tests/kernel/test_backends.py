"""Whoever loads the kernel side, and however it is attached: the same maps, the same counts, to the unit."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otelchan.errors import KernelError
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.bcc import BccObject, source_file
from otelchan.kernel.links import ATTACH_TYPES, Attach
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import MAPS, Loss
from otelchan.model.names import Namer
from otelchan.plan.planner import make_plan
from tests.support.bpf_objects import Held, held_by, loader_of, maps
from tests.support.hammer import hammer

COMBINATIONS = [(backend, attach) for backend in ("libbpf", "bcc") for attach in ("multi", "perf")]
PARKED = 8192
PHASES = ("blocking", "locked", "trying", "closing", "selects", "mixture")
FAR = 1 << 62
COUNTED = {
    "sends": "send_ok",
    "recvs": "recv_ok",
    "recvs_closed": "recv_closed",
    "closes": "closes",
    "makes": "made",
}


@contextmanager
def loaded(backend: str, attach: str) -> Iterator[Session]:
    """A session of one combination."""
    session = Session(PARKED, backend=backend, attach=attach)
    try:
        yield session
    finally:
        session.close()


def new_since(before: Held) -> Held:
    """What this process holds that it did not hold before."""
    now = held_by(os.getpid())
    return Held(now.ways, now.links - before.links, now.programs - before.programs, now.maps - before.maps)


def attach_all(session: Session, image: GoImage, pid: int) -> int:
    """Every plane, as target 5; how many sites that is."""
    plan = make_plan(image, 5, f"/proc/{pid}/exe")
    assert plan.left_out == ()
    entry = target_entry(image, 0)
    entry["span_threshold_ns"] = FAR
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    session.write_target(5, entry)
    for sites in plan.planes.values():
        session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)
    return sum(len(sites) for sites in plan.planes.values())


@contextmanager
def opcount(binary: Path) -> Iterator[subprocess.Popen[str]]:
    """The program tests/workloads/opcount, ready; it may run on more threads than it has made so far."""
    env = {**os.environ, "GOMAXPROCS": "16"}
    process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], phase: str, seed: int) -> dict[str, int]:
    """What it says that it did."""
    assert process.stdin and process.stdout
    print(phase, seed, file=process.stdin, flush=True)
    answer: dict[str, int] = json.loads(process.stdout.readline())
    return answer


def threads(pid: int) -> set[str]:
    """Thread ids."""
    return set(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208


@pytest.mark.parametrize(("backend", "attach"), COMBINATIONS)
def test_the_maps_have_the_sizes_that_user_space_reads(backend: str, attach: str) -> None:
    """Names, keys, values and limits are those of the wire format, and the number of parks is the one asked for."""
    before = held_by(os.getpid())
    with loaded(backend, attach) as session:
        held = new_since(before)
        made = maps(held)
        limits = session.limits
    wanted = {name: (key.itemsize, value.itemsize) for name, (key, value) in MAPS.items()}

    assert wanted == {name: (made[name].key_bytes, made[name].value_bytes) for name in wanted}
    assert limits == {name: made[name].max_entries for name in limits}
    assert PARKED == limits["parked"]


@pytest.mark.parametrize(("backend", "attach"), COMBINATIONS)
def test_the_program_of_time_slices_is_loaded_only_where_there_are_any(backend: str, attach: str) -> None:
    """With perf events a slice would take seconds to end: no program for it is in the kernel, and nobody has one."""
    before = held_by(os.getpid())
    with loaded(backend, attach) as session:
        programs = new_since(before).programs
        slicing, _ = session.slicing()

    assert (len(programs), slicing >= 0) == ((2, True) if attach == "multi" else (1, False))


def test_both_loaders_make_the_same_maps() -> None:
    """The one source means the same to both compilers, to the type and the flags of each map."""
    made = []
    for backend in ("libbpf", "bcc"):
        before = held_by(os.getpid())
        with loaded(backend, "multi"):
            made.append({n: m for n, m in maps(new_since(before)).items() if n in MAPS or n == "events"})

    assert len(made[0]) == len(MAPS) + 1
    assert made[0] == made[1]


@pytest.mark.parametrize(("backend", "attach"), COMBINATIONS)
def test_every_operation_is_counted_exactly(workload: Callable[..., Path], backend: str, attach: str) -> None:
    """Totals equal the program's own, on every thread, also those made after attaching; the kernel says who served."""
    binary = workload("opcount", go="1.27.3")
    image = analyse(binary)
    seed = random.randrange(1 << 32)
    before = held_by(os.getpid())
    with loaded(backend, attach) as session, opcount(binary) as program:
        first_threads = threads(program.pid)
        sites = attach_all(session, image, program.pid)
        served = new_since(before)
        loaders = {loader_of(number) for number in served.programs}
        answers = [ask(program, phase, seed) for phase in PHASES]
        later_threads = threads(program.pid) - first_threads
        counted = totals(session, image)
        losses = session.tally(5)["lost"]

    assert ({attach}, {backend}) == (served.ways, loaders)
    assert served.links == (sites if attach == "perf" else 4)
    assert later_threads
    expected = {kind: sum(answer.get(kind, 0) for answer in answers) for kind in COUNTED}
    assert counted == expected, f"seed {seed}"
    assert {loss.name: int(losses[loss]) for loss in Loss if losses[loss]} == {}


def totals(session: Session, image: GoImage) -> dict[str, int]:
    """Over all channels but the runtime's own."""
    namer = Namer(image)
    keys, values = session.items("counts")
    mine = []
    for key in keys["id"]:
        name = namer.made_at(int(key))
        assert name, hex(key)
        mine.append(name.kind != "runtime")
    return {kind: int(values[field][mine].sum()) for kind, field in COUNTED.items()}


def test_a_place_that_cannot_be_attached_leaves_nothing_attached(workload: Callable[..., Path]) -> None:
    """Perf links are made one by one: when the last cannot be, those before it are taken back."""
    binary = workload("hammer", go="1.27.3")
    before = held_by(os.getpid())
    with loaded("libbpf", "perf") as session, hammer(binary) as program:
        path = f"/proc/{program.pid}/exe"
        (first, *_), *_ = make_plan(analyse(binary), 5, path).planes.values()
        with pytest.raises(KernelError, match=r"cannot attach 2 probes to pid .*: the kernel refuses these places"):
            session.attach(path, [first.file_offset, 1 << 40], [1, 2], program.pid)
        links = new_since(before).links

    assert 0 == links


def test_the_child_that_compiles_is_gone_when_the_program_is_there() -> None:
    """Neither running nor a zombie: what it used went with it."""
    with loaded("bcc", "multi"):
        assert [] == children()


def test_a_child_that_takes_too_long_is_ended() -> None:
    """The sentence says for how long it was waited for, and no child and no descriptor is left."""
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(KernelError, match=r"BCC did not finish within 0.05 s; try again"):
        BccObject(source_file(), "oc_dispatch", ATTACH_TYPES[Attach.MULTI], list(MAPS), {}, timeout_s=0.05)

    assert [] == children()
    assert descriptors == len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def children() -> list[str]:
    """Process ids of this process's children, zombies included."""
    found: Any = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return list(found)
