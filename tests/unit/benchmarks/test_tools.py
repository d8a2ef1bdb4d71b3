"""What other tools print, and what is said of those that are not to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.delve import VERSION
from benchmarks.tools import counted_by_bpftrace, counted_by_delve, dlv

BPFTRACE = """Attaching 3 probes...


@[
    runtime.chansend1+0
    main.main.func1+69
    runtime.goexit.abi0+1
]: 2560
@[
    runtime.chanrecv1+0
]: 512
"""
DELVE = """> goroutine(1): runtime.chansend1((*runtime.hchan)(0x3d58a46c8100), unsafe.Pointer(0x4bbbd0))
>> goroutine(1): runtime.chansend1 => ()
> goroutine(1): runtime.chanrecv1((*runtime.hchan)(0x3d58a46c8100), unsafe.Pointer(0x0))
"""


def test_what_bpftrace_counted_is_the_sum_over_stacks() -> None:
    """Offsets in the stacks are no counts."""
    assert 3072 == counted_by_bpftrace(BPFTRACE)
    assert 0 == counted_by_bpftrace("Attaching 3 probes...\n")


def test_what_delve_saw_is_its_calls_without_their_returns() -> None:
    """Both are printed, one line each."""
    assert 2 == counted_by_delve(DELVE)


def test_a_debugger_that_cannot_be_built_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Here because nothing may be fetched. It is then not measured, instead of ending the whole run."""
    for name in ("OTELCHAN_CACHE", "GOMODCACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GOPROXY", "off")
    tool = dlv()

    assert tool.why_not.startswith(f"delve {VERSION} could not be built: ")
    assert not list(tmp_path.rglob("dlv"))
