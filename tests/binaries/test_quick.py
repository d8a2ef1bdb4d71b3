"""Whether a file is a Go executable, at a glance."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from otelchan.gobinary.quick import is_go
from tests.support.gobuild import EVERY_GO


@pytest.mark.parametrize("go", (EVERY_GO[0], EVERY_GO[-1]))
@pytest.mark.parametrize("flags", [(), ("-ldflags=-s -w",), ("-buildmode=pie",), ("-ldflags=-buildid=",)])
def test_what_go_has_built_is_recognised(workload: Callable[..., Path], go: str, flags: tuple[str, ...]) -> None:
    """Stripped, position independent, or without a build ID."""
    assert is_go(workload("swift", go=go, flags=flags))


def test_what_is_no_go_program_is_not(tmp_path: Path) -> None:
    """Other executables, text, the beginning of a header, nothing, no file."""
    (tmp_path / "short").write_bytes(b"\x7fELF\x02\x01" + bytes(20))
    (tmp_path / "empty").write_bytes(b"")
    files = [tmp_path / "short", tmp_path / "empty", tmp_path / "none"]
    others = [Path(sys.executable), Path(str(shutil.which("sh"))), Path(__file__), *files]

    assert [False] * len(others) == [is_go(path) for path in others]


def test_a_header_that_says_nonsense_is_an_answer_and_no_error(workload: Callable[..., Path], tmp_path: Path) -> None:
    """Each byte of it in turn, with three values."""
    data = workload("swift").read_bytes()[:4096]
    broken = tmp_path / "broken"
    for place in range(6, 64):
        for value in (0, 0x7F, 0xFF):
            broken.write_bytes(data[:place] + bytes([value]) + data[place + 1 :])
            assert is_go(broken) in (True, False)
    os.truncate(broken, 64)
    assert not is_go(broken)
