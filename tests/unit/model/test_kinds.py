"""What a channel is for is said only where there is proof."""

import pytest

from otelchan.gobinary.types import Frame
from otelchan.model.kinds import kind_of_maker, kind_of_waker, of_signals, one_kind
from otelchan.model.types import Waker


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("time.NewTimer", "timer"),
        ("time.NewTicker", "ticker"),
        ("context.(*cancelCtx).Done", "context"),
        ("os/signal.NotifyContext", "signal"),
        ("runtime.ensureSigM", "runtime"),
        ("net/http.(*Server).Serve", "user"),
        ("example.com/time.New", "user"),
        ("timers.New", "user"),
    ],
)
def test_who_makes_a_channel_says_what_it_is_for(function: str, kind: str) -> None:
    """By package, which is not the beginning of a word."""
    assert kind == kind_of_maker(function)


def test_of_several_kinds_the_users_own_is_not_hidden() -> None:
    """Timers and tickers are one kind when they cannot be told apart."""
    assert "timer" == one_kind({"timer", "ticker"})
    assert "ticker" == one_kind({"ticker"})
    assert "user" == one_kind({"context", "user"})
    assert "user" == one_kind({"context", "timer"})
    assert "user" == one_kind(set())


def test_signals_come_through_channels_that_os_signal_knows() -> None:
    """Where that cannot be told, through every one of their type, and through no other."""
    assert of_signals("os.Signal", 1, {1, 2})
    assert not of_signals("os.Signal", 3, {1, 2})
    assert of_signals("os.Signal", 3, None)
    assert not of_signals("int", 1, {1})


@pytest.mark.parametrize(
    ("function", "how", "kind"),
    [
        ("time.sendTime", "value", "timer"),
        ("os/signal.process", "value", "signal"),
        ("context.(*cancelCtx).cancel", "close", "context"),
        ("context.(*cancelCtx).cancel", "value", "user"),
        ("main.work", "value", "user"),
    ],
)
def test_who_wakes_says_what_was_waited_for(function: str, how: str, kind: str) -> None:
    """Those that the library has for nothing else."""
    assert kind == kind_of_waker(Waker(1, how, (Frame(function, "x.go", 1), Frame("main.main", "main.go", 2))))


def test_a_waker_that_nothing_is_known_of_says_nothing() -> None:
    """No waker, no stack."""
    assert "user" == kind_of_waker(None) == kind_of_waker(Waker(1, "value", ()))
