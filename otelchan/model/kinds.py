"""What a channel is for: the user's own ones are watched for lag and leaks, the others are idle by design.

A kind is said only where there is proof: a channel that may be the user's is the user's.
"""

from __future__ import annotations

from collections.abc import Collection

from otelchan.memory.types import Channel
from otelchan.model.aliases import package_of
from otelchan.model.types import Waker

USER = "user"
SIGNALS = "os.Signal"
_KINDS = {"time": "timer", "context": "context", "os/signal": "signal", "runtime": "runtime"}
_TICKER = "time.NewTicker"
_WAKERS = {
    ("time.sendTime", "value"): "timer",
    ("os/signal.process", "value"): "signal",
    ("context.(*cancelCtx).cancel", "close"): "context",
}


def kind_of_maker(function: str) -> str:
    """By the function that makes it."""
    return "ticker" if function == _TICKER else _KINDS.get(package_of(function), USER)


def kind_of(channel: Channel, makers: Collection[str]) -> str:
    """From the channel itself, else from the kinds of all the places where it can have been made, when they agree.

    A timer's channel has no timer of its own before Go 1.23, and where the program's go.mod asks for asynctimerchan=1.
    Channels of signals are made anywhere: see of_signals.
    """
    kinds = set(makers)
    return one_kind({"timer"} if channel.timer and kinds != {"ticker"} else kinds)


def one_kind(kinds: Collection[str]) -> str:
    """What several are together: the user's as soon as one of them is, so that it is not hidden among the others."""
    if set(kinds) == {"timer", "ticker"}:
        return "timer"
    return next(iter(kinds)) if len(set(kinds)) == 1 else USER


def of_signals(element_type: str, address: int, registered: Collection[int] | None) -> bool:
    """Whether signals come through a channel. registered: addresses of those that signal.Notify was given; None: not
    known, then every channel of os.Signal is taken for one, which is what they are made for."""
    return element_type == SIGNALS and (registered is None or address in registered)


def kind_of_waker(waker: Waker | None) -> str:
    """Whoever is woken there waits for a timer, a signal or a context; USER when that is not said."""
    if waker is None or not waker.frames:
        return USER
    return _WAKERS.get((waker.frames[0].function, waker.how), USER)
