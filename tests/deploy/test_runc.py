"""The containers of the tests are given what containerd gives: its own code says the same today."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest

from scripts.stack import find_go
from tests.support.gobuild import DEFAULT_GO
from tests.support.runc import CAPABILITIES, DEFAULTS, Image, container, specification


def allowed(*caps: str) -> set[str]:
    """System calls that the profile names for who has these capabilities."""
    spec = specification(
        ["x"], environment={}, caps=caps, mounts=(), pid="new", uid=0, seccomp=True, memory=None
    )  # fmt: skip
    return {name for rule in spec["linux"]["seccomp"]["syscalls"] for name in rule["names"]}


def test_the_defaults_are_those_of_containerd() -> None:
    """Again: (cd tests/support/containerd && go run . >defaults.json)."""
    environment = {**os.environ, "GOTOOLCHAIN": f"go{DEFAULT_GO}", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    done = subprocess.run(
        [find_go(), "run", "."], cwd=DEFAULTS.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout) == json.loads(DEFAULTS.read_text())


def test_the_profile_allows_bpf_to_who_has_the_capability() -> None:
    """And reading memory and samples likewise: nothing of it without."""
    calls = {"bpf", "perf_event_open", "process_vm_readv", "open_by_handle_at"}
    assert calls <= allowed(*CAPABILITIES)
    assert calls - {"process_vm_readv"} == calls - allowed()
    assert {"bpf"} == allowed("BPF") - allowed()


@pytest.mark.kernel
def test_a_container_leaves_no_control_group(image: Image) -> None:
    """Neither its own, nor those above it that were not there before, in any hierarchy."""
    top = f"otelchan-{uuid.uuid4().hex[:12]}"
    with container(image, "--version", cgroup=f"/{top}/pod/one") as first:
        assert [] != groups(top)
        with container(image, "--version", cgroup=f"/{top}/pod/two") as second:
            assert (0, 0) == (first.wait(), second.wait())
    assert [] == groups(top)


def groups(name: str) -> list[Path]:
    """Control groups of that name at the top of a hierarchy, of version 1 or 2."""
    return [path for pattern in (name, f"*/{name}") for path in Path("/sys/fs/cgroup").glob(pattern)]
