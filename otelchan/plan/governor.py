"""The budget: a plane is kept only while hits times cost per hit stay under it. Pure: it decides, the agent acts.

Two rules. A plane that was just attached is on trial: 50 ms, or up to a second while its share of one core is over the
budget, so that a burst at the wrong moment does not decide; it goes at once when the trial alone costs more than a
second's budget. A plane that passed spends from a bucket that fills at the budget's rate and holds a few seconds of
it, so that a burst is paid from savings and a sustained load is not; when the bucket is empty the dearest plane in the
order of giving up goes first. A plane that was given up is tried again after a pause that doubles each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from otelchan.plan.catalogue import PLANE_ORDER
from otelchan.plan.types import Plane

SECOND = 1_000_000_000
TRIAL_NS = 50_000_000
LONG_TRIAL_NS = SECOND
SAVINGS_SECONDS = 5
FIRST_PAUSE_NS = 15 * SECOND
LONGEST_PAUSE_NS = 600 * SECOND


@dataclass(slots=True)
class _PlaneState:
    attached_ns: int = 0
    on_trial: bool = False
    trial_cost_ns: int = 0
    pause_ns: int = FIRST_PAUSE_NS
    retry_at_ns: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Detach `plane` now, with the reason as a sentence part. share: fraction of one core it was costing."""

    plane: Plane
    share: float
    reason: str


def is_more(budget: float | None, before: float | None) -> bool:
    """Whether a budget is larger than the one before; None: no limit."""
    return before is not None and (budget is None or budget > before)


@dataclass(slots=True)
class Governor:
    """The budget of one program. budget: fraction of one core; None: no budget (for measurements)."""

    budget: float | None
    planes: dict[Plane, _PlaneState] = field(default_factory=dict)
    attached: set[Plane] = field(default_factory=set)
    savings_ns: float = 0.0
    share: float = 0.0
    _last_ns: int = 0

    def change_budget(self, budget: float | None) -> None:
        """Another budget from now on. With a larger one, what was given up may be tried again at once."""
        more = is_more(budget, self.budget)
        self.budget = budget
        self.savings_ns = (budget or 0.0) * SAVINGS_SECONDS * SECOND
        if more:
            self.retry_now()

    def retry_now(self) -> None:
        """What was given up may be tried again without the rest of its pause."""
        for plane, state in self.planes.items():
            if plane not in self.attached:
                state.retry_at_ns, state.pause_ns = 0, FIRST_PAUSE_NS

    def on_attach(self, plane: Plane, now_ns: int) -> None:
        """The plane's probes are in."""
        state = self.planes.setdefault(plane, _PlaneState())
        state.attached_ns, state.on_trial, state.trial_cost_ns = now_ns, True, 0
        self.attached.add(plane)
        if not self._last_ns:
            self._last_ns = now_ns
            self.savings_ns = (self.budget or 0.0) * SAVINGS_SECONDS * SECOND

    def on_detach(self, plane: Plane, now_ns: int) -> None:
        """The plane's probes are out; sets when to try again."""
        state = self.planes[plane]
        self.attached.discard(plane)
        state.retry_at_ns = now_ns + state.pause_ns
        state.pause_ns = min(state.pause_ns * 2, LONGEST_PAUSE_NS)

    def on_loss(self, plane: Plane) -> None:
        """The plane's probes are out through no fault of this program: they may be tried again at once."""
        self.attached.discard(plane)

    def on_trial(self) -> bool:
        """Whether any plane is on trial, so that the agent looks more often."""
        return any(self.planes[plane].on_trial for plane in self.attached)

    def wanted(self, plane: Plane, now_ns: int) -> bool:
        """Whether a plane that is out should be tried now: never while another one is on trial."""
        if plane in self.attached or self.on_trial():
            return False
        state = self.planes.get(plane)
        return state is None or now_ns >= state.retry_at_ns

    def judge(self, cost_ns: dict[Plane, int], now_ns: int) -> Verdict | None:
        """What to detach, given the probe time each plane cost since the last call; at most one plane at a time."""
        elapsed = max(now_ns - self._last_ns, 1)
        self._last_ns = now_ns
        spent = sum(cost_ns.values())
        weight = min(elapsed / SECOND, 1.0)
        self.share += (spent / elapsed - self.share) * weight
        for plane in self.attached:
            if self.planes[plane].on_trial:
                self.planes[plane].trial_cost_ns += cost_ns.get(plane, 0)
        if self.budget is None:
            self._end_trials(now_ns)
            return None
        verdict = self._judge_trials(now_ns)
        if verdict:
            return verdict
        limit = self.budget * SAVINGS_SECONDS * SECOND
        self.savings_ns = min(self.savings_ns + self.budget * elapsed, limit) - spent
        # What a plane cost while it was taken out, which takes a while for perf events, is charged, but no other goes.
        running = sum(cost_ns.get(plane, 0) for plane in self.attached)
        if self.savings_ns >= 0 or running <= self.budget * elapsed:
            return None
        self.savings_ns = limit / 2  # what remains gets a fresh start, but no full one
        plane = next(plane for plane in reversed(PLANE_ORDER) if plane in self.attached)
        share = spent / elapsed
        return Verdict(plane, share, f"probes cost {share:.1%} of a core, the budget is {self.budget:.1%}")

    def _judge_trials(self, now_ns: int) -> Verdict | None:
        assert self.budget is not None
        for plane in [plane for plane in PLANE_ORDER if plane in self.attached]:
            state = self.planes[plane]
            if not state.on_trial:
                continue
            elapsed = max(now_ns - state.attached_ns, 1)
            share = state.trial_cost_ns / elapsed
            hopeless = state.trial_cost_ns > self.budget * SECOND
            if hopeless or (elapsed >= LONG_TRIAL_NS and share > self.budget):
                reason = f"in a trial of {elapsed / 1e6:.0f} ms it cost {share:.1%} of a core"
                return Verdict(plane, share, f"{reason}, the budget is {self.budget:.1%}")
            if elapsed >= TRIAL_NS and share <= self.budget:
                state.on_trial = False
        return None

    def _end_trials(self, now_ns: int) -> None:
        for plane in self.attached:
            if now_ns - self.planes[plane].attached_ns >= TRIAL_NS:
                self.planes[plane].on_trial = False
