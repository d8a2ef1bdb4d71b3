"""Recorded runs of real programs, through the pure stages: no kernel, no program, the same answer every time."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from otelchan.gobinary.types import Frame
from otelchan.kernel.types import MAPS, decode_block
from otelchan.memory.types import Census, Channel
from otelchan.model.observation import KernelState, Observation
from otelchan.model.tables import Tables
from otelchan.model.types import Snapshot
from otelchan.model.world import World
from otelchan.target.types import Process
from tests.replay.capture import DATA, EPOCH, TARGET_ID
from tests.support.images import go_image

PROCESS = Process(42, 1, 0, "/srv/shop", (1, 2), "/proc/42/exe", ())
RECORDINGS = sorted(DATA.glob("*.json"))


@pytest.fixture(params=RECORDINGS, ids=lambda path: path.stem)
def recording(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One recorded run."""
    path: Path = request.param
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def arrays(recording: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Keys and values of one kernel map, as they were read."""
    keys, values = (bytes.fromhex(raw) for raw in recording["tables"][name])
    key, value = MAPS[name]
    return np.frombuffer(keys, key), np.frombuffer(values, value)


def replay(recording: dict[str, Any]) -> Snapshot:
    """What the model makes of it."""
    frames = {int(pc): tuple(Frame(*frame) for frame in found) for pc, found in recording["frames"].items()}
    reasons = {int(number): text for number, text in recording["wait_reasons"].items()}
    world = World(PROCESS, go_image(frames, wait_reasons=reasons), 0, 0)
    for plane in ("makes", "waits", "operations"):
        world.plane_attached(plane, 1, KernelState())
    tables = Tables(*(arrays(recording, name) for name in Tables._fields))
    for data in recording["records"]:
        world.add_block(decode_block(bytes.fromhex(data)), 0)
    census = msgspec.convert(recording["census"], Census)
    channels = [msgspec.convert(channel, Channel) for channel in recording["channels"]]
    seen = Observation(
        time_unix_ns=census.time_unix_ns,
        monotonic_ns=census.monotonic_ns,
        kernel=tables.of(TARGET_ID, EPOCH, {}),
        census=census,
        channels={channel.address: channel for channel in channels if channel.allocated is not False},
        planes={},
    )
    return world.snapshot(seen)


def test_there_are_recordings() -> None:
    """An empty folder would make every test of this file pass by not running."""
    assert [path.stem for path in RECORDINGS] == ["shop-go1.26.8", "shop-go1.27.3"]


def test_counts_and_gauges_equal_the_programs_own_report(recording: dict[str, Any]) -> None:
    """Every channel by the place of its make: operations, lag and waiters."""
    views = {view.name.split()[-1]: view for view in replay(recording).channels if view.kind == "user"}
    seen = {
        place: (
            view.processed["send", "ok"].value,
            view.processed["recv", "ok"].value,
            view.processed["recv", "closed"].value,
            view.lag,
            view.waiters["send"],
            view.waiters["recv"],
            view.element_type,
        )
        for place, view in views.items()
    }
    expected = {
        place: (
            t["sends"],
            t["recvs"],
            t["closed_recvs"],
            t["length"] + t["blocked_senders"],
            t["blocked_senders"],
            t["blocked_receivers"],
            t["element_type"],
        )
        for place, t in recording["truth"].items()
    }
    gone = {place for place, view in views.items() if not view.channels}  # collected: nothing tells the element type
    assert {p: s[:-1] if p in gone else s for p, s in seen.items()} == {
        p: e[:-1] if p in gone else e for p, e in expected.items()
    }


def test_blocked_goroutines_have_their_lines(recording: dict[str, Any]) -> None:
    """All that are stuck are listed with the channel and the line they are stuck at."""
    blocked = replay(recording).blocked
    truth = recording["truth"].values()

    assert len(blocked) == sum(t["blocked_senders"] + t["blocked_receivers"] for t in truth)
    assert {b.frames[0].function for b in blocked} >= {"main.file", "main.waitForWish"}


def test_spans_have_stack_reason_and_waker(recording: dict[str, Any]) -> None:
    """Each recorded wait over 10 ms becomes a span with a complete stack and the goroutine that ended it."""
    spans = replay(recording).spans

    assert len(spans) == len(recording["records"])
    for span in spans:
        assert span.end_unix_ns - span.start_unix_ns >= 10_000_000
        assert span.stack_complete
        assert span.frames
        assert span.wait_reason in ("chan send", "chan receive", "select")
        assert span.waker
        assert span.waker.goroutine_id != span.goroutine_id
