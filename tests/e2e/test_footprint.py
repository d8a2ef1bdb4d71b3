"""What the agent itself takes on a node."""

import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import agent
from tests.support.pipeline import LONG_ONLY, check_everything
from tests.support.shop import shop
from tests.support.stack import Stack

MOST_BYTES = 64_000_000


@pytest.mark.parametrize("backend", ["libbpf", "bcc"])
def test_an_agent_for_one_program_stays_within_64_megabytes(
    stack: Stack, workload: Callable[..., Path], tmp_path: Path, backend: str
) -> None:
    """Resident, over HTTP, with all planes, after some rounds; what only the analysis or gRPC needs is not there."""
    service = f"shop-{uuid.uuid4().hex[:8]}"
    with shop(workload("shop", go="1.27.3"), env={"OTEL_SERVICE_NAME": service}) as program:
        flags = (program.pid, "--interval", 1, "--endpoint", stack.collector.http, "--backend", backend)
        with agent(tmp_path / "log", *flags, env=LONG_ONLY) as running:
            running.wait_attached()
            program.go()
            check_everything(stack, service, program)  # so that everything it needs is there
            pages = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1])
            mapped = Path(f"/proc/{running.pid}/maps").read_text()

    assert set() == set(re.findall(r"capstone|grpc|libbcc", mapped))
    assert pages * os.sysconf("SC_PAGE_SIZE") <= MOST_BYTES
