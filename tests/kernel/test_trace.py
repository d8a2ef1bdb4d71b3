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
from tests.support.gobuild import SUPPORTED_GO, source_line

TOLERANCE = 0.02  # the trace stamps in steps of 64 ns, and a probe takes a microsecond before or after its stamp
SEND, RECV = 0, 1
CHANNELS = {
    "plain := make": {SEND: "{ plain <- i }", RECV: "{ <-plain }"},
    "buffered := make": {SEND: "{ buffered <- i }", RECV: "{ <-buffered }"},
    "chosen := make": {SEND: "{ chosen <- i }", RECV: "select { // receives"},
    "taken := make": {SEND: "select { // sends", RECV: "{ <-taken }"},
}
"""The line that makes each channel, and those that wait on it."""


def line(text: str) -> str:
    """The place in the workload of the only line with this text, as the trace and the names have it."""
    return f"main.go:{source_line('traced', text)}"


@pytest.mark.parametrize("go", SUPPORTED_GO)
def test_block_durations_agree_with_the_execution_trace(workload: Callable[..., Path], go: str) -> None:
    """As many waits in sends, receives and selects on each channel as the trace has, and as long in all."""
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
    ours = {
        (name.name.split()[-1], operation): histogram
        for (key, operation), histogram in seen.blocks.items()
        if (name := namer.made_at(key))
    }
    for make, lines in CHANNELS.items():
        for operation, waits in lines.items():
            mine, theirs = ours[line(make), operation], trace[line(waits)]
            assert (make, mine.count) == (make, theirs["count"])
            assert mine.sum_ns == pytest.approx(theirs["sum_ns"], rel=TOLERANCE)
            print(f"{go}: {waits}: {mine.sum_ns} ns against {theirs['sum_ns']} ns of the trace")
