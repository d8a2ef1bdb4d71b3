"""What is asked of a process before it is watched: who it is, what it runs, whether its memory is as we think.
Composition: joins target, gobinary and memory.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

from otelchan.arrivals import Arrival
from otelchan.errors import OtelchanError
from otelchan.gobinary.types import GoImage
from otelchan.memory.live import LiveReader
from otelchan.memory.selfcheck import check
from otelchan.programs import image_of
from otelchan.target.handle import Handle
from otelchan.target.lock import lock
from otelchan.target.process import load_bias


class Opened(NamedTuple):
    """A process that may be watched. bias: live minus link-time address."""

    handle: Handle
    image: GoImage
    bias: int
    reader: LiveReader


def hold(arrival: Arrival, undo: ExitStack) -> Opened:
    """Have a hold on a process, and the right to watch it, until `undo` is undone. Raises OtelchanError."""
    process, birth = arrival.process, arrival.birth
    handle = undo.enter_context(arrival.handle or Handle(process))
    undo.enter_context(lock(process))
    image = arrival.image or image_of(process)
    bias = birth.bias if birth else load_bias(process, image.segments)
    reader = LiveReader(process.pid)
    try:
        check(reader, image, bias)
    except OtelchanError:
        if birth is None or handle.alive():
            raise
        # It has ended already. That it ran this code is certain: the probe of its birth is in it.
    return Opened(handle, image, bias, reader)
