"""Says what is wrong with the delivery, once, and once that it is over."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from otelchan import clock

log = logging.getLogger("otelchan.telemetry")
SECOND = 1_000_000_000
_ADVICE = "check the endpoint and that a Collector listens there"


@dataclass(slots=True)
class _Trouble:
    since_ns: int
    lost: int = 0


@dataclass(slots=True)
class DeliveryLog:
    """Troubles by key: the origin when it cannot be reached, the address when it answers with a bad status.

    repeat_s: least time between two remarks of one kind. Safe to call from any thread.
    """

    repeat_s: float = 60.0
    _troubles: dict[str, _Trouble] = field(default_factory=dict)
    _worked: dict[str, int] = field(default_factory=dict)
    _remarked: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, key: str, detail: str, retry: bool, advice: str = "", began_ns: int | None = None) -> None:
        """Said when it begins, and not again until it has worked in between. advice: what to do, if that is known.

        began_ns: when the attempt began; one of the other signal may have worked since.
        """
        with self._lock:
            if key in self._troubles or (began_ns is not None and began_ns < self._worked.get(key, 0)):
                return
            self._troubles[key] = _Trouble(clock.monotonic_ns())
        then = (
            "the newest metric values and the latest spans are kept until it takes them"
            if retry
            else "what is sent there is lost and counted"
        )
        log.warning("cannot deliver telemetry to %s (%s): %s; %s", key, detail, then, advice or _ADVICE)

    def lost(self, items: int, *keys: str) -> None:
        """So many items were given up; remembered with the first of these keys that is in trouble."""
        with self._lock:
            for key in keys:
                if key in self._troubles:
                    self._troubles[key].lost += items
                    return

    def delivered(self, *keys: str) -> None:
        """It worked. Said once, if any of these keys was in trouble."""
        with self._lock:
            over = {key: self._troubles.pop(key) for key in keys if key in self._troubles}
            self._worked.update(dict.fromkeys(keys, clock.monotonic_ns()))
        if not over:
            return
        seconds = (clock.monotonic_ns() - min(trouble.since_ns for trouble in over.values())) / SECOND
        log.warning(
            "delivering telemetry to %s again after %.0f s; %d metric points and spans were given up meanwhile",
            next(iter(over)),
            seconds,
            sum(trouble.lost for trouble in over.values()),
        )

    def remark(self, kind: str, text: str) -> None:
        """Something worth saying, but at most once in repeat_s per kind."""
        now = clock.monotonic_ns()
        with self._lock:
            said = self._remarked.get(kind)
            if said is not None and now - said < self.repeat_s * SECOND:
                return
            self._remarked[kind] = now
        log.warning("%s", text)
