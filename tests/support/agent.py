"""The real otelchan, run as people run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import eventually

OTELCHAN = Path(__file__).parents[2] / ".venv" / "bin" / "otelchan"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without anything that configures otelchan or OpenTelemetry, and `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTELCHAN_"))}
    return {**kept, "PYTHONFAULTHANDLER": "1", **(extra or {})}


def otelchan(
    *arguments: str | int | Path, env: Mapping[str, str] | None = None, timeout: float = 120, inside: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. inside: a command that it is the end of, see tests.support.machines."""
    command = [*inside, str(OTELCHAN), *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env=clean_environment(env), check=False
    )


class Agent:
    """A running `otelchan run`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._log = log

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def wait_for(self, pattern: str, count: int = 1, timeout: float = 60) -> None:
        """Until that many lines of the log match."""

        def enough() -> bool:
            found = re.findall(pattern, self.log, re.M)
            assert self.process.poll() is None or len(found) >= count, f"otelchan ended:\n{self.log}"
            assert len(found) >= count, f"{pattern!r} is {len(found)} times in the log, not {count}:\n{self.log}"
            return True

        eventually(enough, timeout)

    def wait_attached(self, programs: int = 1) -> None:
        """Until every plane of that many programs has passed its trial."""
        self.wait_for(r"all planes are attached", programs)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def agent(
    log: Path, *arguments: str | int | Path, env: Mapping[str, str] | None = None, inside: Sequence[str] = ()
) -> Iterator[Agent]:
    """`otelchan run ...` with its log in a file; it is stopped with the block, and must have ended well.

    inside: a command that becomes it, see tests.support.machines.
    """
    command = [*inside, str(OTELCHAN), "run", *(str(argument) for argument in arguments)]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, stderr=stderr, stdout=subprocess.DEVNULL, text=True, env=clean_environment(env)
        )
        running = Agent(process, log)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(30)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # faulthandler writes to the log where it is
                status = process.wait(30)
    assert status == 0, f"otelchan ended with {status}:\n{running.log}"
