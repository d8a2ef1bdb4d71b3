"""What request the goroutines work for that still wait; of the others, the kernel side's records say it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otelchan.memory.types import Goroutines
from otelchan.model.observation import Observation
from otelchan.model.request import request_of
from otelchan.model.spans import for_request
from otelchan.model.types import BlockSpan


class Requests:
    """unread: spans, so far, that say nothing of a request because the labels could not be read."""

    def __init__(self) -> None:
        self.unread = 0

    def told(self, spans: Sequence[BlockSpan], seen: Observation) -> tuple[BlockSpan, ...]:
        """The same spans, of goroutines that were seen just now, with the request of each that has one."""
        if not spans or seen.census is None or seen.labels is None:
            return tuple(spans)
        goroutines = Goroutines.of(seen.census.goroutines)
        wanted = np.array([span.goroutine_id for span in spans], np.uint64)
        places = np.flatnonzero(np.isin(goroutines.id, wanted))
        found = seen.labels(goroutines, places)
        self.unread += found.unread
        labels = dict(zip(goroutines.id[places].tolist(), found.labels, strict=True))
        return tuple(for_request(span, request_of(labels.get(span.goroutine_id, ()))) for span in spans)
