"""Which functions use which channels: the program's topology, as far as it was seen."""

from __future__ import annotations

from typing import NamedTuple

from otelchan.gobinary.types import Frame


class Edge(NamedTuple):
    """One function that uses the channels of one name in one way.

    operation: "send", "recv", "close". frame: the place in it that a person wrote. samples: of this use that were
    looked at, cumulative: the first operation of each goroutine on a channel (of a name that is used very much, of some
    goroutines), and one of 64 after it; 0 when it is known from a parked goroutine only. parked: goroutines parked
    there now. last_unix_ns: when it was last seen to be used.
    """

    channel: str
    operation: str
    frame: Frame
    samples: int
    parked: int
    last_unix_ns: int
