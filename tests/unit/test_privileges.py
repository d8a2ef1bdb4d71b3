"""What the agent may still do once it runs, and why."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from otelchan.config import Config, Dumps
from otelchan.kernel.capabilities import Capability, alone, keep, permitted
from otelchan.kernel.links import Attach
from otelchan.privileges import files, folders, needs, say_who_is_not_seen, usable_alone
from otelchan.target.selection import Selection

NAMED = {
    "searches": False,
    "way": Attach.MULTI,
    "budget": False,
    "maps_alone": True,
    "memory_alone": True,
    "files_alone": True,
}


@pytest.mark.parametrize(
    ("different", "expected"),
    [
        ({}, set()),
        ({"memory_alone": False}, {Capability.SYS_PTRACE}),
        ({"searches": True}, {Capability.SYS_PTRACE, Capability.DAC_READ_SEARCH}),
        ({"budget": True}, {Capability.PERFMON, Capability.SYS_NICE}),
        ({"way": Attach.PERF}, {Capability.SYS_ADMIN}),
        ({"way": Attach.PERF, "budget": True}, {Capability.SYS_ADMIN, Capability.PERFMON}),
        ({"maps_alone": False}, {Capability.BPF, Capability.PERFMON}),
        ({"files_alone": False}, {Capability.DAC_OVERRIDE}),
    ],
)
def test_only_what_has_a_reason_stays(different: dict[str, Any], expected: set[Capability]) -> None:
    """Programs that were named, a kernel with uprobe_multi and no budget need nothing; each thing more adds its own."""
    found = needs(**{**NAMED, **different})

    assert expected == set(found)
    assert all(found.values())


def test_what_is_given_up_is_gone_in_that_thread_and_those_it_starts() -> None:
    """And in no other."""
    before, seen = permitted(), []

    def work() -> None:
        keep(())
        seen.append(permitted())
        child = threading.Thread(target=lambda: seen.append(permitted()))
        child.start()
        child.join()

    alone(work, *before)

    assert [frozenset(), frozenset()] == seen
    assert before == permitted()


def test_what_goes_wrong_alone_is_raised_to_who_asked() -> None:
    """As if it had been done here."""
    with pytest.raises(FileNotFoundError):
        alone(lambda: Path("/nonexistent").stat())


def test_a_thread_keeps_what_it_asked_to_keep() -> None:
    """Of what it had: nothing is gained."""
    assert permitted() & {Capability.SYS_PTRACE} == alone(permitted, Capability.SYS_PTRACE)


def test_files_that_are_opened_later_are_known(tmp_path: Path) -> None:
    """The folder of what is written, what is there of it, and keys."""
    there = tmp_path / "metrics.jsonl"
    there.touch()

    assert [] == files(Config())
    assert [(tmp_path, os.W_OK | os.X_OK), (there, os.W_OK)] == files(
        Config(otlp_file=str(tmp_path / "{signal}.jsonl"))
    )


def test_a_file_behind_a_folder_that_may_not_be_entered_is_no_reason_to_stop(tmp_path: Path) -> None:
    """Whoever opens it says what is wrong with it."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)

    found = alone(lambda: files(Config(otlp_file=str(closed / "below" / "otlp.jsonl"))))

    assert [(closed / "below", os.W_OK | os.X_OK)] == found


def test_folders_that_are_written_to_later_are_known(tmp_path: Path) -> None:
    """Of locks and of dumps; where one is not there yet, the one in which it will be made."""
    locks, dumps = tmp_path / "locks", tmp_path / "new" / "dumps"
    locks.mkdir()

    assert [(locks, os.W_OK | os.X_OK), (tmp_path, os.W_OK | os.X_OK)] == folders(
        Config(dumps=Dumps(folder=str(dumps))), locks
    )


def test_only_what_a_capability_opens_is_a_reason_to_keep_it(tmp_path: Path) -> None:
    """Not what cannot be written to with all of them either."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    assert usable_alone([(tmp_path, os.W_OK)])
    assert usable_alone([(tmp_path, os.W_OK), (tmp_path / "none", os.W_OK)])
    assert usable_alone([(closed, os.W_OK)]) == (Capability.DAC_OVERRIDE not in permitted())


def test_where_nothing_can_be_given_up_the_work_is_done_all_the_same() -> None:
    """As under a profile that forbids it: then the agent says that it could not."""
    code = (
        "from otelchan.kernel.capabilities import alone, permitted\n"
        "from tests.support.seccomp import refuse\n"
        "refuse(126)\n"  # capset, x86-64
        "print(alone(permitted) == permitted())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ("True\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(all=True), ["programs of other users", "programs whose executables this user may not read"]),
        (Selection(exe=("/srv/*",)), ["programs of other users", "programs whose executables this user may not read"]),
        (Selection(pids=(1,)), []),  # who is named and may not be looked at is refused by name
    ],
)
def test_who_looks_for_programs_is_told_which_it_cannot_see(
    selection: Selection, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """They are passed over as if they were not Go, so nothing else would say it."""
    alone(lambda: say_who_is_not_seen(selection))
    assert said == [message.split(" are not seen: ")[0] for message in caplog.messages]
