"""The census document, as `otelchan census --json` prints it, beside a program's own /debug/pprof/goroutine?debug=2."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import requests

from otelchan.gobinary.types import Frame
from tests.support.agent import otelchan
from tests.support.blocked import Dumped, parse_dump

NOT_PARKED = ("running", "runnable", "syscall", "preempted")  # states of a dump in which a goroutine waits for nothing
PRINTED = 50  # frames at either end of a stack in a dump: tracebackInnerFrames, tracebackOuterFrames
_MINUTES = re.compile(r"^goroutine (\d+) \[[^\]]*?, (\d+) minutes", re.M)

# Two goroutines serve a request: the connection's own, which writes the dump and then waits for the next request, and
# one that reads ahead on that connection and is only there while the request is answered: conn.serve in
# net/http/server.go, Go 1.26 and 1.27, calls startBackgroundRead before the handler and abortPendingRead after it.
READ_AHEAD = 1  # goroutines more than there are when nobody asks
_WRITES = "runtime/pprof.writeGoroutineStacks"
_READS_AHEAD = ("net/http.(*connReader).backgroundRead", "net/http.(*connReader).startBackgroundRead")


class Dump(NamedTuple):
    """A program's goroutines in its own words, without the two that served the request for them.

    minutes: by goroutine id, for how many whole minutes it has waited at least; only where that is one or more.
    writer: id of the goroutine that serves the connection, and waits for the next request when this one is answered.
    """

    goroutines: dict[int, Dumped]
    minutes: dict[int, int]
    writer: int

    @property
    def parked(self) -> dict[int, Dumped]:
        """Those that wait."""
        return {id_: dumped for id_, dumped in self.goroutines.items() if dumped.state not in NOT_PARKED}


def take_dump(session: requests.Session, pprof: str) -> Dump:
    """What `pprof`, the address that ends in /debug/pprof, says."""
    text = session.get(f"{pprof}/goroutine?debug=2", timeout=30).text
    everybody = parse_dump(text.splitlines())
    (writer,) = (id_ for id_, dumped in everybody.items() if _WRITES in {frame.function for frame in dumped.frames})
    readers = {id_ for id_, dumped in everybody.items() if dumped.parent == writer and _reads_ahead(dumped)}
    assert readers, text  # of this request; the one of the request before may still be on its way out
    others = {id_: dumped for id_, dumped in everybody.items() if id_ != writer and id_ not in readers}
    return Dump(others, {int(id_): int(minutes) for id_, minutes in _MINUTES.findall(text)}, writer)


def _reads_ahead(dumped: Dumped) -> bool:
    return any(frame.function.startswith(_READS_AHEAD) for frame in dumped.frames)


def take_census(pid: int) -> dict[str, Any]:
    """`otelchan census PID --json`, which must succeed and say nothing else."""
    done = otelchan("census", pid, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def parked_in(document: dict[str, Any]) -> dict[int, Dumped]:
    """The parked goroutines of a census as a dump prints them, by id; the runtime's own are left out, as there."""
    parked = [goroutine for goroutine in document["parked"] if not goroutine["system"]]
    assert [True] * len(parked) == [goroutine["stack_complete"] for goroutine in parked]
    return {goroutine["id"]: _as_dumped(goroutine) for goroutine in parked}


def _as_dumped(goroutine: dict[str, Any]) -> Dumped:
    frames = tuple(_frames(goroutine["frames"]))
    elided = max(len(frames) - 2 * PRINTED, 0)
    if elided:
        frames = (*frames[:PRINTED], *frames[-PRINTED:])
    creator = goroutine["created_by"]
    created_at = (creator["file"], creator["line"]) if goroutine["parent_id"] else ("", 0)  # main has no creator
    return Dumped(goroutine["kind"], frames, elided, created_at, goroutine["parent_id"])


def _frames(frames: Iterable[dict[str, Any]]) -> Iterable[Frame]:
    return (Frame(frame["function"], frame["file"], frame["line"]) for frame in frames)
