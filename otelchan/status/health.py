"""Whether the agent is alive and ready, from what its loop says: one thread writes, another one answers with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from otelchan import __version__, clock
from otelchan.model.types import Overhead
from otelchan.status.server import Page

START_S = 300.0  # so long may the start take: an executable of 100 MB that nobody has analysed, on a slow machine
_SECOND = 1_000_000_000
MOST_SAID = 20  # programs in one answer


class Watched(NamedTuple):
    """One program. planes: state by plane. attaching: more is to be attached now, or is on trial. overhead: what its
    probes cost, None: not known."""

    pid: int
    executable: str
    planes: Mapping[str, str]
    attaching: bool
    overhead: Overhead | None = None


class Facts(NamedTuple):
    """What the loop knows. waiting: programs that were found and are not opened yet. refused: why, by pid. looked:
    there was a whole round."""

    watched: tuple[Watched, ...] = ()
    waiting: int = 0
    refused: Mapping[int, str] = {}
    looked: bool = False

    def reasons(self) -> tuple[str, ...]:
        """Why it is not ready, as sentences; empty: it is."""
        attaching = [str(watched.pid) for watched in self.watched if watched.attaching]
        reasons = ["the first look has not been published yet"] * (not self.looked)
        reasons += [f"{self.waiting} programs were found and are not opened yet"] * (self.waiting > 0)
        reasons += [f"probes are being attached to {_listed(attaching)}"] * bool(attaching)
        return tuple(reasons)


class Health:
    """alive_within_s: so long may the loop take for one turn."""

    def __init__(self, alive_within_s: float) -> None:
        self.alive_within_s = alive_within_s
        self._began = False
        self._ready = False
        self._beat_ns = clock.monotonic_ns()
        self._facts = Facts()

    @property
    def ready(self) -> bool:
        """Whether it has been ready; it stays so: programs that come later are not what somebody waits for."""
        return self._ready

    def beat(self) -> None:
        """The loop makes another turn."""
        self._began = True
        self._beat_ns = clock.monotonic_ns()

    def tell(self, facts: Facts) -> None:
        """What the loop knows now."""
        self._facts = facts
        self._ready = self._ready or not facts.reasons()

    def _silent(self) -> tuple[float, float]:
        """For how long nothing was heard of the loop, and how long that may be, in seconds."""
        limit_s = self.alive_within_s if self._began else max(self.alive_within_s, START_S)
        return (clock.monotonic_ns() - self._beat_ns) / _SECOND, limit_s

    def alive_page(self) -> Page:
        """200 while the loop turns, or the agent starts; 503 when it hangs."""
        silent_s, limit_s = self._silent()
        alive = silent_s <= limit_s
        state = ("ok" if self._began else "starting") if alive else "stuck"
        said = {"status": state, "last_turn_s": round(silent_s, 3), "limit_s": limit_s, "version": __version__}
        return _page(alive, said)

    def ready_page(self) -> Page:
        """200 when every program that was there at the start is attached or refused; else 503, and why."""
        silent_s, limit_s = self._silent()
        facts = self._facts
        stuck = [f"the loop has made no turn for {silent_s:.0f} s"] * (silent_s > limit_s)
        reasons = [*([] if self._ready else facts.reasons()), *stuck]
        said = {
            "ready": not reasons,
            "reasons": reasons,
            "targets": len(facts.watched),
            "watched": [_watched(each) for each in facts.watched[:MOST_SAID]],
            "waiting": facts.waiting,
            "refused": len(facts.refused),
            "refused_because": [
                {"pid": pid, "reason": reason} for pid, reason in list(facts.refused.items())[:MOST_SAID]
            ],
        }
        return _page(not reasons, said)


def _watched(watched: Watched) -> dict[str, Any]:
    overhead = watched.overhead
    trials = overhead.trials if overhead else ()
    planes = {plane: "trial" if plane in trials else state for plane, state in watched.planes.items()}
    said: dict[str, Any] = {"pid": watched.pid, "executable": watched.executable, "planes": planes}
    if overhead is not None:
        allowed = None if overhead.allowed is None else overhead.allowed * 100
        paid = {"core_percent": round(overhead.share * 100, 3), "allowed_percent": allowed, "slices": overhead.slices}
        said["overhead"] = paid
    return said


def _page(good: bool, said: Mapping[str, Any]) -> Page:
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return Page(status, "application/json", json.dumps(said, indent=2).encode() + b"\n")


def _listed(words: list[str]) -> str:
    return ", ".join(words[:MOST_SAID]) + (f" and {len(words) - MOST_SAID} others" if len(words) > MOST_SAID else "")
