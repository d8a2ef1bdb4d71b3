"""What a process executes, looked at for as long as wanted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from otelchan import clock
from otelchan.errors import KernelError, TargetError
from otelchan.kernel.cpusamples import CpuSampler
from tests.support import require_kernel

PERIOD_NS = 1_000_000


@pytest.fixture
def sampler() -> Iterator[CpuSampler]:
    """Of this process."""
    try:
        looking = CpuSampler(os.getpid(), PERIOD_NS)
    except KernelError as error:
        require_kernel(str(error))
    yield looking
    looking.close()


def spin(seconds: float) -> float:
    """Use so much processor time of this thread."""
    begin = time.thread_time()
    while time.thread_time() - begin < seconds:
        sum(range(10_000))  # asking for the time is done by the kernel, where nobody looks
    return time.thread_time() - begin


def test_samples_times_their_period_are_processor_time(sampler: CpuSampler) -> None:
    """In the program's own code: what it has the kernel do is left out."""
    sampler.take()
    spent = spin(0.3)
    stacks, lost, covered_ns = sampler.take()

    assert 0.4 < (sum(stacks.values()) + lost) * PERIOD_NS / 1e9 / spent < 1.2
    assert spent * 1e9 <= covered_ns


def test_what_was_taken_is_not_told_again(sampler: CpuSampler) -> None:
    """Each sample once, whether it was drained before or not."""
    spin(0.05)
    sampler.drain()
    first = sampler.take().stacks
    second = sampler.take().stacks

    assert sum(first.values()) > 10
    assert sum(second.values()) < 10


def test_a_thread_that_began_later_is_sampled_within_a_second(sampler: CpuSampler) -> None:
    """And one that has ended is let go."""
    go_on = threading.Event()

    def work() -> None:
        while not go_on.is_set():
            spin(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(1.05)
    sampler.take()
    time.sleep(0.3)
    busy = sampler.take().stacks
    go_on.set()
    thread.join()
    time.sleep(1.05)
    sampler.drain()

    assert sum(busy.values()) > 20
    assert thread.native_id not in sampler._rings


def test_a_process_that_is_gone_is_said_to_be() -> None:
    """Before anything was opened."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)

    with pytest.raises(TargetError, match=f"process {child} has exited"):
        CpuSampler(child)


def test_what_threads_did_before_they_were_looked_at_is_not_covered(sampler: CpuSampler) -> None:
    """By the clock of the whole process, which is the same as that of its threads: nothing else is missing."""
    before_ns = clock.process_cpu_ns(os.getpid())
    sampler.take()
    spin(0.1)
    covered_ns = sampler.take().cpu_ns
    in_all_ns = clock.process_cpu_ns(os.getpid()) - before_ns
    assert covered_ns > 0.9 * in_all_ns

    unseen = threading.Thread(target=spin, args=(0.3,))
    unseen.start()
    unseen.join()  # within the second in which nobody looks for new threads
    covered_ns = sampler.take().cpu_ns

    assert covered_ns < 0.15e9
