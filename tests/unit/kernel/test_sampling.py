"""Reading what perf writes about samples."""

from __future__ import annotations

import os
import struct
from collections import Counter

import pytest

from otelchan.errors import TargetError
from otelchan.kernel.sampling import count_records, sample_cpu

USER = (1 << 64) - 512  # PERF_CONTEXT_USER


def sample(*addresses: int) -> bytes:
    """PERF_RECORD_SAMPLE with a stack."""
    body = struct.pack(f"<Q{len(addresses)}Q", len(addresses), *addresses)
    return struct.pack("<IHH", 9, 2, 8 + len(body)) + body


def lost(number: int) -> bytes:
    """PERF_RECORD_LOST: an id and how many."""
    return struct.pack("<IHHQQ", 2, 0, 24, 77, number)


def test_a_stack_is_where_execution_is_and_whence_it_was_called() -> None:
    """A return address becomes one within the call before it; the kernel's mark for user space is none."""
    stacks: Counter[tuple[int, ...]] = Counter()

    assert count_records(sample(USER, 0x401000, 0x402005), stacks) == 0
    assert stacks == {(0x401000, 0x402004): 1}


def test_equal_stacks_are_counted_together() -> None:
    """What differs only in a caller is another one."""
    stacks: Counter[tuple[int, ...]] = Counter()
    count_records(sample(USER, 1, 11) + sample(USER, 1, 11) + sample(USER, 1, 21), stacks)

    assert stacks == {(1, 10): 2, (1, 20): 1}


def test_losses_are_counted_and_other_records_passed_over() -> None:
    """Also a sample without a user stack: the thread has none."""
    stacks: Counter[tuple[int, ...]] = Counter()
    throttled = struct.pack("<IHHQQQ", 5, 0, 32, 0, 0, 0)

    assert count_records(lost(3) + throttled + sample(USER, 1) + sample(USER) + lost(4), stacks) == 7
    assert stacks == {(1,): 1}


def test_a_process_that_is_gone_cannot_be_sampled() -> None:
    """Said as such, not as a missing privilege."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)

    with pytest.raises(TargetError, match=f"process {child} has exited"):
        sample_cpu(child, 10_000_000)
