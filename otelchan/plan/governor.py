"""The budget: a plane is kept only while hits times cost per hit stay under it. Pure: it decides, the agent acts.

Two rules. A plane that was just attached is on trial: 50 ms, or up to a second while its share of one core is over the
budget, so that a burst at the wrong moment does not decide; it goes at once when the trial alone costs more than a
second's budget. A plane that passed spends from a bucket that fills at the budget's rate and holds a few seconds of
it, so that a burst is paid from savings and a sustained load is not; when the bucket is empty the first part in the
order of giving up goes (catalogue.GIVE_UP_ORDER). Time slices of what was given up are paid from the same bucket.

What was given up is tried again once slices have said for a while that it fits (evidence.py); where there are none,
after a pause that doubles each time. What stayed for ten minutes begins with the shortest pause again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otelchan.plan.catalogue import GIVE_UP_ORDER, PLANE_ORDER
from otelchan.plan.costs import WITHOUT_STACKS
from otelchan.plan.evidence import Evidence
from otelchan.plan.types import Extra, Part, Plane

SECOND = 1_000_000_000
TRIAL_NS = 50_000_000
LONG_TRIAL_NS = SECOND
SAVINGS_SECONDS = 5
FIRST_PAUSE_NS = 15 * SECOND
LONGEST_PAUSE_NS = 600 * SECOND
STACKS_BACK = 0.6  # of the budget at most may be spent when stacks come back, because every hit is dearer with them
_WITH_STACKS = (Plane.WAITS, Plane.OPERATIONS)


@dataclass(slots=True)
class _State:
    attached_ns: int = 0
    on_trial: bool = False
    trial_cost_ns: int = 0
    pause_ns: int = FIRST_PAUSE_NS
    retry_at_ns: int = 0
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Give up `part` now, with the reason as a sentence part. share: fraction of one core that was spent."""

    part: Part
    share: float
    reason: str


def is_more(budget: float | None, before: float | None) -> bool:
    """Whether a budget is larger than the one before; None: no limit."""
    return before is not None and (budget is None or budget > before)


@dataclass(slots=True)
class Governor:
    """The budget of one program. budget: fraction of one core; None: no budget (for measurements).

    attached: what is on now. share: of one core that is spent, over about a second. exact_share: the same without
    slices.
    """

    budget: float | None
    states: dict[Part, _State] = field(default_factory=dict)
    attached: set[Part] = field(default_factory=set)
    savings_ns: float = 0.0
    share: float = 0.0
    exact_share: float = 0.0
    _last_ns: int = 0

    @property
    def most_ns(self) -> float:
        """What can be saved."""
        return (self.budget or 0.0) * SAVINGS_SECONDS * SECOND

    def change_budget(self, budget: float | None) -> None:
        """Another budget from now on. With a larger one, what was given up may be tried again at once."""
        more = is_more(budget, self.budget)
        self.budget = budget
        self.savings_ns = self.most_ns
        if more:
            self.retry_now()

    def retry_now(self) -> None:
        """What was given up may be tried again without the rest of its pause."""
        for part, state in self.states.items():
            if part not in self.attached:
                state.retry_at_ns, state.pause_ns = 0, FIRST_PAUSE_NS
                state.evidence = Evidence()

    def on_attach(self, part: Part, now_ns: int) -> None:
        """It is on. A plane is on trial first."""
        state = self.states.setdefault(part, _State())
        state.attached_ns, state.on_trial, state.trial_cost_ns = now_ns, isinstance(part, Plane), 0
        state.evidence.forget()
        self.attached.add(part)
        if not self._last_ns:
            self._last_ns = now_ns
            self.savings_ns = self.most_ns

    def on_detach(self, part: Part, now_ns: int) -> None:
        """It was given up; sets when to try again."""
        state = self.states.setdefault(part, _State(attached_ns=now_ns))
        self.attached.discard(part)
        if now_ns - state.attached_ns >= LONGEST_PAUSE_NS:
            state.pause_ns, state.evidence = FIRST_PAUSE_NS, Evidence()
        state.retry_at_ns = now_ns + state.pause_ns
        state.pause_ns = min(state.pause_ns * 2, LONGEST_PAUSE_NS)
        state.evidence.failed()

    def on_loss(self, part: Part) -> None:
        """It is off through no fault of this program: it may be tried again at once."""
        self.attached.discard(part)

    def trials(self) -> set[Plane]:
        """Planes that are on trial."""
        return {part for part in self.attached if isinstance(part, Plane) and self.states[part].on_trial}

    def on_trial(self) -> bool:
        """Whether any plane is on trial, so that the agent looks more often."""
        return any(self.states[part].on_trial for part in self.attached)

    def wanted(self, part: Part, now_ns: int) -> bool:
        """Whether something that is off should be tried now: never while a plane is on trial."""
        if part in self.attached or self.on_trial():
            return False
        state = self.states.get(part)
        if state is None:
            return True
        if part is Extra.STACKS and self.budget is not None and self.exact_share > STACKS_BACK * self.budget:
            return False
        fits = state.evidence.fits(now_ns)
        return now_ns >= state.retry_at_ns if fits is None else fits

    def room(self) -> float:
        """The share of one core that is left of the budget, not counting slices."""
        return float("inf") if self.budget is None else max(0.0, self.budget - self.exact_share)

    def hear(self, shares: Mapping[Plane, float], now_ns: int) -> None:
        """A slice ended, within which these planes would have cost such shares of one core."""
        for plane, share in shares.items():
            if plane not in self.attached:
                self.states.setdefault(plane, _State()).evidence.hear(share, self.room(), now_ns)

    def heard(self, part: Part, now_ns: int) -> float | None:
        """The share of one core that it would cost now, as slices say; None: they do not."""
        state = self.states.get(part)
        return state.evidence.share(now_ns) if state else None

    def judge(self, cost_ns: Mapping[Part, int], now_ns: int) -> Verdict | None:
        """What to give up, for the probe time that each part has cost since the last call; at most one at a time."""
        elapsed = max(now_ns - self._last_ns, 1)
        self._last_ns = now_ns
        spent = sum(cost_ns.values())
        exact = spent - cost_ns.get(Extra.SLICES, 0)
        weight = min(elapsed / SECOND, 1.0)
        self.share += (spent / elapsed - self.share) * weight
        self.exact_share += (exact / elapsed - self.exact_share) * weight
        for plane in self.trials():
            self.states[plane].trial_cost_ns += cost_ns.get(plane, 0)
        if self.budget is None:
            self._end_trials(now_ns)
            return None
        self.savings_ns = min(self.savings_ns + self.budget * elapsed, self.most_ns) - spent
        verdict = self._judge_trials(now_ns)
        if verdict:
            return verdict
        # What a plane cost while it was taken out, which takes a while for perf events, is charged, but no other goes.
        # Nor does one for slices: the next slice waits until there are savings again.
        running = sum(cost_ns.get(part, 0) for part in self.attached if part is not Extra.SLICES)
        if self.savings_ns >= 0 or running <= self.budget * elapsed:
            return None
        self.savings_ns = self.most_ns / 2  # what remains gets a fresh start, but no full one
        share = spent / elapsed
        reason = f"probes cost {share:.1%} of a core, the budget is {self.budget:.1%}"
        return Verdict(self._next(), share, reason)

    def _next(self) -> Part:
        """The first in the order of giving up that is on; stacks only where giving them up saves something."""
        walked = any(plane in self.attached for plane in _WITH_STACKS)
        return next(p for p in GIVE_UP_ORDER if p in self.attached and (walked or p is not Extra.STACKS))

    def _judge_trials(self, now_ns: int) -> Verdict | None:
        assert self.budget is not None
        trials = self.trials()
        for plane in [plane for plane in PLANE_ORDER if plane in trials]:
            state = self.states[plane]
            elapsed = max(now_ns - state.attached_ns, 1)
            share = state.trial_cost_ns / elapsed
            hopeless = state.trial_cost_ns > self.budget * SECOND
            over = hopeless or (elapsed >= LONG_TRIAL_NS and share > self.budget)
            if over and self._saves(plane, share):
                state.attached_ns, state.trial_cost_ns = now_ns, 0  # on trial again, without stacks
                return Verdict(Extra.STACKS, share, f"the {plane} plane cost {share:.1%} of a core with them")
            if over:
                reason = f"in a trial of {elapsed / 1e6:.0f} ms it cost {share:.1%} of a core"
                return Verdict(plane, share, f"{reason}, the budget is {self.budget:.1%}")
            if elapsed >= TRIAL_NS and share <= self.budget:
                state.on_trial = False
        return None

    def _saves(self, plane: Plane, share: float) -> bool:
        """Whether a plane that is over the budget would fit without stacks."""
        assert self.budget is not None
        stacks = Extra.STACKS in self.attached and plane in _WITH_STACKS
        return stacks and share > self.budget >= WITHOUT_STACKS * share

    def _end_trials(self, now_ns: int) -> None:
        for plane in self.trials():
            if now_ns - self.states[plane].attached_ns >= TRIAL_NS:
                self.states[plane].on_trial = False
