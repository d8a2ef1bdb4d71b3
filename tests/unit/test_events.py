"""What a signal's handler may set."""

import signal
import subprocess
import sys
import threading

from otelchan.events import SignalEvent

WAITS = """
from otelchan.commands.common import stop_on_signals
stop = stop_on_signals()
print("ready", flush=True)
while not stop.wait({timeout}):
    pass
"""
CLEARS = """
import os, signal, threading
from otelchan.commands.common import reload_on_signal
asked = reload_on_signal(threading.Event())
print("ready", flush=True)
for _ in range(20_000):
    os.kill(os.getpid(), signal.SIGHUP)
    asked.clear()
"""
PATIENCE_S = 20
ENDS = 20


def test_a_signal_ends_a_loop_that_waits_whenever_it_comes() -> None:
    """With threading.Event it is a deadlock in every second of these."""
    for _ in range(ENDS):
        with subprocess.Popen([sys.executable, "-c", WAITS.format(timeout=0)], stdout=subprocess.PIPE) as waiting:
            assert waiting.stdout is not None
            assert b"ready\n" == waiting.stdout.readline()
            waiting.send_signal(signal.SIGTERM)
            try:
                assert 0 == waiting.wait(PATIENCE_S)
            finally:
                waiting.kill()


def test_a_signal_may_come_while_the_one_before_is_being_forgotten() -> None:
    """20,000 times."""
    subprocess.run([sys.executable, "-c", CLEARS], check=True, timeout=PATIENCE_S, stdout=subprocess.DEVNULL)


def test_it_is_set_until_it_is_cleared() -> None:
    """However often it was set."""
    event = SignalEvent()
    states = [event.is_set(), event.wait(0)]
    event.set()
    event.set()
    states += [event.is_set(), event.wait(), event.wait(60)]
    event.clear()
    event.clear()
    states += [event.is_set(), event.wait(0.001)]
    assert [False, False, True, True, True, False, False] == states


def test_who_waits_is_woken_by_another_thread() -> None:
    """As long as it takes."""
    event = SignalEvent()
    threading.Timer(0.05, event.set).start()
    assert event.wait()


def test_its_descriptor_goes_with_it() -> None:
    """A thousand of them take no more descriptors than a few."""
    numbers = [SignalEvent()._fd for _ in range(1000)]
    assert max(numbers) - min(numbers) < 100
