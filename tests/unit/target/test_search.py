"""Looking for processes again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelchan.target.search import Search, files_on_disk
from otelchan.target.selection import Rule, Selection
from tests.support.proc import Proc


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """An empty /proc."""
    return Proc(tmp_path)


class Asked:
    """Says of files whose names begin with "go" that they are candidates, and remembers what it was asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, path: str) -> bool:
        self.paths.append(Path(path).resolve().name)
        return self.paths[-1].startswith("go")


def test_what_is_meant_and_not_known_is_found_each_time(proc: Proc) -> None:
    """Until it is watched; this agent and the known are left out."""
    for pid in (1, 2, 3, 4):
        proc.add(pid, proc.program("go-api"))
    search = Search(Selection(all=True), Asked(), proc.path, own_pid=4)

    assert [1, 2, 3] == [process.pid for process in search.look(set()).found]
    assert [1, 3] == [process.pid for process in search.look({2}).found]
    assert search.look(set()).running == {1, 2, 3, 4}


def test_a_file_is_asked_about_once(proc: Proc) -> None:
    """However many processes run it, and however often they are looked at."""
    for pid in (1, 2, 3):
        proc.add(pid, proc.program("bash"))
    asked = Asked()
    search = Search(Selection(all=True), asked, proc.path)

    assert [] == search.look(set()).found
    assert [] == search.look(set()).found
    assert asked.paths == ["bash"]
    assert search.passed == 3


def test_a_process_that_becomes_another_program_is_looked_at_again(proc: Proc) -> None:
    """As a shell does with its last command."""
    proc.add(1, proc.program("bash"))
    search = Search(Selection(all=True), Asked(), proc.path)
    assert [] == search.look(set()).found

    proc.add(1, proc.program("go-api"))

    assert [1] == [process.pid for process in search.look(set()).found]


def test_who_is_not_meant_is_said_once(proc: Proc) -> None:
    """So that no probe of others gets into it."""
    proc.add(1, proc.program("go-api"), cgroup="0::/tests/a")
    search = Search(Selection(all=True, rules=(Rule(cgroup="/tests/*", exclude=True),)), Asked(), proc.path)

    assert [1] == [process.pid for process in search.look(set()).unwanted]
    assert [] == search.look(set()).unwanted


def test_files_are_looked_for_where_whole_paths_say(tmp_path: Path) -> None:
    """Executable files only, and none that is excluded; a glob of names says nothing about where."""
    for name in ("go-a", "go-b", "text"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755 if name != "text" else 0o644)
    (tmp_path / "go-folder").mkdir()

    def found(*exe: str, exclude: str = "none") -> list[str]:
        return sorted(path.name for path in files_on_disk(Selection(exe=exe, exclude=(exclude,))))

    assert found(f"{tmp_path}/*") == ["go-a", "go-b"]
    assert found(f"{tmp_path}/go-a", f"{tmp_path}/go-z") == ["go-a"]
    assert found(f"{tmp_path}/go-?", exclude="*-a") == ["go-b"]
    assert found("go-*", "*/go-a") == []
