"""Spans from ring-buffer records: times, stacks, wakers and links."""

import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import BlockRecord
from otelchan.model.names import Name
from otelchan.model.spans import LINK_MAX_AGE_NS, SpanMaker
from otelchan.model.types import BlockSpan, Request, SpanContext, SpanLink, Waker
from tests.support.images import Functions, go_image

BIAS = 0x10000
SP = 0xC000100000
FRAMES: dict[int, tuple[Frame, ...]] = {
    0x401010: (Frame("runtime.gopark", "/go/src/runtime/proc.go", 460),),
    0x401020: (Frame("main.push", "/src/main.go", 12), Frame("main.worker", "/src/main.go", 57)),
    0x401030: (Frame("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700),),
    0x401040: (Frame("main.drain", "/src/main.go", 80),),
}
NAME = Name("main.main main.go:41", "make", "user")


def record(goid: int, waker: int, start: int = 1000, end: int = 2000, **facts: object) -> BlockRecord:
    """A send by `goid` that `waker` ended; its stack holds one frame that a person wrote."""
    stack = struct.pack("<QQQQ", SP + 16, 0x401020 + BIAS, 0, 0x401030 + BIAS)
    fields: dict[str, object] = {
        "target": 1,
        "operation": 0,
        "select": False,
        "by_close": False,
        "start": start,
        "end": end,
        "channel": 0xC000000000,
        "name_key": 0x401100,
        "g": 0xA0,
        "goid": goid,
        "waker_g": 0xB0,
        "waker_goid": waker,
        "sp": SP,
        "pc": 0x401010 + BIAS,
        "bp": SP,
        "hi": SP + 32,
        "wait_reason": 20,
        "waker": (0x401010 + BIAS, 0x401040 + BIAS),
        "stack": stack,
    }
    return BlockRecord(**{**fields, **facts})  # type: ignore[arg-type]


def numbered() -> Callable[[int], bytes]:
    """Identifiers that count up, so that a test knows them."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def spans(*records: BlockRecord) -> list[BlockSpan]:
    """The spans of these records, made in this order by one maker; Unix time is 5,000 ns ahead."""
    maker, ids = SpanMaker(go_image(FRAMES), BIAS), numbered()
    return [maker.make(r, NAME, "int", 5000, ids) for r in records]


def test_a_span_lasts_from_park_to_wake_in_unix_time() -> None:
    """The kernel's monotonic times are moved by the offset."""
    (span,) = spans(record(7, 8))

    assert (span.start_unix_ns, span.end_unix_ns) == (6000, 7000)
    assert (span.operation, span.channel, span.goroutine_id, span.wait_reason) == ("send", NAME.name, 7, "chan send")


def test_a_span_has_the_frames_people_wrote_inlined_ones_first() -> None:
    """The runtime's own frames say nothing about who blocked."""
    (span,) = spans(record(7, 8))

    assert span.frames == FRAMES[0x401020]
    assert span.stack_complete


def test_the_waker_is_named_by_goroutine_function_and_way() -> None:
    """The first address is the probed call itself; the rest is the waker's own stack."""
    by_value, by_close = spans(record(7, 8), record(9, 8, by_close=True))

    assert by_value.waker == Waker(8, "value", FRAMES[0x401040])
    assert by_close.waker == Waker(8, "close", FRAMES[0x401040])


def test_wrappers_that_the_compiler_made_are_left_out() -> None:
    """A deferred close is done by who deferred it, as Go's own tracebacks say; nobody wrote `main.drain.deferwrap1`."""
    wrapper = Frame("main.drain.deferwrap1", "/src/main.go", 79)
    frames = {**FRAMES, 0x401050: (wrapper,)}
    functions: Any = Functions(frames, wrappers=frozenset({wrapper.function}))
    image = replace(go_image(frames), functions=functions)
    woken = replace(record(7, 8), waker=(0x401010 + BIAS, 0x401050 + BIAS, 0x401040 + BIAS))

    span = SpanMaker(image, BIAS).make(woken, NAME, "int", 5000)

    assert span.waker == Waker(8, "value", FRAMES[0x401040])


def test_a_span_links_to_the_wakers_own_last_wait() -> None:
    """Goroutine 8 was held up itself before it woke 7: that is the chain of causes."""
    cause, effect = spans(record(8, 9, end=1500), record(7, 8))

    assert (SpanLink(cause.context, "waker"),) == effect.links


def test_a_wait_more_than_a_minute_ago_is_no_cause() -> None:
    """What the waker waited for long before is not why this goroutine waited."""
    _, effect = spans(record(8, 9, end=1500), record(7, 8, end=1500 + LINK_MAX_AGE_NS + 1))

    assert () == effect.links


def test_the_runtime_as_waker_has_no_link() -> None:
    """Goroutine 0 is a timer's system stack, which never waits."""
    _, effect = spans(record(0, 9), record(7, 0))

    assert () == effect.links


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_span_links_to_the_request_that_the_goroutine_works_for() -> None:
    """As its profiler labels say; after the link to what held it up."""
    labels = (("trace_id", TRACE), ("span_id", SPAN))
    cause, effect = spans(record(8, 9, end=1500), record(7, 8, labels=labels))

    request = Request(bytes.fromhex(TRACE), bytes.fromhex(SPAN))
    assert (None, request) == (cause.request, effect.request)
    assert (SpanLink(cause.context, "waker"), SpanLink(SpanContext(*request), "request")) == effect.links


def test_half_of_a_requests_ids_is_told_and_not_linked_to() -> None:
    """A link needs both; what is no id says nothing at all."""
    (half,) = spans(record(7, 0, labels=(("span_id", SPAN),)))
    (nothing,) = spans(record(7, 0, labels=(("trace_id", "of an order"),)))

    assert (Request(b"", bytes.fromhex(SPAN)), ()) == (half.request, half.links)
    assert (None, ()) == (nothing.request, nothing.links)
