"""What tests share: skipping with a reason, waiting, the real back ends, built Go programs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")

UPROBE_TYPE = Path("/sys/bus/event_source/devices/uprobe/type")
OLDEST_UPROBE_MULTI = (6, 6)


def require_kernel(reason: str) -> NoReturn:
    """Skip the test for `reason`, something that this machine lacks; where everything must run
    (OTELCHAN_REQUIRE_KERNEL=1, as in .ci/run) fail it instead.
    """
    if os.environ.get("OTELCHAN_REQUIRE_KERNEL") == "1":
        pytest.fail(f"OTELCHAN_REQUIRE_KERNEL=1, and {reason}", pytrace=False)
    pytest.skip(reason)


def missing_for_kernel_tests() -> str | None:
    """Why probes cannot be attached here, or None when nothing is known to be in the way."""
    if os.geteuid() != 0:
        return "attaching probes needs root"
    if not UPROBE_TYPE.exists():
        return f"this kernel has no uprobes ({UPROBE_TYPE} does not exist)"
    major, minor = os.uname().release.split(".")[:2]
    if (int(major), int(minor)) < OLDEST_UPROBE_MULTI:
        return f"kernel {os.uname().release} is older than 6.6, which brought uprobe_multi"
    return None


def eventually(probe: Callable[[], T], timeout: float = 30.0, every: float = 0.25) -> T:
    """Call `probe` until it gives something truthy, and return that.

    An AssertionError of the probe counts as "not yet"; after `timeout` seconds it, or the last value, is the failure.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: AssertionError | None = None
        value: T | None = None
        try:
            value = probe()
        except AssertionError as error:
            failure = error
        if value:
            return value
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"after {timeout:g} s still {value!r}")
        time.sleep(every)
