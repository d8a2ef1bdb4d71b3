"""Which blocks become spans: those under the rate, and every one that an exemplar points at. What points at a span that
is not exported is left out, so that no exemplar and no link leads nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelchan.model.types import BlockSpan, SpanContext
from otelchan.telemetry.points import Point
from otelchan.telemetry.spans import block_span

_KEPT = 10_000  # as many goroutines as are remembered for links


class BlockSpans:
    """The blocks of one program on the way out. sampled_out: so many were not exported here, for the rate."""

    def __init__(self) -> None:
        self.sampled_out = 0
        self._shown: dict[SpanContext, None] = {}  # over the rate, and exported all the same; the oldest first

    def of(self, blocks: Iterable[BlockSpan], points: Iterable[Point]) -> list[Span]:
        """The spans of one interval. points: what is exported of it, with its exemplars."""
        exemplars = {SpanContext(e.trace_id, e.span_id) for point in points for e in point.exemplars}
        spans: list[Span] = []
        for block in blocks:
            is_exemplar = block.context in exemplars
            if block.over_rate and not is_exemplar:
                self.sampled_out += 1
                continue
            if block.over_rate:
                self._show(block.context)
            spans.append(block_span(self._with_links_that_lead_somewhere(block), is_exemplar))
        return spans

    def _show(self, context: SpanContext) -> None:
        self._shown[context] = None
        if len(self._shown) > _KEPT:
            del self._shown[next(iter(self._shown))]

    def _with_links_that_lead_somewhere(self, block: BlockSpan) -> BlockSpan:
        if not any(link.over_rate for link in block.links):
            return block
        links = tuple(link for link in block.links if not link.over_rate or link.context in self._shown)
        return replace(block, links=links)
