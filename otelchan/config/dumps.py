"""Dumps of all stacks that are written by themselves: where, how many, how large."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from otelchan.config import patterns
from otelchan.config.describe import count, doc, time

_Path = Annotated[str, Meta(pattern=patterns.PATH)]


class Dumps(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written when the number of goroutines surges (F2)."""

    folder: Annotated[
        _Path | None,
        doc(
            "Folder for a dump of all stacks of a program whose goroutines surge, written by `otelchan run`. It must "
            "be ours alone (mode 0700). auto: /var/lib/otelchan/dumps for root, else otelchan/dumps in XDG_STATE_HOME "
            "or ~/.local/state.",
            "auto, off or a path",
            reload=True,
            off=True,
        ),
    ] = "auto"
    files: Annotated[
        int,
        count("Dumps in the folder, at most: none is ever replaced, so later ones are left out.", "files", 1, 10_000),
    ] = 10
    bytes: Annotated[
        int,
        doc(
            "Size of a dump (compressed), at most; goroutines without room are left out, and their number is said.",
            "1000000 to 10000000000",
            ge=1_000_000,
            le=10_000_000_000,
            unit="bytes",
            reload=True,
        ),
    ] = 64 << 20
    pause_s: Annotated[float, time("Between two dumps of one program, at least.", 1)] = 60.0
