"""Least privilege in a container: each of the four capabilities taken away in turn. What fails is what the table of
docs/permissions.md says, in its words.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.forms import WRITABLE, application
from tests.support.runc import CAPABILITIES, Container, Image, container

pytestmark = pytest.mark.kernel

PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
STRANGER = 1000


class Program(NamedTuple):
    """A program of somebody else, in a container of its own, that only its user may read."""

    container: Container
    path: str


def table() -> dict[str, list[str]]:
    """What is said without each capability: the quotations in the third column, in their order."""
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `CAP_")]
    return {row[0].strip("| `"): re.findall(r'"([^"]+)"', row[2]) for row in rows}


def pattern(text: str) -> str:
    """For a text with … in the place of what differs."""
    return ".+".join(re.escape(part) for part in text.split("…"))


@pytest.fixture(scope="module")
def program(workload: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """It leaks."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    image = application(tmp_path_factory.mktemp("stranger"), workload("leaky"), name, STRANGER)
    with container(image, uid=STRANGER) as running:
        yield Program(running, f"/app/{name}")


def run(image: Image, *arguments: str | int, without: str = "") -> tuple[int, str]:
    """Status and log of a short run, with all four but one."""
    kept = [name for name in CAPABILITIES if name != without]
    line = ("run", *arguments, "--duration", "1", "--otlp-file", "/tmp/otlp.jsonl")
    with container(image, *line, caps=kept, pid="host", mounts=WRITABLE) as running:
        return running.wait(120), running.errors


def test_with_all_four_it_is_watched(image: Image, program: Program) -> None:
    """Nothing is refused and nobody is warned."""
    status, log = run(image, program.container.pid)
    assert 0 == status, log
    assert "all planes are attached" in log
    assert "WARNING" not in log


@pytest.mark.parametrize("missing", CAPABILITIES)
def test_what_is_refused_without_one_is_what_the_table_says(missing: str, image: Image, program: Program) -> None:
    """One sentence that names the capability, and nothing else."""
    said, *_ = table()[f"CAP_{missing}"]
    status, log = run(image, program.container.pid, without=missing)
    assert 2 == status, log
    *_, last = log.strip().splitlines()
    assert re.search(pattern(said), last), log
    assert f"CAP_{missing}" in last
    assert "Traceback" not in log


@pytest.mark.parametrize("missing", ["SYS_PTRACE", "DAC_READ_SEARCH"])
def test_who_watches_everything_is_told_what_is_not_seen(missing: str, image: Image, program: Program) -> None:
    """With --all a program that cannot be read is no error, but a warning says so in the words of the table."""
    _, said = table()[f"CAP_{missing}"]
    status, log = run(image, "--all", "--include", program.path, without=missing)
    assert 0 == status, log
    assert re.search(f"WARNING {pattern(said)}", log), log
    assert "planes are attached" not in log


def test_nothing_else_is_needed(image: Image) -> None:
    """With every other capability and without these four nothing can be loaded."""
    others = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETUID", "SETGID", "NET_ADMIN", "SYSLOG")
    with container(image, "doctor", caps=others, pid="host", mounts=WRITABLE) as running:
        status = running.wait(60)
    assert 1 == status, running.output
    assert re.search(r"FAULT +privileges .*probes need CAP_BPF and CAP_PERFMON", running.output)
