"""From a process to what is known of it before it is watched. Composition: joins target, gobinary and memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from otelchan.config import Config
from otelchan.config.targets import CONDITIONS
from otelchan.errors import BinaryError, OtelchanError
from otelchan.gobinary.analysis import analyse_cached
from otelchan.gobinary.quick import is_go
from otelchan.gobinary.types import GoImage
from otelchan.memory.counts import read_counts
from otelchan.memory.live import LiveReader
from otelchan.model.aliases import Alias, Rules
from otelchan.model.ongoing import Pace, share_of
from otelchan.target.process import load_bias, selected
from otelchan.target.selection import Rule, Selection
from otelchan.target.types import Process


def image_of(process: Process) -> GoImage:
    """The image of a process's executable, read through /proc so that a container's or a deleted file is found too.

    Raises BinaryError, which names the pid and the executable as people know it.
    """
    try:
        return analyse_cached(process.open_path)
    except BinaryError as error:
        said = str(error).replace(process.open_path, process.executable)
        raise BinaryError(f"pid {process.pid}: {said}") from None


def targets_of(selection: Selection, config: Config) -> Selection:
    """What was asked for, with the rules of the configuration."""
    fields = (*CONDITIONS, "service_name")
    given = (({field: getattr(rule, field) or "" for field in fields}, rule.exclude) for rule in config.targets)
    return replace(selection, rules=tuple(Rule(**texts, exclude=exclude) for texts, exclude in given))


def processes_of(selection: Selection, config: Config) -> list[Process]:
    """The processes that are meant and run now; of those that were not named by their ids, the Go programs only.

    Raises TargetError for a process that was named and cannot be looked at.
    """
    found = selected(targets_of(selection, config))
    return [process for process in found if selection.pids or is_go(process.open_path)]


def rules_of(config: Config) -> Rules:
    """What the user calls channels."""
    fields = ("name", "site", "function", "element_type")
    aliases = (Alias(*(getattr(alias, field) or "" for field in fields)) for alias in config.naming.aliases)
    return Rules(aliases, config.naming.skip)


def pace_of(config: Config) -> Pace:
    """When waits that go on are told of, and how many."""
    first_ns = None if config.ongoing_span_s is None else int(config.ongoing_span_s * 1e9)
    return Pace(first_ns, share_of(min(config.spans_per_second, config.spans_per_second_total)))


PARKED_ENTRIES = 65536  # at least: 7 MB of kernel memory
MOST_PARKED_ENTRIES = 1 << 20  # 117 MB; parks that find no room are counted as lost


def room_for_parks(processes: Iterable[Process]) -> int:
    """A power of two, and twice as many goroutines as there are now: each takes an entry when it first parks."""
    return parks_for(goroutines_in(processes))


def parks_for(goroutines: int) -> int:
    """Entries for so many goroutines."""
    return min(max(PARKED_ENTRIES, 1 << (2 * goroutines).bit_length()), MOST_PARKED_ENTRIES)


def goroutines_in(processes: Iterable[Process]) -> int:
    """Goroutines of all these programs together; those that cannot be watched count nothing."""
    total = 0
    for process in processes:
        try:
            image = image_of(process)
            bias = load_bias(process, image.segments)
            total += read_counts(LiveReader(process.pid), image.layout, image.globals, bias).count
        except OtelchanError:
            continue  # its reason is said when it is opened
    return total
