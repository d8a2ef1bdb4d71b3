"""From ring-buffer records to spans, with stacks, wakers and links."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from otelchan.gobinary.types import Frame, GoImage
from otelchan.kernel.types import BlockRecord, PanicRecord
from otelchan.model.names import Name
from otelchan.model.request import Request, request_of
from otelchan.model.stacks import frames_at, user_frames, user_site, walk
from otelchan.model.types import BlockSpan, PanicEvent, SpanContext, SpanLink, Waker

LINK_MAX_AGE_NS = 60_000_000_000
_LINKS_KEPT = 10_000
_OUTERMOST = "runtime.goexit"  # under every goroutine


def for_request(span: BlockSpan, request: Request | None) -> BlockSpan:
    """The same span, of a goroutine that works for that request."""
    if request is None:
        return span
    links = (SpanLink(SpanContext(*request), "request"),) if request.is_whole else ()
    return replace(span, request=request, links=span.links + links)


class SpanMaker:
    """Makes spans of one program. Remembers each goroutine's last span for a minute, to link causes."""

    def __init__(self, image: GoImage, bias: int) -> None:
        self._image = image
        self._bias = bias
        self._last: OrderedDict[int, tuple[int, SpanLink]] = OrderedDict()

    def make(
        self,
        record: BlockRecord,
        name: Name,
        element_type: str,
        unix_offset_ns: int,
        new_id: Callable[[int], bytes] = os.urandom,
    ) -> BlockSpan:
        """The span of one record. unix_offset_ns: what turns a monotonic time into Unix time."""
        pcs, complete = walk(record.stack, record.sp, record.pc, record.bp)
        context = SpanContext(new_id(16), new_id(8))
        waker = self._waker(record)
        span = BlockSpan(
            context=context,
            operation="send" if record.operation == 0 else "recv",
            select=record.select,
            channel=name.name,
            channel_source=name.source,
            channel_address=record.channel,
            element_type=element_type,
            start_unix_ns=record.start + unix_offset_ns,
            end_unix_ns=record.end + unix_offset_ns,
            goroutine_id=record.goid,
            wait_reason=self._image.layout.wait_reasons.get(record.wait_reason, str(record.wait_reason)),
            frames=self._frames(pcs),
            stack_complete=complete,
            waker=waker,
            links=self._links(waker.goroutine_id, record.end),
            over_rate=record.over_rate,
        )
        self._remember(record.goid, record.end, SpanLink(context, "waker", record.over_rate))
        return for_request(span, request_of(record.labels)) if record.labels else span

    def panic(
        self, record: PanicRecord, unix_offset_ns: int, new_id: Callable[[int], bytes] = os.urandom
    ) -> PanicEvent:
        """The event of one record, without the name of its channel."""
        outermost = self._image.functions.frames(record.frames[-1] - self._bias) if record.frames else ()
        return PanicEvent(
            context=SpanContext(new_id(16), new_id(8)),
            error=record.error,
            channel="",
            channel_source="",
            channel_address=record.channel,
            element_type="",
            time_unix_ns=record.time + unix_offset_ns,
            goroutine_id=record.goid,
            frames=self._frames(record.frames[1:]),  # the first is the call of gopanic itself
            stack_complete=any(frame.function == _OUTERMOST for frame in outermost),
        )

    def place(self, return_address: int) -> Frame | None:
        """Where a person wrote the call with that live return address."""
        return user_site(list(frames_at(self._image, [return_address - self._bias])))

    def _waker(self, record: BlockRecord) -> Waker:
        # The first address is the probed call itself, in runtime.send and the like; the rest are return addresses.
        frames = self._frames(record.waker[1:])
        return Waker(record.waker_goid, "close" if record.by_close else "value", frames)

    def _frames(self, pcs: tuple[int, ...]) -> tuple[Frame, ...]:
        return user_frames(frames_at(self._image, (pc - self._bias for pc in pcs)))

    def _links(self, waker_goid: int, now_ns: int) -> tuple[SpanLink, ...]:
        last = self._last.get(waker_goid) if waker_goid else None
        return (last[1],) if last and now_ns - last[0] <= LINK_MAX_AGE_NS else ()

    def _remember(self, goid: int, now_ns: int, link: SpanLink) -> None:
        self._last[goid] = (now_ns, link)
        self._last.move_to_end(goid)
        if len(self._last) > _LINKS_KEPT:
            self._last.popitem(last=False)
