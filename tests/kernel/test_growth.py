"""One process with very many goroutines and channels: memory stays bounded, and what does not fit is counted.

`make bench-growth` does the same with a million goroutines.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.mapsize import map_memory
from otelchan.kernel.session import LIMITS, Session
from otelchan.kernel.types import UNNAMED, Loss
from otelchan.model.names import Namer
from tests.support import eventually
from tests.support.agent import agent
from tests.support.everyop import attach
from tests.support.growth import Growth, counted, growth, newest, resident_mb
from tests.support.machines import replacing

GO = "1.27.3"
GOROUTINES = 200_000
CHANNELS = 20_000
USES = 3
MOST_MB = 300
TARGET_ID = 3
FAR = 1 << 62
PER_CPU = {5, 6, 10}  # BPF_MAP_TYPE_PERCPU_HASH, _PERCPU_ARRAY, _LRU_PERCPU_HASH of linux/bpf.h
POSSIBLE = Path("/sys/devices/system/cpu/possible")
ENTRIES = 131072
MAPS = f"""
import json, os
from otelchan.kernel.session import Session
from tests.support.growth import maps_of
session = Session(parked_entries={ENTRIES})
print(json.dumps(maps_of(os.getpid())))
session.close()
"""


@pytest.fixture(scope="module")
def binary(workload: Callable[..., Path]) -> Path:
    """The program."""
    return workload("growth", go=GO)


@pytest.fixture(scope="module")
def image(binary: Path) -> GoImage:
    """What is known of it."""
    return analyse(binary)


@pytest.fixture
def program(binary: Path) -> Iterator[Growth]:
    """It runs."""
    with growth(binary) as running:
        yield running


def lost(session: Session, reason: Loss) -> int:
    """How many of them."""
    return int(session.tally(TARGET_ID)["lost"][reason])


def is_of_the_runtime(image: GoImage, key: int) -> bool:
    """The collector's workers start through a channel of theirs."""
    name = None if key & UNNAMED else Namer(image).made_at(key)
    return name is not None and name.kind == "runtime"


def test_two_hundred_thousand_goroutines_and_twenty_thousand_channels_are_counted_to_the_last(
    program: Growth, tmp_path: Path
) -> None:
    """Every element through every channel, by an agent that stays small, and nothing is lost."""
    assert GOROUTINES == program.tell("block", GOROUTINES)
    lines = tmp_path / "otlp.jsonl"
    options = ("--interval", 2, "--max-overhead", "off", "--otlp-file", lines)
    with agent(tmp_path / "log", program.pid, *options) as running:
        running.wait_for("all planes are attached", timeout=180)
        passed = program.tell("wake", GOROUTINES // 2)
        assert CHANNELS == program.tell("channels", CHANNELS)
        passed += program.tell("use", USES)
        eventually(lambda: newest(lines, "otelchan.map.entry.count").get("channels", 0) >= CHANNELS, timeout=60)
        eventually(lambda: counted(lines) == {"send": passed, "recv": passed}, timeout=60)
        _, peak = resident_mb(running.pid)

    assert {"send": passed, "recv": passed} == counted(lines)
    assert GOROUTINES + 1 <= newest(lines, "go.goroutine.count")[""] <= GOROUTINES + 20
    assert GOROUTINES // 2 <= newest(lines, "otelchan.map.entry.count")["parked"] <= GOROUTINES
    losses = newest(lines, "otelchan.event.lost")
    assert {"park": 0, "count": 0, "histogram": 0} == {name: losses[name] for name in ("park", "count", "histogram")}
    assert peak < MOST_MB


def test_parks_without_room_are_counted(program: Growth, image: GoImage) -> None:
    """As many as there is room for are kept; every other one is lost, and said to be."""
    room, goroutines = 1024, 5_000
    session = Session(parked_entries=room)
    try:
        attach(session, image, program.pid)
        program.tell("block", goroutines)
        keys, _ = session.items("parked")
        assert (room, goroutines - room) == (len(keys), lost(session, Loss.PARK))

        program.tell("wake", goroutines)
        assert lost(session, Loss.UNPARKED) == goroutines - room
    finally:
        session.close()


def test_more_channels_than_the_kernel_side_keeps_lose_their_names_and_are_counted(
    program: Growth, image: GoImage
) -> None:
    """Those that were made longest ago; what passes through them is counted under their addresses, as far as there is
    room for these, and every element that is counted nowhere is a loss."""
    room = LIMITS["channels"]
    session = Session()
    try:
        attach(session, image, program.pid)
        program.tell("channels", 20_000)
        used = program.tell("use", 1)
        assert (0, 0) == (lost(session, Loss.NAME), lost(session, Loss.COUNT))

        made = program.tell("channels", room + 10_000)
        used = program.tell("use", 1)
        keys, counts = session.items("counts")
        by_address = (keys["id"] & UNNAMED) != 0
        names = lost(session, Loss.NAME)
        nowhere = lost(session, Loss.COUNT)
        own = counts[[not is_of_the_runtime(image, key) for key in keys["id"].tolist()]]
        seen = int(own["send_ok"].sum() + own["recv_ok"].sum())
    finally:
        session.close()

    assert made == room + 30_000
    assert names >= made - room
    assert by_address.sum() > 0
    assert len(keys) <= LIMITS["counts"]
    assert 2 * used == seen + nowhere


def test_the_maps_do_not_grow_with_processors(tmp_path: Path) -> None:
    """On a machine that says it may have 128 of them: the same maps, of the same size, and none is per processor."""
    many = tmp_path / "possible"
    many.write_text("0-127\n")
    command = [sys.executable, "-c", MAPS]
    here = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    checked = ["cat", str(POSSIBLE)]
    faked = subprocess.run([*replacing(POSSIBLE, many), *checked], check=True, capture_output=True, text=True).stdout
    there = json.loads(
        subprocess.run([*replacing(POSSIBLE, many), *command], check=True, capture_output=True, text=True).stdout
    )

    assert "0-127\n" == faked
    assert len(here) > 8
    assert here == there
    assert not PER_CPU & {each["map_type"] for each in here}
    assert sum(each["memlock"] for each in there) < 1.05 * map_memory(ENTRIES).at_most
