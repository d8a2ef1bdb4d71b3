"""The workload `everyop`: every operation on channels, and the program's own count of each, by channel.

with everyop(binary) as program:
    attach(session, image, program.pid)
    truth = program.run("select", seed)
    assert counted(image, state) == truth
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import NIL_KEY, PANICS, UNKNOWN_KEY, Loss
from otelchan.model.observation import KernelState
from otelchan.model.tables import Tables
from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane

QUIET = ("blocking", "buffered", "range", "with-ok", "select", "reflect", "non-blocking", "closed", "panics", "nil")
"""Phases in which at most a few goroutines do something at once."""
BUSY = ("contention", "growth", "racing")
DEADLY = {
    "die-send_on_closed": "send_on_closed",
    "die-select": "send_on_closed",
    "die-parked": "send_on_closed",
    "die-close_of_closed": "close_of_closed",
    "die-close_of_nil": "close_of_nil",
}
"""Phases that the program does not survive, and the panic that each ends in."""

Truth = dict[str, Counter[str]]
"""How often what was done, by "file.go:line" of the make; channels that are nil: "nil"; not known: "?"."""

_FIELDS = (
    *("made", "send_ok", "recv_ok", "recv_closed", "send_would_block", "recv_would_block"),
    *("closes", "residue", "drained"),
)


class Everyop:
    """A running one, and what it says that it did since it was started."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid
        self.truth: Truth = {}
        self.created = self.exited = 0

    def run(self, phase: str, seed: int, scale: int = 1) -> Truth:
        """Have it do a phase; the truth of all phases so far. What did not happen is left out."""
        assert self.process.stdin and self.process.stdout
        print(phase, seed, scale, file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        for row in answer["channels"]:
            done = Counter({field: row[field] for field in _FIELDS} | row["panics"])
            self.truth[row["site"]] = self.truth.get(row["site"], Counter()) + done
        self.created += answer["goroutines"]["created"]
        self.exited += answer["goroutines"]["exited"]
        return {site: done for site, done in self.truth.items() if done}


@contextmanager
def everyop(binary: Path, environment: Mapping[str, str] | None = None) -> Iterator[Everyop]:
    """One that is ready; it ends with the block. Its panics are not shown."""
    process = subprocess.Popen(
        [binary],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=None if environment is None else dict(environment),
    )
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield Everyop(process)
    finally:
        process.kill()
        process.communicate()


def attach(
    session: Session, image: GoImage, pid: int, target: int = 3, planes: Collection[Plane] = PLANE_ORDER
) -> None:
    """These planes, every one if nothing is said; no budget, no spans of blocks, a record of each panic."""
    plan = make_plan(image, target, f"/proc/{pid}/exe")
    assert plan.left_out == ()
    entry = target_entry(image, 0)
    entry["span_threshold_ns"] = 1 << 62
    entry["waits_epoch"] = entry["operations_epoch"] = 1
    session.write_target(target, entry)
    for sites in (plan.planes[plane] for plane in planes):
        session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)


def state(session: Session, target: int = 3) -> KernelState:
    """What the kernel side has counted."""
    lost = session.tally(target)["lost"]
    losses = {loss.name: int(lost[loss]) for loss in Loss}
    return Tables(*(session.items(name) for name in Tables._fields)).of(target, 1, losses)


def counted(image: GoImage, seen: KernelState, bias: int = 0) -> Truth:
    """The same as the program says, from the kernel's counts; channels of the runtime are left out."""
    found: Truth = {}
    for key in seen.counts.keys() | seen.rare.keys():
        site = site_of(image, key, bias)
        if site is None:
            continue
        done = found.setdefault(site, Counter())
        if key in seen.counts:
            row = seen.counts[key]._asdict()
            done.update({field: row[field] for field in _FIELDS if field in row})
        if key in seen.rare:
            rare = seen.rare[key]
            done.update({"drained": rare.drained, **dict(zip(PANICS, rare.panics, strict=True))})
    return {site: +done for site, done in found.items() if +done}


def site_of(image: GoImage, key: int, bias: int = 0) -> str | None:
    """What the program calls the channels of a name key; None for the runtime's own."""
    if key in (NIL_KEY, UNKNOWN_KEY):
        return "nil" if key == NIL_KEY else "?"
    frames = image.functions.frames(key - bias)
    assert frames, f"{key:#x} is in no function"
    return None if frames[0].function.startswith("runtime.") else frames[0].place.split()[-1]
