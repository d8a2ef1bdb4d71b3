"""A hold on a process of this machine."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otelchan.errors import TargetError
from otelchan.target.handle import Handle
from otelchan.target.process import by_pid
from tests.support.proc import Proc

SLEEPER = "import sys; sys.stdin.read()"
CHANGER = "import os, sys; sys.stdin.readline(); os.execv('/bin/cat', ['cat'])"


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does what the test says it does until its input is closed."""
    program = getattr(request, "param", SLEEPER)
    with subprocess.Popen([sys.executable, "-S", "-c", program], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_is_alive_until_it_exits(child: subprocess.Popen[bytes]) -> None:
    """Also while nobody has collected its exit status."""
    with Handle(by_pid(child.pid)) as handle:
        assert handle.alive()
        child.kill()
        for _ in range(500):
            if not handle.alive():
                break
            time.sleep(0.01)
        assert not handle.alive()


def test_an_exit_is_known_from_the_descriptor(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Whatever /proc says: by then the process id may be another one's."""
    proc = Proc(tmp_path)
    proc.add(child.pid, proc.program("api"))
    with Handle(by_pid(child.pid, proc.path), proc.path) as handle:
        assert handle.alive()
        child.kill()
        child.wait()
        assert not handle.alive()


@pytest.mark.parametrize("child", [CHANGER], indirect=True)
def test_another_program_in_the_same_process_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    """After an exec the process is there, the program is not."""
    with Handle(by_pid(child.pid)) as handle:
        assert handle.alive()
        assert child.stdin
        child.stdin.write(b"\n")
        child.stdin.flush()
        for _ in range(500):
            if not handle.alive():
                break
            time.sleep(0.01)
        assert (False, None) == (handle.alive(), child.poll())


def test_a_process_that_has_exited_cannot_be_held(child: subprocess.Popen[bytes]) -> None:
    """The sentence names it and its executable."""
    process = by_pid(child.pid)
    child.kill()
    child.wait()

    with pytest.raises(TargetError, match=f"process {child.pid} .* has exited; look for its successor"):
        Handle(process)


def test_no_descriptor_is_left(child: subprocess.Popen[bytes]) -> None:
    """The limit is to be raised: that is what the error says, not that the kernel is too old."""
    process = by_pid(child.pid)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(TargetError) as error:
            Handle(process)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert str(error.value).endswith("cannot be held: Too many open files; raise the limit (`ulimit -n`)")


def test_a_process_that_took_over_the_id_is_not_held(child: subprocess.Popen[bytes]) -> None:
    """It started at another time."""
    process = by_pid(child.pid)

    with pytest.raises(TargetError, match=f"process {child.pid} is not .* any more"):
        Handle(replace(process, start_ticks=process.start_ticks - 1))


def test_what_was_let_go_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    """And can be let go again."""
    handle = Handle(by_pid(child.pid))
    handle.close()
    handle.close()

    assert not handle.alive()
