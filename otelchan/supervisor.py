"""What starts otelchan as a service is told how it is: ready, reloading, stopping, alive. Composition, as service is.

The protocol of sd_notify(3), systemd 252: a datagram of lines `NAME=value` to the Unix socket that NOTIFY_SOCKET names;
a leading @ is that of Linux's abstract names. WATCHDOG_USEC is the time in microseconds after which the service manager
ends who was not heard, WATCHDOG_PID of which process (sd_watchdog_enabled(3)).
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from otelchan import clock

log = logging.getLogger("otelchan")

_PARTS = 4  # of the watchdog's time: a turn of the loop that takes three of them is not the end
_PATIENCE_S = 5.0  # at the end, for a queue that is full; the loop never waits, and says it again in its next turn
_FULL_NS = 5_000_000_000  # so long may it be full before that is worth a word
Words = Mapping[str, str | int]


class Supervisor:
    """Tells nobody where there is nobody to tell. environ: of this process. For the thread that watches."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._every_ns = _watchdog_ns(environ) // _PARTS
        self._told_ns = self._full_ns = 0
        self._ready = self._failed = False
        self._status = ""

    def turn(self) -> None:
        """The loop makes a turn: with the first one the service has started, with the others it is alive."""
        if not self._address:
            return
        now = clock.monotonic_ns()
        if not self._ready:
            self._ready, self._told_ns = self._tell({"READY": 1}), now
        elif self._every_ns and now - self._told_ns >= self._every_ns and self._tell({"WATCHDOG": 1}):
            self._told_ns = now

    def status(self, watched: int, refused: int) -> None:
        """How many programs are watched and refused now, for `systemctl status`."""
        said = f"watches {watched} {'program' if watched == 1 else 'programs'}, {refused} refused"
        if said != self._status and self._tell({"STATUS": said}):
            self._status = said

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The configuration is read again meanwhile."""
        self._tell({"RELOADING": 1, "MONOTONIC_USEC": clock.monotonic_ns() // 1000})
        try:
            yield
        finally:
            self._ready = self._tell({"READY": 1})

    def stopping(self) -> None:
        """It ends: what comes is no loop any more."""
        self._tell({"STOPPING": 1, "STATUS": "lets go of programs and sends what is left"}, _PATIENCE_S)

    def _tell(self, words: Words, patience_s: float = 0.0) -> bool:
        """Whether it was heard, or nobody has to hear it."""
        if not self._address:
            return True
        text = "\n".join(f"{name}={value}" for name, value in words.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.settimeout(patience_s)
                to.sendto(text.encode(), self._address)
        except OSError as error:
            now = clock.monotonic_ns()
            self._full_ns = self._full_ns or now
            passing = isinstance(error, BlockingIOError) and now - self._full_ns < _FULL_NS
            if not self._failed and not passing:
                log.warning(
                    "systemd cannot be told how otelchan is: %s (NOTIFY_SOCKET=%s); it may end otelchan as hung, see "
                    "docs/install.md",
                    error.strerror or error,
                    self._address.replace("\0", "@"),
                )
            self._failed = self._failed or not passing
            return False
        self._full_ns = 0
        return True


def _address(given: str) -> str:
    """ "": none that is understood; a socket of a virtual machine's host (vsock:) is for systemd itself."""
    if given.startswith("@"):
        return "\0" + given[1:]
    return given if given.startswith("/") else ""


def _watchdog_ns(environ: Mapping[str, str]) -> int:
    """0: none, or that of another process."""
    limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    mine = not pid or pid == str(os.getpid())
    return int(limit) * 1000 if mine and limit.isascii() and limit.isdigit() else 0
