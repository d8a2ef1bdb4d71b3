"""What `otelchan plan` expects is what happens, and it does nothing to find out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage, SiteKind
from otelchan.kernel.links import Attach
from otelchan.kernel.mapsize import map_memory
from otelchan.kernel.sampling import sample_cpu
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.plan.catalogue import BY_KIND
from otelchan.plan.estimate import WIDEST, expect
from otelchan.plan.planner import make_plan
from otelchan.plan.types import AttachPlan, CpuSamples, Expected, Outlook, Plane
from tests.support.agent import OTELCHAN, clean_environment
from tests.support.hammer import Hammer, hammer
from tests.support.hits import hits
from tests.support.paced import Paced, paced

SECOND = 1_000_000_000
LOOK_NS = 4 * SECOND
BUDGET = 0.03
TRAP = b"\xcc"


class Attached:
    """Real probes of every plane in one process."""

    def __init__(self, session: Session, plan: AttachPlan, pid: int) -> None:
        self._session, self._plan = session, plan
        self.links = [
            session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)
            for sites in plan.planes.values()
        ]

    def hits(self) -> Counter[Plane]:
        """So far, by plane."""
        tally = self._session.tally(self._plan.target_id)["hits"]
        return Counter({plane: sum(int(tally[n]) for n in self._numbers(plane)) for plane in self._plan.planes})

    def detach(self) -> None:
        """Take them out."""
        for link in self.links:
            self._session.detach(link)

    def _numbers(self, plane: Plane) -> set[int]:
        return {BY_KIND[site.site.kind].number for site in self._plan.planes[plane]}


@contextmanager
def attached(image: GoImage, pid: int, way: Attach = Attach.MULTI) -> Iterator[Attached]:
    """Every plane, for the time of the block."""
    session = Session(attach=way)
    try:
        entry = target_entry(image, 0)
        entry["waits_epoch"] = entry["operations_epoch"] = 1
        session.write_target(1, entry)
        yield Attached(session, make_plan(image, 1, f"/proc/{pid}/exe"), pid)
    finally:
        session.close()


@pytest.fixture(params=["1.26.8", "1.27.3"])
def steady(request: pytest.FixtureRequest, workload: Callable[..., Path]) -> Path:
    """A program that does channel operations at a rate that it is told."""
    return workload("paced", go=request.param)


def expected(image: GoImage, samples: CpuSamples) -> dict[Plane, Expected]:
    """Hits a second by plane."""
    found = {plane.plane: plane.hits for plane in expect(make_plan(image, 0, image.path), samples, 0, BUDGET)}
    assert all(hits is not None for hits in found.values())
    return {plane: hits for plane, hits in found.items() if hits is not None}


def outlooks(image: GoImage, samples: CpuSamples) -> dict[Plane, Outlook]:
    """What the budget makes of them."""
    return {plane.plane: plane.outlook for plane in expect(make_plan(image, 0, image.path), samples, 0, BUDGET)}


def assert_within(rate: float, range_: Expected) -> None:
    """The rate is in the range, and the range is no wider than it may be."""
    assert range_.low <= rate <= range_.high, (rate, range_)
    assert not range_.low or range_.high <= WIDEST * range_.low


def code_at_sites(pid: int, image: GoImage) -> dict[int, bytes]:
    """The live bytes of every site, by address."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        found = {}
        for site in image.sites:
            memory.seek(site.address)
            found[site.address] = memory.read(len(site.code))
        return found


@pytest.mark.parametrize(
    ("load", "plane", "kinds"),
    [
        ("buffered", Plane.OPERATIONS, {SiteKind.SEND, SiteKind.RECV}),
        ("handover", Plane.WAITS, {SiteKind.PARK, SiteKind.WAKE}),
        ("select", Plane.OPERATIONS, {SiteKind.SEND, SiteKind.SELECT}),
        ("close", Plane.MAKES, {SiteKind.MAKE, SiteKind.CLOSE}),
        ("poll", Plane.POLLS, {SiteKind.WOULD_BLOCK}),
    ],
)
def test_the_hits_of_a_hot_loop_are_expected(
    workload: Callable[..., Path], tmp_path: Path, load: str, plane: Plane, kinds: set[SiteKind]
) -> None:
    """Probes would slow it down, so the truth is hits per operation, counted, times the rate that it had without them;
    and the budget's verdict is certain."""
    binary = Path(shutil.copy2(workload("hammer", go="1.27.3"), tmp_path))
    image = analyse(binary)
    with hammer(binary) as program:
        count = 3 * SECOND * 1_000_000 // int(program.ask(f"{load} 1000000"))  # for three seconds
        took: list[int] = []
        loop = threading.Thread(target=lambda: took.append(int(program.ask(f"{load} {count}"))))
        loop.start()
        samples = sample_cpu(program.pid, SECOND)
        assert not took, "the loop ended before the look did: it was too short"
        loop.join()
        sites = [planned for planned in make_plan(image, 0, "").planes[plane] if planned.site.kind in kinds]
        with hits(binary, [planned.file_offset for planned in sites]) as counters:
            program.ask(f"{load} 1000")
            per_operation = counters.read().total() / 1000

    found = expected(image, samples)[plane]
    assert_within(per_operation * count * SECOND / took[0], found)
    assert found.low > 0
    assert outlooks(image, samples)[plane] is Outlook.EXCEEDS


def test_the_hits_of_a_program_that_mostly_sleeps_are_expected(steady: Path) -> None:
    """As many as probes count that are attached afterwards."""
    image = analyse(steady)
    with paced(steady) as program:
        program.ask("pace 200 30")
        samples = sample_cpu(program.pid, LOOK_NS)
        found = expected(image, samples)
        with attached(image, program.pid) as probes:
            counted = rates(probes, seconds=2)

    for plane, rate in counted.items():
        assert_within(rate, found[plane])
    assert found[Plane.WAITS].low > 0
    assert found[Plane.OPERATIONS].low > 0
    assert counted[Plane.OPERATIONS] > 50_000


def rates(probes: Attached, seconds: float) -> dict[Plane, float]:
    """Hits a second, counted."""
    before, begin = probes.hits(), time.monotonic()
    time.sleep(seconds)
    after, elapsed = probes.hits(), time.monotonic() - begin
    return {plane: (after[plane] - before[plane]) / elapsed for plane in after}


def test_the_hits_of_an_idle_program_are_expected(steady: Path) -> None:
    """None, or so few that every plane is sure to stay under the budget."""
    image = analyse(steady)
    with paced(steady) as program:
        time.sleep(0.5)  # its start
        samples = sample_cpu(program.pid, 2 * SECOND)
        with attached(image, program.pid) as probes:
            counted = rates(probes, seconds=1)

    found = expected(image, samples)
    for plane, rate in counted.items():
        assert_within(rate, found[plane])
    assert set(outlooks(image, samples).values()) == {Outlook.FITS}


def test_polling_an_empty_channel_is_no_reason_to_expect_hits(steady: Path) -> None:
    """Its operations fail before they come to a probe of other planes than that of polls, which finds them: millions a
    second, all in the probed functions. That one is given up, and counts no rate that the program has without it."""
    image = analyse(steady)
    receive = image.functions.find("runtime.chanrecv")
    assert receive
    with paced(steady) as program:
        program.ask("poll")
        samples = sample_cpu(program.pid, 2 * SECOND)
        in_receive = sum(
            count
            for stack, count in samples.stacks.items()
            if any(receive.entry <= address < receive.end for address in stack)
        )
        with attached(image, program.pid) as probes:
            counted = rates(probes, seconds=1)

    assert in_receive > 100
    found = expected(image, samples)
    assert found[Plane.OPERATIONS].low == 0
    assert counted.pop(Plane.POLLS) > 0
    for plane, rate in counted.items():
        assert_within(rate, found[plane])
    assert outlooks(image, samples)[Plane.POLLS] is Outlook.EXCEEDS


def test_threads_that_come_while_it_is_looked_at_are_seen(workload: Callable[..., Path]) -> None:
    """A program that wakes up in the middle is not taken for an idle one."""
    with hammer(workload("hammer", go="1.27.3"), processors=4) as program:
        before = len(list(Path(f"/proc/{program.pid}/task").iterdir()))
        waking = threading.Timer(0.3, lambda: program.ask(f"threads {before + 1}"))
        waking.start()
        samples = sample_cpu(program.pid, SECOND)
        waking.join()

    assert samples.threads > before
    assert sum(samples.stacks.values()) > 100
    assert samples.lost == samples.unseen == 0


def test_the_plan_touches_nothing(workload: Callable[..., Path]) -> None:
    """While it is made and after it the program's code is the file's at every site, and no link is anywhere in it."""
    binary = workload("hammer", go="1.27.3")
    image = analyse(binary)
    looks = links = 0
    with hammer(binary) as program:
        program.ask("run")
        untouched = code_at_sites(program.pid, image)
        plan = subprocess.Popen(
            [OTELCHAN, "plan", str(program.pid), "--sample", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        while plan.poll() is None:
            assert untouched == code_at_sites(program.pid, image)
            links += sum("link_type" in text for text in descriptors(plan.pid))
            looks += 1
            time.sleep(0.005)
        assert plan.stderr
        assert (plan.stderr.read(), plan.returncode) == (b"", 0)
        plan.stderr.close()
        assert untouched == code_at_sites(program.pid, image)

    assert untouched == {site.address: site.code for site in image.sites}
    assert looks > 100
    assert links == 0


def descriptors(pid: int) -> list[str]:
    """What the kernel says of every open file of a process."""
    texts = []
    for path in Path(f"/proc/{pid}/fdinfo").glob("*"):
        try:
            texts.append(path.read_text())
        except OSError:  # closed meanwhile
            continue
    return texts


def test_traps_of_another_tracer_are_named(workload: Callable[..., Path], tmp_path: Path) -> None:
    """By function and address; the plan is made all the same."""
    binary = Path(shutil.copy2(workload("hammer", go="1.27.3"), tmp_path))
    site = next(site for site in analyse(binary).sites if site.kind is SiteKind.CLOSE)
    with hammer(binary) as program, hits(binary, [analyse(binary).file_offset(site.address)]):
        done = subprocess.run(
            [OTELCHAN, "plan", str(program.pid), "--sample", "0"],
            capture_output=True,
            text=True,
            env=clean_environment(),
            check=True,
        )

    assert f"another tracer's trap is in runtime.closechan at {site.address:#x}" in done.stdout


@pytest.mark.parametrize("way", list(Attach))
def test_a_child_forked_without_exec_meets_the_traps(workload: Callable[..., Path], way: Attach) -> None:
    """It has a copy of the memory. What it does is never counted; a perf event's trap is taken out at its first hit,
    those of a uprobe_multi link stay as long as the link."""
    binary = workload("paced", go="1.27.3")
    image = analyse(binary)
    with paced(binary) as program, attached(image, program.pid, way) as probes:
        child = fork(program)
        inherited = traps(child, image)
        before = probes.hits()[Plane.OPERATIONS]
        program.ask("operate")
        left = traps(child, image)
        counted = probes.hits()[Plane.OPERATIONS] - before
        parent = traps(program.pid, image)
        program.ask("join")
        child = fork(program)
        probes.detach()
        after = traps(child, image)
        program.ask("operate")
        program.ask("join")

    assert inherited == parent > 0
    assert left == (inherited if way is Attach.MULTI else inherited - 2)  # one at the send, one at the receive
    assert counted < 10  # the parent's own; the child did 1000
    assert after == 0


def fork(program: Paced) -> int:
    """A copy of the program that does a thousand sends and receives when it is told to."""
    return int(program.ask("fork 1000"))


def traps(pid: int, image: GoImage) -> int:
    """How many sites have a trap in this process."""
    return sum(code.startswith(TRAP) for code in code_at_sites(pid, image).values())


def test_the_memory_of_the_maps_is_known_before_they_are_made() -> None:
    """To a few percent of what the kernel says of them."""
    session = Session(parked_entries=131072)
    try:
        found = [text for text in descriptors(os.getpid()) if "map_type" in text]
        kernel = {int(number): memory(text) for text in found for number in re.findall(r"map_id:\t(\d+)", text)}
    finally:
        session.close()

    assert map_memory(131072).from_start == pytest.approx(sum(kernel.values()), rel=0.05)


def memory(text: str) -> int:
    """Bytes that a map takes."""
    return int(re.findall(r"memlock:\t(\d+)", text)[0])


def test_the_plan_knows_the_costs_of_this_machine_when_asked_to(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Not before: measuring attaches probes, to a program of otelchan's own. From then on every plan knows them."""
    environment = clean_environment({"OTELCHAN_IMAGE_CACHE": str(tmp_path / "images")})

    def knows(program: Hammer, *more: str) -> bool:
        command = [str(OTELCHAN), "plan", str(program.pid), "--sample", "0", "--json", *more]
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        return bool(json.loads(done.stdout)["processes"][0]["costs_measured"])

    with hammer(workload("hammer", go="1.27.3")) as program:
        assert [False, True, True] == [knows(program), knows(program, "--calibrate"), knows(program)]
