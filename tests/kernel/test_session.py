"""Attaching and detaching leave no trace, in our own traps and in others'."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.errors import KernelError
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.features import probe_features
from otelchan.kernel.links import Attach
from otelchan.kernel.loaders import Backend
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import Kind
from otelchan.plan.planner import make_plan
from otelchan.plan.types import AttachPlan
from tests.support import eventually, require_kernel
from tests.support.hammer import Hammer, hammer

TRAP = b"\xcc"


@pytest.fixture(params=Attach)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The loaded kernel side, attached in each of the two ways."""
    loaded = Session(attach=request.param)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def binary(workload: Callable[..., Path]) -> Path:
    """A program that does nothing but channel operations."""
    return workload("hammer", go="1.27.3")


@pytest.fixture(scope="module")
def image(binary: Path) -> GoImage:
    """What is known of it."""
    return analyse(binary)


def code_at_sites(pid: int, plan: AttachPlan) -> dict[int, bytes]:
    """The first live byte of every planned site, by address."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        found = {}
        for planned in (planned for sites in plan.planes.values() for planned in sites):
            memory.seek(planned.site.address)
            found[planned.site.address] = memory.read(1)
        return found


def attach_all(session: Session, image: GoImage, program: Hammer) -> tuple[AttachPlan, list[int]]:
    """Every plane, as target 1."""
    plan = make_plan(image, 1, f"/proc/{program.pid}/exe")
    entry = target_entry(image, 0)
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    session.write_target(1, entry)
    links = [
        session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], program.pid)
        for sites in plan.planes.values()
    ]
    return plan, links


def test_this_machine_has_what_the_tests_need() -> None:
    """Both loaders, both ways of attaching, and of each the better one would be taken."""
    features = probe_features()

    assert features.reasons == {}
    assert features.bcc and features.headers and features.multi and features.perf
    assert (features.backend, features.attach) == (Backend.LIBBPF, Attach.MULTI)


def test_detaching_gives_back_every_byte(session: Session, binary: Path, image: GoImage) -> None:
    """While attached every site holds a trap, afterwards the program's own code, as before."""
    with hammer(binary) as program:
        before = code_at_sites(program.pid, make_plan(image, 1, ""))
        plan, links = attach_all(session, image, program)
        during = code_at_sites(program.pid, plan)
        for link in links:
            session.detach(link)
        after = code_at_sites(program.pid, plan)

    assert set(during.values()) == {TRAP}
    assert after == before


def test_another_process_of_the_same_file_is_not_counted(session: Session, binary: Path, image: GoImage) -> None:
    """Probes are filtered by process: a twin's operations are nobody's."""
    with hammer(binary) as program, hammer(binary) as twin:
        attach_all(session, image, program)
        twin.ask("buffered 101")
        hits = session.tally(1)["hits"].copy()
        program.ask("buffered 103")
        counted = session.tally(1)["hits"] - hits

    assert int(hits.sum()) == 0
    assert (int(counted[Kind.SEND]), int(counted[Kind.RECV])) == (103, 103)


@pytest.mark.parametrize("attach", Attach)
def test_an_agent_that_dies_leaves_no_traps(binary: Path, image: GoImage, attach: str) -> None:
    """The kernel closes a killed agent's links, and the traps go with them."""
    script = (
        "import sys, time\n"
        "from otelchan.gobinary.image import analyse\n"
        "from otelchan.kernel.session import Session\n"
        "from otelchan.plan.planner import make_plan\n"
        "plan = make_plan(analyse(sys.argv[1]), 1, sys.argv[1])\n"
        "session = Session(attach=sys.argv[3])\n"
        "for sites in plan.planes.values():\n"
        "    session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], int(sys.argv[2]))\n"
        "print('attached', flush=True)\n"
        "time.sleep(60)\n"
    )
    python = Path(__file__).parents[2] / ".venv" / "bin" / "python"
    plan = make_plan(image, 1, "")
    with hammer(binary) as program:
        agent = subprocess.Popen([python, "-c", script, str(binary), str(program.pid), attach], stdout=subprocess.PIPE)
        assert agent.stdout
        agent.stdout.readline()
        during = set(code_at_sites(program.pid, plan).values())
        agent.kill()
        agent.wait()
        agent.stdout.close()
        eventually(lambda: TRAP not in code_at_sites(program.pid, plan).values(), timeout=10)

    assert during == {TRAP}


def test_bpftrace_on_the_same_functions_goes_on_counting(session: Session, binary: Path, image: GoImage) -> None:
    """Both tracers see every call while both are attached, and the other one's traps stay when ours go."""
    if not shutil.which("bpftrace"):
        require_kernel("bpftrace is not installed")
    probes = " ".join(f"uprobe:{binary}:{name} {{ @[func] = count(); }}" for name in ("runtime.chansend1",))
    with hammer(binary) as program:
        tracer = subprocess.Popen(
            ["bpftrace", "-p", str(program.pid), "-e", probes],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        entry = next(f for f in [image.functions.find("runtime.chansend1")] if f).entry
        eventually(lambda: live_byte(program.pid, entry) == TRAP, timeout=30)
        time.sleep(0.2)
        _, links = attach_all(session, image, program)
        program.ask("buffered 107")
        ours = int(session.tally(1)["hits"][Kind.SEND])
        for link in links:
            session.detach(link)
        theirs_still_there = live_byte(program.pid, entry) == TRAP
        program.ask("buffered 109")
        tracer.terminate()
        out, _ = tracer.communicate(timeout=30)

    assert ours == 107
    assert theirs_still_there
    assert f": {107 + 109}" in out


def live_byte(pid: int, address: int) -> bytes:
    """One byte of a process's memory."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        memory.seek(address)
        return memory.read(1)


def test_a_process_that_is_gone_is_said_so(session: Session, binary: Path, image: GoImage) -> None:
    """Attaching to a pid that does not exist is one sentence."""
    plan = make_plan(image, 1, str(binary))
    (first, *_) = plan.planes.values()

    with pytest.raises(KernelError, match=rf"cannot attach {len(first)} probes to pid 4194303 .*: the process is gone"):
        session.attach(plan.path, [s.file_offset for s in first], [s.cookie for s in first], 4194303)


def test_a_target_that_is_cleared_leaves_nothing_behind(session: Session, binary: Path, image: GoImage) -> None:
    """Ids are used again, so nothing of the one before may show."""
    with hammer(binary) as program:
        _, links = attach_all(session, image, program)
        program.ask("handover 11")
        counted = len(session.items("counts")[0])
        for link in links:
            session.detach(link)
        session.clear_target(1)

    assert counted > 0
    assert [len(session.items(name)[0]) for name in ("parked", "channels", "counts", "blocks")] == [0, 0, 0, 0]
    assert int(session.tally(1)["hits"].sum()) == 0
