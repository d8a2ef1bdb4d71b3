"""One executable of the workload `everyop`, watched while it does everything, against what it says that it did."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from otelchan.errors import OtelchanError
from otelchan.gobinary.image import analyse
from otelchan.model.types import ChannelView, Snapshot
from otelchan.plan.planner import make_plan
from tests.support.everyop import BUSY, QUIET, Truth, everyop
from tests.support.observed import observed

_NOT_OF_THE_PROGRAM = ("runtime", "timer", "ticker", "signal", "context")
_SHOWN = 20


class Outcome(NamedTuple):
    """refused: why the program was not watched, else "". left_out: by plane, why it has none. counts: how many were
    compared. wrong: those that differ, each as a sentence part.
    """

    refused: str = ""
    left_out: Mapping[str, str] = {}
    counts: int = 0
    wrong: tuple[str, ...] = ()


def outcome(binary: Path, seed: int, without: Collection[str] = ()) -> Outcome:
    """Run every phase but `without` under an agent that has no budget, and compare every count of every channel."""
    try:
        image = analyse(binary)
    except OtelchanError as error:
        return Outcome(refused=str(error).replace(str(binary), binary.name))
    left_out = {left.what: left.reason for left in make_plan(image, 0, str(binary)).left_out}
    with everyop(binary) as program, observed(program.pid) as agent:
        try:
            agent.settled()
        except OtelchanError as error:
            return Outcome(refused=str(error).replace(str(program.pid), "PID"))
        for phase in [phase for phase in (*QUIET, *BUSY) if phase not in without]:
            program.run(phase, seed)
        last = agent.now()
        truth = program.truth
    counts, wrong = _compared(truth, _seen(last))
    losses = {
        reason: count for reason, count in last.losses.by_reason.items() if reason != "sampled"
    }  # spans: a choice
    lost = [f"{reason}: {count} lost" for reason, count in losses.items() if count]
    return Outcome("", left_out, counts, tuple(f"seed {seed}: {each}" for each in [*wrong, *lost][:_SHOWN]))


def any_seed() -> int:
    """One that nobody has chosen."""
    return random.randrange(1 << 32)


def _compared(truth: Truth, seen: Truth) -> tuple[int, list[str]]:
    """How many counts there are, and those that differ. What the agent does not say is not compared, but it says all
    that its planes see, so that nothing is missing when none is left out."""
    keys = {(site, what) for told in (truth, seen) for site, counts in told.items() for what in counts}
    keys = {(site, what) for site, what in keys if what in seen.get(site, {}) or truth[site][what]}
    wrong = [
        f"{site} {what}: {seen.get(site, Counter()).get(what)} for {truth.get(site, Counter())[what]}"
        for site, what in sorted(keys)
        if what != "made" and seen.get(site, Counter()).get(what, 0) != truth.get(site, Counter())[what]
    ]
    return len(keys), wrong


def _seen(snapshot: Snapshot) -> Truth:
    """The same as the program says, from what the agent says of its channels."""
    found: Truth = {}
    for channel in snapshot.channels:
        if channel.kind not in _NOT_OF_THE_PROGRAM:
            place = "nil" if channel.kind == "nil" else channel.name.split()[-1]
            found.setdefault(place, Counter()).update(_numbers(channel))
    return found


def _numbers(channel: ChannelView) -> dict[str, int]:
    numbers = {f"{operation}_{status}": counter.value for (operation, status), counter in channel.processed.items()}
    for what, counter in (("closes", channel.closes), ("residue", channel.residue), ("drained", channel.drained)):
        if counter is not None:
            numbers[what] = counter.value
    numbers.update({error: counter.value for error, counter in channel.panics.items()})
    return numbers
