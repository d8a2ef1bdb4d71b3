"""Which processes a user asked for. One way to say it, for every command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Exactly one of the two is given. pids: these processes. exe: a glob over executable paths, as the processes
    see them; processes that start later are meant too.
    """

    pids: tuple[int, ...] = ()
    exe: str = ""
