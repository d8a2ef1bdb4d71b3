"""What the probes in a program cost while it is watched: what is shown beside what they saw."""

from __future__ import annotations

from typing import NamedTuple


class Overhead(NamedTuple):
    """What the probes in a program cost, and what the budget makes of them.

    share: of one core, in the last second or so; allowed: the budget, None: none. trials: planes that are on trial.
    stacks_off: no stacks are read any more, to make hits cheaper. slices: time slices taken so far, gate_ns: in which
    so much time was counted, and slice_ns: for which the traps were in so long.
    """

    share: float
    allowed: float | None
    trials: tuple[str, ...] = ()
    stacks_off: bool = False
    slices: int = 0
    gate_ns: int = 0
    slice_ns: int = 0
