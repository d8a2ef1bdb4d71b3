"""From a process to what is known of it before it is watched. Composition: joins target, gobinary and memory."""

from __future__ import annotations

from collections.abc import Iterable

from otelchan.errors import BinaryError, OtelchanError
from otelchan.gobinary.analysis import analyse_cached
from otelchan.gobinary.types import GoImage
from otelchan.memory.counts import read_counts
from otelchan.memory.live import LiveReader
from otelchan.target.process import load_bias
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


PARKED_ENTRIES = 65536  # at least: 7 MB of kernel memory


def room_for_parks(processes: Iterable[Process]) -> int:
    """A power of two, and twice as many goroutines as there are now: each takes an entry when it first parks."""
    return max(PARKED_ENTRIES, 1 << (2 * goroutines_in(processes)).bit_length())


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
