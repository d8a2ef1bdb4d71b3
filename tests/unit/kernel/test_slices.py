"""What goes on around a time slice, without one: the file that its sites are of, and whose turn it is."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from otelchan.errors import KernelError
from otelchan.kernel.capabilities import alone
from otelchan.kernel.slices import Slice, _at_once, _opened


def wanted(path: Path, file: tuple[int, int] | None) -> Slice:
    """Of that file."""
    return Slice(1, os.getpid(), str(path), [], [], 1_000_000, file=file)


def test_the_file_need_not_be_readable(tmp_path: Path) -> None:
    """The agent has given up reading what its user may not read, before the first slice."""
    path = tmp_path / "program"
    path.touch(mode=0)
    status = path.stat()

    def look() -> os.stat_result:
        assert not os.access(path, os.R_OK)
        with _opened(wanted(path, (status.st_dev, status.st_ino))) as found:
            return Path(found).stat()

    assert status.st_ino == alone(look).st_ino


def test_another_file_is_refused(tmp_path: Path) -> None:
    """Its places are others."""
    (tmp_path / "program").touch()

    with (
        pytest.raises(KernelError, match="it executes another file now"),
        _opened(wanted(tmp_path / "program", (0, 0))),
    ):
        pass


@pytest.mark.parametrize("policy", [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE])
def test_a_thread_is_scheduled_afterwards_as_it_was_before(policy: int) -> None:
    """An agent that was told to wait for everybody (chrt --idle) goes on doing so, with the priority and without."""
    seen = []

    def work() -> None:
        os.sched_setscheduler(0, policy, os.sched_param(0))
        interval = sys.getswitchinterval()
        with _at_once():
            assert sys.getswitchinterval() < interval
        seen.append((os.sched_getscheduler(0), sys.getswitchinterval() == interval))

    first = threading.Thread(target=work)
    first.start()
    first.join()
    alone(work)

    assert [(policy, True)] * 2 == seen
