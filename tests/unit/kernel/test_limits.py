"""What this process may have is raised before it gives up what that takes."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from otelchan.kernel.capabilities import permitted

SYS_RESOURCE = 24  # include/uapi/linux/capability.h
SMALL, LARGER = 65_536, 131_072
CODE = """
import resource
from otelchan.kernel.capabilities import alone
from otelchan.kernel.links import allow_rings
resource.setrlimit(resource.RLIMIT_MEMLOCK, ({}, {}))
{}
print(*resource.getrlimit(resource.RLIMIT_MEMLOCK))
"""


@pytest.mark.parametrize("how", ["allow_rings()", "alone(allow_rings)"])
def test_as_much_memory_may_be_locked_as_can_be_had(how: str) -> None:
    """Without end for who has the capability, else as much as was said to be the most."""
    code = CODE.format(SMALL, LARGER, how)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    unbounded = SYS_RESOURCE in permitted() and not how.startswith("alone")
    most = resource.RLIM_INFINITY if unbounded else LARGER
    assert f"{most} {most}\n" == done.stdout
