"""The setting `planes`: what nobody wants to know has no trap and is not taken for something that failed."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from otelchan.config import Config
from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import SiteKind
from otelchan.plan.catalogue import BY_KIND, PLANE_ORDER
from tests.support import eventually
from tests.support.hammer import hammer
from tests.support.observed import observed

CONFIG = Config(interval_s=0.2, max_overhead=None, max_overhead_node=None)
TRAP = b"\xcc"
ROUNDS = 3


def trapped(pid: int, binary: Path) -> set[SiteKind]:
    """Kinds of sites with a trap in the program's memory."""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:

        def first_byte(address: int) -> bytes:
            memory.seek(address)
            return memory.read(1)

        return {site.kind for site in analyse(binary).sites if first_byte(site.address) == TRAP}


@pytest.mark.parametrize(
    ("wanted", "on"),
    [
        (("makes", "waits"), {"makes", "waits"}),
        (("polls",), {"polls"}),
        (("makes", "operations"), {"makes"}),
        ((), set()),
    ],
)
def test_only_the_planes_that_are_wanted_are_attached(
    workload: Callable[..., Path], wanted: tuple[str, ...], on: set[str]
) -> None:
    """All others are "not wanted", as if they were not there; the census goes on. Operations need waits."""
    binary = workload("hammer", go="1.27.3")
    expected = {plane.value: "on" if plane.value in on else "not wanted" for plane in PLANE_ORDER}
    with hammer(binary) as program, observed(program.pid, msgspec.structs.replace(CONFIG, planes=wanted)) as seen:
        eventually(lambda: seen.now().planes == expected)
        for _ in range(ROUNDS):  # and it stays so
            snapshot = seen.now()
            assert expected == snapshot.planes
            assert on == {BY_KIND[kind].plane.value for kind in trapped(program.pid, binary)}
            assert snapshot.goroutines.count > 0
