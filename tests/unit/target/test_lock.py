"""One otelchan per target."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otelchan.errors import TargetError
from otelchan.kernel.capabilities import alone
from otelchan.target.lock import lock, watcher
from otelchan.target.types import Process

PROCESS = Process(42, 500, 0, "/srv/api", (1, 2), "/proc/42/exe", ())
HOLDER = """
import sys
from pathlib import Path
from otelchan.target.lock import lock, watcher
from otelchan.target.types import Process
with lock(Process(42, 500, 0, "/srv/api", (1, 2), "/proc/42/exe", ()), Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_one_is_told_who_is_first(tmp_path: Path) -> None:
    """Another otelchan, by its process id; when that is killed, the lock is free."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert b"held\n" == other.stdout.readline()
        with (
            pytest.raises(TargetError, match=rf"process 42 \(/srv/api\) is already watched .* id {other.pid}; stop"),
            lock(PROCESS, tmp_path),
        ):
            pass
        other.kill()
        other.wait()
        with lock(PROCESS, tmp_path):
            assert f"{os.getpid()}\n" == (tmp_path / "42-500.lock").read_text()


def test_a_lock_can_be_taken_again_after_it_was_let_go(tmp_path: Path) -> None:
    """Nothing is left behind."""
    for _ in range(2):
        with lock(PROCESS, tmp_path):
            pass

    assert [] == list(tmp_path.iterdir())


def test_a_lock_that_may_not_be_removed_any_more_is_let_go_all_the_same(tmp_path: Path) -> None:
    """As when root has given up writing where its user may not: that is no reason to end the agent."""

    def hold() -> None:
        with lock(PROCESS, tmp_path):
            tmp_path.chmod(0o500)

    alone(hold)
    left = [path.name for path in tmp_path.iterdir()]
    tmp_path.chmod(0o700)

    assert (["42-500.lock"], "") == (left, watcher(PROCESS, tmp_path))
    with lock(PROCESS, tmp_path):
        assert str(os.getpid()) == watcher(PROCESS, tmp_path)


def test_two_processes_have_two_locks(tmp_path: Path) -> None:
    """Also two that have the same id one after the other."""
    later = Process(42, 501, 0, "/srv/api", (1, 2), "/proc/42/exe", ())

    with lock(PROCESS, tmp_path), lock(later, tmp_path):
        assert 2 == len(list(tmp_path.iterdir()))


def test_the_folder_is_made(tmp_path: Path) -> None:
    """With its parents."""
    with lock(PROCESS, tmp_path / "run" / "otelchan"):
        assert (tmp_path / "run" / "otelchan" / "42-500.lock").exists()


def test_a_folder_that_cannot_be_written_is_refused_with_advice(tmp_path: Path) -> None:
    """A file is in its place, so that root is refused too."""
    (tmp_path / "otelchan").write_text("")

    with (
        pytest.raises(TargetError, match=r"the lock .*/otelchan/42-500\.lock cannot be taken: .*; run as root"),
        lock(PROCESS, tmp_path / "otelchan"),
    ):
        pass


def test_an_error_within_lets_go(tmp_path: Path) -> None:
    """As anything else that ends the watch."""
    with pytest.raises(KeyError), lock(PROCESS, tmp_path):
        raise KeyError

    assert [] == list(tmp_path.iterdir())


def test_who_watches_can_be_asked_without_taking_the_lock(tmp_path: Path) -> None:
    """Nobody, then this one, then nobody again; a file that was left behind is nobody."""
    assert "" == watcher(PROCESS, tmp_path)
    with lock(PROCESS, tmp_path):
        assert str(os.getpid()) == watcher(PROCESS, tmp_path)
    (tmp_path / "42-500.lock").write_text("4711\n")
    assert "" == watcher(PROCESS, tmp_path)


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Whoever owns the folder could have root write into any file."""
    (tmp_path / "precious").write_text("data")
    (tmp_path / "42-500.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(TargetError, match=r"42-500\.lock cannot be taken"), lock(PROCESS, tmp_path):
        pass

    assert "data" == (tmp_path / "precious").read_text()
