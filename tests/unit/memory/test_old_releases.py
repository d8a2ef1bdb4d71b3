"""Memory of releases that lack fields which newer ones have: nothing is read where they would be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otelchan.gobinary.types import Layout
from otelchan.memory.channels import read_channels
from otelchan.memory.counts import read_counts
from otelchan.memory.goroutines import read_table, row_size, status_names
from otelchan.memory.heap import allocated
from otelchan.memory.types import GoroutineCounts
from tests.support.fabricated import LAYOUT, Fabricated

SPAN = 0xC004002000


def without(*missing: str, **changed: int) -> Layout:
    """The layout without these keys. changed: keys with "_" for ".", and what they are instead."""
    offsets = {key: value for key, value in LAYOUT.offsets.items() if key not in missing}
    return replace(LAYOUT, offsets={**offsets, **{key.replace("_", "."): value for key, value in changed.items()}})


def test_before_go_1_21_no_goroutine_has_a_parent() -> None:
    """g has no parentGoid; what lies there is something else, and is not even copied."""
    program = Fabricated()
    program.goroutine(id_=3)
    layout = without("g.parentGoid")
    table = read_table(program.memory, layout, program.globals, 0)

    assert ([3], [0]) == (table.id.tolist(), table.parent.tolist())
    assert row_size(layout) <= row_size(LAYOUT)


def test_before_go_1_26_no_goroutine_is_leaked_or_dead_for_another_reason() -> None:
    """Those numbers mean nothing there."""
    program = Fabricated()
    for status in ("waiting", "leaked", "deadextra"):
        program.goroutine(status=status)
    layout = without("const.Gleaked", "const.Gdeadextra")
    table = read_table(program.memory, layout, program.globals, 0)

    assert [True, False, False] == table.parked(layout).tolist()
    assert [LAYOUT["const.Gwaiting"], LAYOUT["const.Gleaked"], LAYOUT["const.Gdeadextra"]] == table.status.tolist()
    assert "leaked" not in status_names(layout).values()


def test_until_go_1_24_the_scheduler_has_one_count_of_dead_goroutines() -> None:
    """Of those with a stack and those without."""
    program = Fabricated()
    for _ in range(40):
        program.goroutine()
    program.scheduler(ids=64, system=5, free=(7, 1000), processors=((4, 60, 64),))
    missing = ("schedt.gFree.stack.count", "schedt.gFree.noStack.count")
    layout = without(*missing, schedt_gFree_count=LAYOUT[missing[0]])

    assert GoroutineCounts(40 - 5 - 7 - 4, 60, 5) == read_counts(program.memory, layout, program.globals, 0)


def test_before_go_1_23_no_channel_is_a_timers() -> None:
    """Its length and capacity are those of its buffer."""
    program = Fabricated()
    program.memory.write(SPAN, bytes(8192))
    program.span(SPAN, 512, objects=16, free_index=16, bits=0)
    program.channel(1, 1, at=SPAN)
    program.set("hchan", SPAN, "timer", 0x1234)
    old, new = (
        read_channels(program.memory, layout, program.globals, 0, [SPAN])[SPAN]
        for layout in (without("hchan.timer"), LAYOUT)
    )

    assert ((False, 1, 1), (True, 0, 0)) == (
        (old.timer, old.length, old.capacity),
        (new.timer, new.length, new.capacity),
    )


def test_until_go_1_21_the_free_index_of_a_span_is_a_word() -> None:
    """Its upper bytes count; later, what lies there is another field."""
    program = Fabricated()
    span = program.span(SPAN, 8, objects=1024, free_index=0, bits=0)
    offset = max(value + 8 for key, value in LAYOUT.offsets.items() if key.startswith("mspan."))
    program.memory.word(span + offset, 1 << 16 | 3)
    answers = []
    for width in (2, 8):
        offsets = {**LAYOUT.offsets, "mspan.freeindex": offset, "width mspan.freeindex": width}
        layout, fifth = replace(LAYOUT, offsets=offsets), np.array([SPAN + 8 * 5], np.uint64)
        answers += allocated(program.memory, layout, program.globals, 0, fifth).tolist()

    assert [False, True] == answers
