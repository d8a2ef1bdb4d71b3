"""The ring buffer, read through its memory map while records run around its end."""

from collections.abc import Callable
from pathlib import Path

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import RING_BYTES, Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import BLOCK_SIZE, BlockRecord, Loss, decode_block
from otelchan.model.stacks import walk
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from tests.support.hammer import hammer

ROUNDS = 3  # around the ring
BATCH = 100  # hand-overs between two drains


def test_records_that_lie_across_the_end_of_the_ring_are_whole(workload: Callable[..., Path]) -> None:
    """Every hand-over's record arrives once, in order of time, with a stack that ends, three times around the ring."""
    image = analyse(workload("hammer", go="1.27.3"))
    session = Session()
    try:
        with hammer(workload("hammer", go="1.27.3")) as program:
            plan = make_plan(image, 1, f"/proc/{program.pid}/exe")
            entry = target_entry(image, 0)
            entry["waits_epoch"], entry["spans_allowed"] = 1, 1 << 40
            session.write_target(1, entry)
            sites = plan.planes[Plane.WAITS]
            session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], program.pid)
            records: list[BlockRecord] = []
            asked = 0
            while len(records) * BLOCK_SIZE < ROUNDS * RING_BYTES:
                program.ask(f"handover {BATCH}")
                asked += BATCH
                records += [decode_block(data) for data in session.drain()]
            lost = session.tally(1)["lost"]
    finally:
        session.close()

    assert {loss.name: int(lost[loss]) for loss in Loss if lost[loss]}.keys() <= {"NAME"}  # no makes plane: unnamed
    assert len(records) >= asked
    ends = [record.end for record in records]
    assert ends == sorted(ends)
    assert all(record.start <= record.end and record.goid for record in records)
    assert all(walk(record.stack, record.sp, record.pc, record.bp)[1] for record in records)
