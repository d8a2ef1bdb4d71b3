"""A hold on one process, so that its id cannot come to mean another one unnoticed."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path
from types import TracebackType

from otelchan.errors import TargetError
from otelchan.target.process import PROC, is_same
from otelchan.target.types import Process


class Handle:
    """A pidfd of a process; a context manager, because it has an end.

    Raises TargetError when the process is gone, or is not the program any more that it was when it was found.
    """

    def __init__(self, process: Process, proc: Path = PROC) -> None:
        self.process = process
        self._proc = proc
        self._poll: select.poll | None = None
        try:
            self._descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            raise TargetError(
                f"process {process.pid} ({process.executable}) has exited; look for its successor"
            ) from None
        except OSError as error:
            way_out = "use Linux 5.3 or newer" if error.errno == errno.ENOSYS else "raise the limit (`ulimit -n`)"
            raise TargetError(
                f"process {process.pid} ({process.executable}) cannot be held: {error.strerror}; {way_out}"
            ) from None
        if not is_same(process, proc):  # the descriptor is of whoever has the id now
            self.close()
            raise TargetError(
                f"process {process.pid} is not {process.executable} any more; look for the program's new process id"
            )

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def alive(self) -> bool:
        """Whether it still runs, and still the same program: False from its exit or exec on, and after close()."""
        return self.running() and is_same(self.process, self._proc)

    def running(self) -> bool:
        """Whether it still runs, perhaps another program: a fraction of what alive() takes."""
        if self._descriptor < 0:
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLIN)
        return not self._poll.poll(0)

    def close(self) -> None:
        """Let go. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
