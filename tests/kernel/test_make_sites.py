"""Every channel of a real program comes from a place that its code was said to make such channels at."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import UNNAMED
from otelchan.memory.channels import read_channels
from otelchan.memory.live import LiveReader
from otelchan.memory.types import Channel
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from tests.support.gobuild import EVERY_GO
from tests.support.kinds import KINDS

TARGET = 1
FEWEST = 30  # channels that `makes` keeps
BUILDS = [
    *((go, "plain") for go in EVERY_GO),
    *((go, kind) for go in (EVERY_GO[0], EVERY_GO[-1]) for kind in ("cgo", "race", "unoptimised")),
]


def made(binary: Path, image: GoImage) -> list[tuple[int, Channel]]:
    """Every channel that is alive at the end, with the return address of its make, from the first instruction on."""
    session = Session(attach="multi")
    try:
        sites = make_plan(image, TARGET, str(binary)).planes[Plane.MAKES]
        session.write_target(TARGET, target_entry(image, 0))
        session.attach(str(binary), [s.file_offset for s in sites], [s.cookie for s in sites], 0)
        with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout
            kept = int(program.stdout.readline())
            keys, values = session.items("channels")
            found = dict(zip(keys["id"].tolist(), values["name_key"].tolist(), strict=True))
            reader = LiveReader(program.pid)
            channels = read_channels(reader, image.layout, image.globals, 0, found)
            program.kill()
    finally:
        session.close()
    alive = [(found[address], channel) for address, channel in channels.items() if channel.allocated]
    assert len(alive) >= kept > FEWEST
    return alive


@pytest.mark.parametrize(("go", "kind"), BUILDS)
def test_every_channel_was_made_at_a_known_place_of_its_type_and_capacity(go: str, kind: str, tmp_path: Path) -> None:
    """The place that a probe saw is in the list, with the element type and the capacity that the channel has; what
    reflection made has its caller's place, which no list can have."""
    (found,) = [each for each in KINDS if each.name == kind]
    binary = Path(shutil.copy2(found.build("makes", go), tmp_path))  # nobody else runs this file
    image = analyse(binary)
    known: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for site in image.make_sites:
        known[site.return_address].add((site.element_type, site.capacity))

    seen = made(binary, image)
    unknown = []
    for place, channel in seen:
        assert not place & UNNAMED
        element, capacity = channel.element_type_address, channel.capacity
        fitting = {(type_, size) for type_ in (element, 0) for size in (capacity, -1)}
        if not known[place] & fitting and not channel.timer:
            unknown.append((image.functions.frames(place)[0].place, channel.element_type, capacity))
    reflected = [each for each in unknown if each[1] == "complex64"]

    print(f"go{go} {kind}: {len(seen)} channels, {len(known)} places")
    assert [(1, "main.main")] == [(len(reflected), reflected[0][0].split()[0])]
    assert unknown == reflected
