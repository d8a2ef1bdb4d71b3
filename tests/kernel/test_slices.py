"""Time slices: what passes within the gate is counted to the unit, and nothing else; no trap stays."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.errors import KernelError
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.slices import Slicer
from otelchan.kernel.types import Kind, SliceCounts
from otelchan.plan.types import Plane
from tests.support import eventually
from tests.support.driven import Driven, driven
from tests.support.everyop import BUSY, QUIET, attach, everyop, state
from tests.support.gobuild import EVERY_GO, SUPPORTED_GO
from tests.support.hammer import Hammer, hammer
from tests.support.sliced import begin, by_site, end, introduce, passed, slice_of, slicer_of, trapped

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
RELEASES = (EVERY_GO[0], EVERY_GO[4], *SUPPORTED_GO)  # the sleeper in a register; in a closure; selectgo as it was


@pytest.fixture
def session() -> Iterator[Session]:
    """The loaded kernel side."""
    loaded = Session()
    yield loaded
    loaded.close()


@pytest.fixture
def slicer(session: Session) -> Iterator[Slicer]:
    """What takes its slices."""
    with slicer_of(session) as made:
        yield made


@pytest.fixture(scope="module")
def binary(workload: Callable[..., Path]) -> Path:
    """A program that does nothing but channel operations."""
    return workload("hammer", go="1.27.3")


@pytest.fixture(scope="module")
def image(binary: Path) -> GoImage:
    """What is known of it."""
    return analyse(binary)


@pytest.fixture
def running(binary: Path) -> Iterator[Hammer]:
    """One that goes through buffers and from goroutine to goroutine, as fast as it can, on two processors."""
    with hammer(binary, processors=2) as program:
        program.ask("run")
        yield program


@pytest.mark.parametrize(("go", "backend"), [*((go, "libbpf") for go in RELEASES), (SUPPORTED_GO[-1], "bcc")])
def test_what_passes_within_the_gate_is_counted_exactly(workload: Callable[..., Path], go: str, backend: str) -> None:
    """On each channel sends, receives and receives from closed channels, as the program counts them: plain, in selects,
    by reflection, under contention, through buffers and from goroutine to goroutine; a select that was woken, once."""
    binary, seed = workload("everyop", go=go), random.randrange(1 << 32)
    image, session = analyse(binary), Session(backend=backend)
    with everyop(binary) as program, slicer_of(session) as slicer:
        attach(session, image, program.pid, planes=[Plane.MAKES])
        begin(session, slicer, slice_of(image, program.pid, 2 * SECOND))
        for phase in (*QUIET, *BUSY):
            truth = program.run(phase, seed)
        assert slicer.taken() is None, "the program was not done when the gate closed"
        seen = end(slicer)
    session.close()

    assert by_site(image, seen.counts) == passed(truth), f"seed {seed}"
    assert (seen.lost, seen.outside) == (0, 0)
    assert seen.hits[Kind.SELECT] > 0 < seen.hits[Kind.WAKE]


def test_nothing_outside_the_gate_is_counted(session: Session, slicer: Slicer, running: Hammer, image: GoImage) -> None:
    """Of a program that never pauses, some operations run into traps before and after the gate: the counts are those of
    the traps within, a wake being a send and a receive, and the tally has them all."""
    introduce(session, image)
    outside = 0
    for _ in range(100):
        before = int(session.tally(3)["sliced"])
        begin(session, slicer, slice_of(image, running.pid, MILLISECOND))
        seen = end(slicer)
        sent, received, closed = (sum(row[i] for row in seen.counts.values()) for i in range(3))
        wakes, sends, receives = (seen.hits[kind] for kind in (Kind.WAKE, Kind.SEND, Kind.RECV))
        assert (sent, received, closed) == (wakes + sends, wakes + receives, 0)
        assert int(session.tally(3)["sliced"]) - before == sum(seen.hits.values()) + seen.outside
        outside += seen.outside
        if outside and sent:
            break

    assert outside
    assert sent
    assert seen.end_ns - seen.begin_ns == MILLISECOND <= seen.attached_ns


class Punctual(Slicer):
    """Notes how long before its opening each gate was written, in nanoseconds."""

    ahead_ns: list[int]

    def _write_ahead(self, key: bytes, gate_ns: int) -> tuple[int, int]:
        begin, end = super()._write_ahead(key, gate_ns)
        self.ahead_ns.append(begin - time.monotonic_ns())
        return begin, end


def test_a_gate_is_written_before_it_opens(session: Session, running: Hammer, image: GoImage) -> None:
    """Else what happens until then is missed, and the program seems to do less: beside one that is busy on every
    processor, and after a pause in which this thread's code has gone from the caches."""
    introduce(session, image)
    slicer = Punctual(session)
    slicer.ahead_ns = []
    for _ in range(21):
        begin(session, slicer, slice_of(image, running.pid, 5 * MILLISECOND))
        end(slicer)
    slicer.close()

    assert statistics.median(slicer.ahead_ns) > 0, slicer.ahead_ns


def test_no_trap_stays_and_no_exact_map_changes(
    session: Session, slicer: Slicer, running: Hammer, image: GoImage
) -> None:
    """While the gate is open every site holds a trap; when the result is there none does, and the maps of the exact
    planes are as they were."""
    introduce(session, image)
    begin(session, slicer, slice_of(image, running.pid, 100 * MILLISECOND))
    during = trapped(image, running.pid)
    seen = end(slicer)
    after = trapped(image, running.pid)

    assert sum(seen.hits.values()) > 0
    assert (during, after) == (len(slice_of(image, running.pid, 1).offsets), 0)
    names = ("parked", "channels", "counts", "blocks", "rare", "edges", "fine", "sampled", "marks")
    assert {name: len(session.items(name)[0]) for name in names} == dict.fromkeys(names, 0)
    tally = session.tally(3)
    assert (int(tally["hits"].sum()), int(tally["lost"].sum()), int(tally["spans"])) == (0, 0, 0)


def test_the_exact_planes_go_on_beside_a_slice(workload: Callable[..., Path], session: Session, slicer: Slicer) -> None:
    """Both count what happens within the gate, each all of it."""
    binary, seed = workload("everyop", go=SUPPORTED_GO[-1]), random.randrange(1 << 32)
    image = analyse(binary)
    with everyop(binary) as program:
        attach(session, image, program.pid)
        begin(session, slicer, slice_of(image, program.pid, SECOND))
        truth = program.run("select", seed, scale=3)
        seen = end(slicer)
        exact = state(session).counts

    assert by_site(image, seen.counts) == passed(truth), f"seed {seed}"
    assert by_site(image, {key: (n.send_ok, n.recv_ok, n.recv_closed) for key, n in exact.items()}) == passed(truth)


def test_two_programs_are_sliced_one_after_the_other(
    session: Session, slicer: Slicer, binary: Path, image: GoImage
) -> None:
    """There is one slice at a time; each has its own program's operations, though both have the same code."""
    with hammer(binary) as first, hammer(binary) as second:
        seen, answers = [], []
        for target, program, other in ((3, first, second), (4, second, first)):
            introduce(session, image, target)
            begin(session, slicer, slice_of(image, program.pid, SECOND // 2, target))
            answers.append(slicer.start(slice_of(image, other.pid, MILLISECOND, 5)))
            program.ask(f"buffered {100 + target}")
            other.ask("buffered 1000")
            seen.append(end(slicer))

    assert answers == [False, False]
    assert [list(one.counts.values()) for one in seen] == [[(103, 103, 0)], [(104, 104, 0)]]


def test_channels_keep_the_name_that_the_exact_planes_know(
    workload: Callable[..., Path], session: Session, slicer: Slicer
) -> None:
    """The key is the make's place when the make was seen, else the address, and the channel is not entered anywhere."""
    binary = workload("paced", go=SUPPORTED_GO[-1])
    image = analyse(binary)
    with driven(Driven, binary, 1) as program:
        introduce(session, image)
        program.ask("pace 5 0")
        begin(session, slicer, slice_of(image, program.pid, 50 * MILLISECOND))
        seen = end(slicer)

    assert len(seen.counts) > 0
    assert all(key >> 63 for key in seen.counts)
    assert len(session.items("channels")[0]) == 0


def test_a_slice_that_is_cancelled_leaves_nothing(
    session: Session, slicer: Slicer, running: Hammer, image: GoImage
) -> None:
    """Whether its traps were in or still to come: it is over at once, there is no result, and the next one counts only
    its own."""
    introduce(session, image)
    begin(session, slicer, slice_of(image, running.pid, 3600 * SECOND))
    slicer.cancel(3)
    assert (slicer.busy, slicer.taken(), trapped(image, running.pid)) == (False, None, 0)

    assert slicer.start(slice_of(image, running.pid, MILLISECOND, begin_ns=1 << 62))
    slicer.cancel(4)  # another one's
    assert slicer.busy
    slicer.cancel(3)
    assert (slicer.busy, trapped(image, running.pid)) == (False, 0)

    begin(session, slicer, slice_of(image, running.pid, 20 * MILLISECOND))
    seen = end(slicer)
    sent = sum(row[0] for row in seen.counts.values())
    assert sent == seen.hits[Kind.SEND] + seen.hits[Kind.WAKE] > 0


def test_closing_ends_a_slice_and_takes_its_traps_out(session: Session, running: Hammer, image: GoImage) -> None:
    """Nothing stays when the agent ends in the midst of one."""
    introduce(session, image)
    slicer = Slicer(session)
    begin(session, slicer, slice_of(image, running.pid, 3600 * SECOND))
    during = trapped(image, running.pid)
    slicer.close()

    assert (during > 0, trapped(image, running.pid)) == (True, 0)


def test_a_program_that_is_gone_has_no_slice(session: Session, slicer: Slicer, binary: Path, image: GoImage) -> None:
    """One sentence, and the next slice can be taken."""
    with hammer(binary) as program:
        wanted = slice_of(image, program.pid, MILLISECOND)
    assert slicer.start(wanted._replace(path=str(binary)))
    taken = eventually(slicer.taken, every=0.002)

    assert taken
    assert isinstance(taken.result, KernelError)
    assert str(taken.result) == f"no time slice of pid {wanted.pid} can be taken: No such process"
    assert not slicer.busy


def test_a_program_that_executes_another_file_now_gets_no_trap(
    session: Session, slicer: Slicer, running: Hammer, image: GoImage, binary: Path
) -> None:
    """Where the file behind the path is not the one that the sites are of, nothing is put into it, and it is said."""
    introduce(session, image)
    wanted, status = slice_of(image, running.pid, MILLISECOND), binary.stat()
    before = int(session.tally(3)["sliced"])
    said = []
    for file in ((status.st_dev, status.st_ino + 1), (status.st_dev, status.st_ino)):
        assert slicer.start(wanted._replace(file=file, gate_ns=20 * MILLISECOND))
        taken = eventually(slicer.taken, every=0.002)
        assert taken
        said.append(taken.result)
        if file[1] != status.st_ino:
            assert int(session.tally(3)["sliced"]) == before

    assert str(said[0]) == f"no time slice of pid {running.pid} can be taken: it executes another file now"
    assert isinstance(said[1], SliceCounts)
    assert sum(said[1].hits.values()) > 0


def test_there_are_no_slices_with_perf_links(image: GoImage, binary: Path) -> None:
    """It takes a tenth of a second to take one such link away, for each site: it is said."""
    session = Session(attach="perf")
    with slicer_of(session) as slicer, hammer(binary) as program:
        assert not slicer.possible
        with pytest.raises(KernelError, match=r"time slices need uprobe_multi links, .*; use Linux 6\.10 or newer"):
            slicer.start(slice_of(image, program.pid, MILLISECOND))
    session.close()


def test_processor_time_within_the_gate_is_told(
    session: Session, slicer: Slicer, running: Hammer, image: GoImage
) -> None:
    """Of a program that is always busy on two processors, over a long gate: something, and not more than two have."""
    introduce(session, image)
    begin(session, slicer, slice_of(image, running.pid, 400 * MILLISECOND))
    seen = end(slicer)

    assert isinstance(seen, SliceCounts)
    assert 0.1 < seen.cpu_ns / (seen.end_ns - seen.begin_ns) < 2.1
