"""Waits that go on, with the request that each goroutine works for."""

from __future__ import annotations

from otelchan.memory.types import Census, Goroutine, GoroutineCounts, Goroutines, Indices, Labels, LabelsOf
from otelchan.model.observation import KernelState, Observation
from otelchan.model.requests import Requests
from otelchan.model.types import Request, SpanContext, SpanLink
from tests.support.snapshots import block_span

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUEST = Request(bytes.fromhex(TRACE), bytes.fromhex(SPAN))
LABELS: dict[int, Labels] = {7: (("trace_id", TRACE), ("span_id", SPAN)), 9: (("customer", "3"),)}


class Memory:
    """Labels by goroutine id. asked: whom it was asked for."""

    def __init__(self, unread: int = 0) -> None:
        self.asked: list[int] = []
        self._unread = unread

    def labels(self, goroutines: Goroutines, places: Indices) -> LabelsOf:
        """As looks.Looks.labels."""
        ids = goroutines.id[places].tolist()
        self.asked += ids
        return LabelsOf([LABELS.get(goroutine, ()) for goroutine in ids], self._unread)


def observation(memory: Memory | None, census: bool = True) -> Observation:
    """Goroutines 6 to 10 wait."""
    goroutines = tuple(Goroutine(0xA00 + number, number, "waiting", "chan send") for number in range(6, 11))
    seen = Census(1, 1, 0, GoroutineCounts(5, 5), goroutines, ()) if census else None
    return Observation(1, 1, KernelState(), seen, {}, {}, labels=memory.labels if memory else None)


def test_only_those_are_asked_for_that_there_is_a_span_of() -> None:
    """Who has a request is linked to it, and the others are left as they are."""
    memory, spans = Memory(), [block_span(goroutine_id=number, links=(), ongoing=True) for number in (9, 7, 8)]

    told = Requests().told(spans, observation(memory))

    assert [7, 8, 9] == sorted(memory.asked)
    assert [None, REQUEST, None] == [span.request for span in told]
    assert [(), (SpanLink(SpanContext(*REQUEST), "request"),), ()] == [span.links for span in told]


def test_labels_that_cannot_be_read_are_counted() -> None:
    """Over all looks; a goroutine that is not there any more has none."""
    requests, span = Requests(), block_span(goroutine_id=77, links=())

    told = [requests.told([span], observation(Memory(unread=2))) for _ in range(2)]

    assert [(span,), (span,)] == told
    assert requests.unread == 4


def test_without_memory_or_spans_nothing_is_asked() -> None:
    """A program that has ended, a look that cannot read labels, and most looks: nobody has waited for so long."""
    memory, span = Memory(), block_span(goroutine_id=7)

    assert (span,) == Requests().told([span], observation(None))
    assert (span,) == Requests().told([span], observation(memory, census=False))
    assert () == Requests().told([], observation(memory))
    assert [] == memory.asked
