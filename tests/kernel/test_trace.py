"""Block durations agree with Go's own execution trace of the same program."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.model.names import Namer
from otelchan.model.tables import Tables
from otelchan.plan.planner import make_plan
from tests.support.gobuild import SUPPORTED_GO

TOLERANCE = 0.02  # the trace stamps in steps of 64 ns, and a probe takes a microsecond before or after its stamp
SEND, RECV = 0, 1


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_block_durations_agree_with_the_execution_trace(workload: Callable[..., Path], go: str) -> None:
    """As many waits in sends, and in receives and selects, as the trace has, and as long in all."""
    binary = workload("traced", go=go)
    image = analyse(binary)
    session = Session()
    program = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdin
    assert program.stdout
    try:
        assert program.stdout.readline() == "READY\n"
        plan = make_plan(image, 1, f"/proc/{program.pid}/exe")
        entry = target_entry(image, 0)
        entry["span_threshold_ns"] = 1 << 62
        entry["waits_epoch"] = entry["operations_epoch"] = 1
        session.write_target(1, entry)
        for sites in plan.planes.values():
            session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], program.pid)
        program.stdin.write("go\n")
        program.stdin.flush()
        trace = json.loads(program.stdout.readline())
        seen = Tables(*(session.items(name) for name in Tables._fields)).of(1, 1, {})
    finally:
        program.kill()
        program.wait()
        program.stdin.close()
        program.stdout.close()
        session.close()

    namer = Namer(image)
    for operation, reasons in ((SEND, ("chan send",)), (RECV, ("chan receive", "select"))):
        ours = [
            histogram
            for (key, which), histogram in seen.blocks.items()
            if which == operation and (namer.made_at(key) or ("",))[0].startswith("main.work ")
        ]
        theirs = [trace[reason] for reason in reasons]
        assert sum(h.count for h in ours) == sum(t["count"] for t in theirs)
        expected = sum(t["sum_ns"] for t in theirs)
        assert sum(h.sum_ns for h in ours) == pytest.approx(expected, rel=TOLERANCE)
        print(f"{go}: {sum(h.sum_ns for h in ours)} ns against {expected} ns of the trace")
