"""`otelchan top`: what stands between the thread that watches and the screen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from otelchan.findings.types import Assessment
from otelchan.model.types import Snapshot
from otelchan.view.top_rows import Cost, Look

MOST_REMARKS = 200
MOST_ENDED = 10
"""Programs that are shown although they have ended, the last ones."""
Key = tuple[int, int]


class Feed:
    """The last look at each program and the one before it. Written by one thread and read by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: dict[Key, tuple[Look, Look | None]] = {}
        self._remarks: deque[str] = deque(maxlen=MOST_REMARKS)
        self._version = 0
        self._over = False

    # --- written --------------------------------------------------------------------------------------------------

    def publish(self, snapshot: Snapshot, assessment: Assessment) -> None:
        """A look. The one after a program's end says that it has ended, and what it ended of: what was seen and found
        before still counts."""
        key = key_of(snapshot)
        with self._lock:
            before = self._looks[key][0] if key in self._looks else None
            if snapshot.ended and before is not None:
                snapshot = replace(before.snapshot, ended=True)
                found = before.assessment.findings
                last = (finding for finding in assessment.findings if finding not in found)
                assessment = before.assessment._replace(findings=(*found, *last))
                self._looks[key] = Look(snapshot, assessment, before.cost), self._looks[key][1]
            else:
                self._looks[key] = Look(snapshot, assessment, before.cost if before else None), before
            ended = [key for key, (now, _) in self._looks.items() if now.snapshot.ended]
            for key in ended[:-MOST_ENDED]:
                del self._looks[key]
            self._version += 1

    def cost(self, costs: Mapping[Key, Cost]) -> None:
        """What the probes in each program cost, by process id and start."""
        with self._lock:
            for key, (now, before) in self._looks.items():
                self._looks[key] = now._replace(cost=costs.get(key, now.cost)), before
            self._version += 1

    def remark(self, text: str) -> None:
        """Something was logged."""
        with self._lock:
            self._remarks.append(text)
            self._version += 1

    def end(self) -> None:
        """The screen is to end."""
        self._over = True

    # --- read -----------------------------------------------------------------------------------------------------

    def version(self) -> int:
        """Changes when there is something new."""
        return self._version

    def looks(self) -> list[tuple[Look, Look | None]]:
        """Every program now, and as it was before."""
        with self._lock:
            return list(self._looks.values())

    def remarks(self) -> list[str]:
        """What was logged last."""
        with self._lock:
            return list(self._remarks)

    def over(self) -> bool:
        """The screen is to end."""
        return self._over


def key_of(snapshot: Snapshot) -> Key:
    """A process id is used again; with the time of its start it is not."""
    return snapshot.process.pid, snapshot.process.start_ticks
