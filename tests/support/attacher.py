"""A process that attaches all planes to a program and waits, to be killed: PID BINARY WAY [NUMBER:ERRNO]...

The numbers are system calls that it may not make once the kernel side is loaded.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otelchan.gobinary.image import analyse
from otelchan.kernel.session import Session
from otelchan.plan.planner import make_plan
from tests.support.kills import traps
from tests.support.seccomp import refuse

ATTACHED = "attached"
_ROOT = Path(__file__).parents[2]


def main(pid: int, binary: str, way: str, refused: list[str]) -> None:
    """Attach, say so, and wait for half a minute."""
    logging.basicConfig(level=logging.DEBUG, format="%(message)s", stream=sys.stdout)
    plan, session = make_plan(analyse(Path(binary)), 1, binary), Session(attach=way)
    for one in refused:
        number, _, error = one.partition(":")
        refuse(int(number), error=int(error))
    for sites in plan.planes.values():
        session.attach(plan.path, [s.file_offset for s in sites], [s.cookie for s in sites], pid)
    print(ATTACHED, flush=True)
    time.sleep(30)


@contextmanager
def attacher(
    pid: int, binary: Path, way: str, *refused: tuple[int, int]
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """One that has attached, and what it said before; it is killed with the block."""
    command = [sys.executable, "-m", __name__, str(pid), str(binary), way]
    command += [f"{number}:{error}" for number, error in refused]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    try:
        assert process.stdout
        said = ""
        for line in process.stdout:
            if line.strip() == ATTACHED:
                break
            said += line
        yield process, said
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def gone_after_kill(process: subprocess.Popen[str], pid: int, sites: list[int]) -> float:
    """Seconds from SIGKILL until the program has no trap."""
    begin = time.monotonic()
    process.kill()
    while traps(pid, sites):
        assert time.monotonic() - begin < 30
    return time.monotonic() - begin


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
