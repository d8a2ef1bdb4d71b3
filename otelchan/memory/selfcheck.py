"""Proof on the living program that its memory is laid out as we think, before anything read from it is believed."""

from __future__ import annotations

import numpy as np

from otelchan import clock
from otelchan.errors import BinaryError, MemoryGone
from otelchan.gobinary.types import GoImage
from otelchan.memory.bulk import distinct, words
from otelchan.memory.channels import waited_on
from otelchan.memory.counts import last_batch, read_counts
from otelchan.memory.goroutines import Table, read_table, status_names
from otelchan.memory.modules import modules_of
from otelchan.memory.parks import LIMITS, looks, ranges_of
from otelchan.memory.stacks import Ranges
from otelchan.memory.system import is_system
from otelchan.memory.typename import type_range
from otelchan.memory.types import GoroutineCounts, Reader
from otelchan.memory.waits import no_waits, reasons_of

TRIES = 5
"""A running program changes under our eyes, so only what is wrong each time is wrong."""
PAUSE_NS = 20_000_000
_SAMPLE = 256  # goroutines whose stacks are walked
_UNDERWAY = 2  # goroutines that may just be coming or going on processors that are about to count them
_MOST_UNDERWAY = 1 << 20  # ids that are taken while we look, or by threads that C made
_MOST_STACK = 1 << 30  # runtime.maxstacksize on 64-bit machines


def check(reader: Reader, image: GoImage, bias: int) -> None:
    """Raises BinaryError, with the first thing that is wrong, when this process is not what the image says.

    Module data, goroutine ids, statuses, wait reasons, saved registers, sudogs, profiler labels and complete stacks
    must make sense, the main goroutine must start in runtime.main, and the goroutines seen must be as many as the
    runtime counts. Reads every g struct and the stacks of up to 256 goroutines; takes milliseconds. Raises MemoryGone
    and TargetError as the reader does.
    """
    problem = ""
    for attempt in range(TRIES):
        if attempt:
            clock.sleep_ns(PAUSE_NS)
        problem = problem_of(reader, image, bias)
        if not problem:
            return
    raise BinaryError(
        f"the memory of the running {image.path} is not laid out as {image.layout.release} does it: {problem}; nothing "
        "is attached, restart the program if its file was replaced, else report this with the output of `go version -m`"
    )


def problem_of(reader: Reader, image: GoImage, bias: int) -> str:
    """What is wrong, as half a sentence; "" when nothing is."""
    layout = image.layout
    try:
        ranges = ranges_of(image, bias, modules_of(reader, layout, image.globals, bias))
        before = read_counts(reader, layout, image.globals, bias)
        table = read_table(reader, layout, image.globals, bias)
        after = read_counts(reader, layout, image.globals, bias)
        taken = last_batch(reader, layout, image.globals, bias)
        next_id = int.from_bytes(reader.read(image.globals.sched + bias + layout["schedt.goidgen"], 8), "little")
    except MemoryGone as error:
        reader.read(image.globals.moduledata + bias, 8)  # raises when the program is gone, which is no fault of it
        return f"its runtime's variables cannot be read ({error})"
    if not taken <= next_id <= taken + _MOST_UNDERWAY:
        return f"goroutine ids up to {taken} are taken where the runtime counts {next_id}"
    wrong = _in_text(image, bias, ranges) or _in_table(image, bias, table, next_id, ranges)
    wrong = wrong or _in_labels(reader, image, table)
    return wrong or _in_stacks(reader, image, bias, ranges, table) or _in_count(image, bias, table, before, after)


def _in_text(image: GoImage, bias: int, ranges: Ranges) -> str:
    start, end = ranges.text
    fits = any(
        segment.executable and segment.address + bias <= start < end <= segment.address + segment.memory_size + bias
        for segment in image.segments
    )
    if not fits or not start <= ranges.goexit[0] < end:
        return f"its module data says that the code is at {start:#x} to {end:#x}"
    return ""


def _in_table(image: GoImage, bias: int, table: Table, next_id: int, ranges: Ranges) -> str:
    layout = image.layout
    statuses = {number for number, name in status_names(layout).items() if name != "idle"}  # allgs has none that is
    unknown = set(distinct(table.status).tolist()) - statuses
    if unknown:
        return f"a goroutine has status {min(unknown)}"
    live = table.rows(np.flatnonzero((table.status != layout["const.Gdead"]) & (table.id != 0)))
    if not len(live):
        return "it has no goroutine"
    if len(distinct(live.id)) != len(live) or int(live.id.max()) > next_id:
        return f"goroutine ids are not unique numbers up to {next_id}"
    main, first = image.functions.find("runtime.main"), np.flatnonzero(live.id == 1)
    if main is not None and len(first) and int(live.started_at[first[0]]) != main.entry + bias:
        return f"goroutine 1 starts at {int(live.started_at[first[0]]):#x}, not in runtime.main"
    parked = live.rows(np.flatnonzero(live.parked(layout)))
    reasons = set(distinct(parked.reason).tolist()) - {number for number, text in layout.wait_reasons.items() if text}
    if reasons:
        return f"a goroutine waits for reason {min(reasons)}"
    if (parked.high - parked.sp > _MOST_STACK).any() or not ranges.have(parked.pc + np.uint64(1)).all():
        return "a parked goroutine's saved registers point outside of its stack or of the code"
    return ""


def _in_labels(reader: Reader, image: GoImage, table: Table) -> str:
    """What is read as profiler labels must be nothing or lead to memory, in most goroutines that have any."""
    live = np.flatnonzero((table.status != image.layout["const.Gdead"]) & (table.id != 0))[:_SAMPLE]
    pointers, whole = words(reader, table.address[live] + np.uint64(image.layout["g.labels"]))
    pointers = pointers[whole & (pointers != 0)]
    _, there = words(reader, pointers)
    if int(there.sum()) * 2 < len(pointers):
        return f"the profiler labels of {int((~there).sum())} goroutines are nowhere in memory"
    return ""


def _in_stacks(reader: Reader, image: GoImage, bias: int, ranges: Ranges, table: Table) -> str:
    """Of the goroutines that stand still, most must have sudogs that point back to them, and a whole stack; most of the
    channels that the sudogs name must look like channels."""
    reasons = reasons_of(image.layout.wait_reasons)
    sample = np.flatnonzero(table.parked(image.layout))[:_SAMPLE]
    still = on_channel = agreeing = complete = 0
    waits, limits = no_waits(), np.full(len(sample), LIMITS[-1])
    alone = np.ones(len(table), np.bool_)
    for rows, look in looks(reader, image.layout, ranges, reasons, table, sample, limits, alone):
        waiting = look.still & reasons.channel[table.reason[rows]] & ~reasons.select[table.reason[rows]]
        still += int(look.still.sum())
        on_channel += int(waiting.sum())
        agreeing += int((waiting & look.sure).sum())
        complete += int((look.still & look.stacks.complete).sum())
        waits = waits.join(look.waits.rows((look.still & look.sure)[look.waits.owner]))
    if agreeing * 2 < on_channel:
        return f"only {agreeing} of {on_channel} goroutines parked on channels have a sudog that says so"
    if complete * 2 < still:
        return f"only {complete} of {still} stacks lead to runtime.goexit"
    named = len(distinct(waits.channel[waits.channel != 0]))
    channels = waited_on(
        reader, image.layout, type_range(reader, image.layout, image.globals, bias), bias, waits
    ).channels
    if len(channels) * 2 < named:
        return f"only {len(channels)} of {named} channels that goroutines wait on look like channels"
    return ""


def _in_count(image: GoImage, bias: int, table: Table, before: GoroutineCounts, after: GoroutineCounts) -> str:
    """Goroutines come and go while they are counted, at most as many as the runtime says came."""
    live = table.status != image.layout["const.Gdead"]
    starts, number = np.unique(table.started_at[live], return_counts=True)
    own = [is_system(image.functions, start - bias, "") for start in starts.tolist()]
    seen = int(number[~np.array(own, np.bool_)].sum())
    slack = max(after.created - before.created, 0) + _UNDERWAY
    if not min(before.count, after.count) - slack <= seen <= max(before.count, after.count) + slack:
        return f"{seen} goroutines are seen where the runtime counts {after.count}"
    return ""
