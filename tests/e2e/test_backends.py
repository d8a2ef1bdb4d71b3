"""Both loaders and both ways of attaching, end to end: the same test, and the kernel itself says which served it."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.planner import make_plan
from tests.support import eventually
from tests.support.agent import OTELCHAN, Agent, agent
from tests.support.bpf_objects import held_by, loader_of
from tests.support.hammer import hammer
from tests.support.machines import old_kernel
from tests.support.pipeline import LONG_ONLY, check_everything
from tests.support.shop import shop
from tests.support.stack import Stack
from tests.support.wheel import built

PLANES = len(PLANE_ORDER)
COMBINATIONS = [(backend, attach) for backend in ("libbpf", "bcc") for attach in ("multi", "perf")]


def served_by(running: Agent) -> tuple[set[str], set[str], int]:
    """Loaders and ways of attaching, as the kernel sees them, and the number of links."""
    held = held_by(running.pid)
    return {loader_of(program) for program in held.programs}, held.ways, held.links


def sites(binary: Path) -> int:
    """How many probes there are in all."""
    return sum(len(planned) for planned in make_plan(analyse(binary), 0, "").planes.values())


def watch_a_shop(
    stack: Stack, binary: Path, log: Path, *flags: str, env: Mapping[str, str] | None = None, inside: Sequence[str] = ()
) -> tuple[set[str], set[str], int]:
    """The end-to-end test: everything in Prometheus and the trace store is as the program says. Who served it."""
    service = f"shop-{uuid.uuid4().hex[:8]}"
    export = ("--interval", 1, "--endpoint", stack.collector.http)
    with (
        shop(binary, env={"OTEL_SERVICE_NAME": service}) as program,
        agent(log, program.pid, *export, *flags, env={**LONG_ONLY, **(env or {})}, inside=inside) as running,
    ):
        running.wait_attached()
        served = served_by(running)
        program.go()
        check_everything(stack, service, program)
    return served


@pytest.mark.parametrize(("backend", "attach"), COMBINATIONS)
def test_each_combination_does_all_that_the_others_do(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path, backend: str, attach: str
) -> None:
    """Counts, lag, waiters, block durations and spans equal the program's own, through that loader and those links."""
    binary, log = workload("shop", go="1.27.3"), tmp_path / "log"
    served = watch_a_shop(stack, binary, log, "--backend", backend, "--attach", attach)

    assert ({backend}, {attach}, PLANES if attach == "multi" else sites(binary)) == served
    assert f"the kernel side is loaded by {backend}, probes are attached as {attach}" in log.read_text()


def test_a_kernel_without_uprobe_multi_links_is_served_by_perf_events(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path
) -> None:
    """Nobody has to say so."""
    binary = workload("shop", go="1.27.3")
    served = watch_a_shop(stack, binary, tmp_path / "log", inside=old_kernel())

    assert ({"libbpf"}, {"perf"}, sites(binary)) == served


def test_without_libbpf_bcc_takes_its_place(stack: Stack, workload: Callable[..., Path], tmp_path: Path) -> None:
    """Nobody has to say so. Here the loader finds an empty file under the library's name first."""
    (tmp_path / "libbpf.so.1").write_bytes(b"")
    nowhere = {"LD_LIBRARY_PATH": str(tmp_path)}
    served = watch_a_shop(stack, workload("shop", go="1.27.3"), tmp_path / "log", env=nowhere)

    assert ({"bcc"}, {"multi"}, PLANES) == served


def test_an_agent_that_used_bcc_is_as_small_as_one_that_did_not(workload: Callable[..., Path], tmp_path: Path) -> None:
    """The compiler's memory is its child's and goes with it."""
    resident = {}
    with ExitStack() as running:
        for backend in ("libbpf", "bcc"):
            program = running.enter_context(hammer(workload("hammer", go="1.27.3")))
            flags = ("--backend", backend, "--otlp-file", tmp_path / backend, "--interval", 1)
            watching = running.enter_context(agent(tmp_path / f"{backend}.log", program.pid, *flags))
            watching.wait_attached()
            eventually((tmp_path / backend).exists)  # it has exported once, so everything it needs is loaded
            assert [] == children(watching.pid)
            resident[backend] = resident_bytes(watching.pid)

    assert resident["bcc"] <= 1.1 * resident["libbpf"], resident


def children(pid: int) -> list[str]:
    """Process ids of a process's children, zombies included."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def resident_bytes(pid: int) -> int:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The packages folder of an installation from the wheel, far from this clone."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = built(folder)
    pip = [sys.executable, "-m", "pip"]
    target = folder / "packages"
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)], check=True)
    yield target


@pytest.mark.parametrize("backend", ["libbpf", "bcc"])
def test_what_is_installed_from_the_wheel_has_all_that_it_loads(installed: Path, backend: str) -> None:
    """The object for libbpf, and the source for BCC."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from otelchan.kernel.session import Session\n"
        "import otelchan\n"
        "print(Session(backend=sys.argv[2]).backend, otelchan.__file__)\n"
    )
    command = [str(OTELCHAN.with_name("python")), "-I", "-c", script, str(installed), backend]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout

    assert f"{backend} {installed}/otelchan/__init__.py\n" == out
