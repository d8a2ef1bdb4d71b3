"""What channels are for, on every Go: nothing that is the user's is taken for the library's, nor the other way round
where there is proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from otelchan.model.types import Blocked
from tests.support.gobuild import EVERY_GO, build
from tests.support.labelled import Labelled, labelled

OWN = ("own times", "own done", "own signals", "stopped")
TIMERS, TICKERS = ("timer", "after"), ("ticker", "tick")
CONTEXTS = ("context", "late context", "notified done")
MADE = {
    **dict.fromkeys(OWN, "user"),
    **dict.fromkeys(TIMERS, "timer"),
    **dict.fromkeys(TICKERS, "ticker"),
    **dict.fromkeys(CONTEXTS, "context"),
    "signals": "signal",
}
NEW_TIMERS = {"GODEBUG": "asynctimerchan=0"}  # go.mod says Go 1.19, so timers are as they were before Go 1.23


class Waits(NamedTuple):
    """Who waits for what: own: also for the user's look-alikes; alone: in a program without any; timed: with timers as
    they are since Go 1.23."""

    own: dict[str, dict[str, Blocked]]
    alone: dict[str, dict[str, Blocked]]
    timed: dict[str, dict[str, Blocked]]


@pytest.fixture(scope="module")
def waits() -> Iterator[dict[str, Waits]]:
    """By Go version: all watched by one agent at once."""
    own = {go: Labelled(build("kinds", go)) for go in EVERY_GO}
    alone = {go: Labelled(build("kinds", go, flags=("-tags=alone",))) for go in EVERY_GO}
    timed = {go: Labelled(build("kinds", go), NEW_TIMERS) for go in EVERY_GO}
    with labelled([*own.values(), *alone.values(), *timed.values()]) as seen:
        yield {go: Waits(*(seen.waits(programs[go]) for programs in (own, alone, timed))) for go in EVERY_GO}


def kinds(found: dict[str, Blocked]) -> dict[str, str]:
    """By label."""
    return {label: blocked.kind for label, blocked in found.items()}


@pytest.mark.parametrize("go", EVERY_GO)
def test_of_every_channel_that_was_seen_being_made_it_is_known_what_it_is_for(waits: dict[str, Waits], go: str) -> None:
    """Timers and tickers are told apart; a channel that signals do not come through any more is the user's again."""
    assert MADE == kinds(waits[go].own["newer"]) == kinds(waits[go].timed["newer"])


@pytest.mark.parametrize("go", EVERY_GO)
def test_what_may_be_the_users_own_is_not_hidden(waits: dict[str, Waits], go: str) -> None:
    """Older than the agent, beside look-alikes: signals are registered, and timers may have a mark of their own;
    nothing tells a context from another `chan struct{}`."""
    new = int(go.split(".")[1]) >= 23
    timed = dict.fromkeys((*TIMERS, *TICKERS), "timer" if new else "user")
    unknown = dict.fromkeys((*OWN, *TIMERS, *TICKERS, *CONTEXTS), "user")

    # Go 1.27 has the new timers only.
    assert {**unknown, "signals": "signal", **(timed if go.startswith("1.27") else {})} == kinds(waits[go].own["older"])
    assert {**unknown, "signals": "signal", **timed} == kinds(waits[go].timed["older"])


@pytest.mark.parametrize("go", EVERY_GO)
def test_where_nobody_makes_look_alikes_an_older_timer_is_one(waits: dict[str, Waits], go: str) -> None:
    """Every place in the code that makes such a channel is in package time; which of them, nobody knows."""
    found = kinds(waits[go].alone["older"])

    assert dict.fromkeys((*TIMERS, *TICKERS), "timer") == {label: found[label] for label in (*TIMERS, *TICKERS)}
    assert ("signal", "user") == (found["signals"], found["stopped"])
