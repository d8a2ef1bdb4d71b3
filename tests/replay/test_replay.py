"""Recorded runs of real programs, played: no kernel, no program, no executable, the same answer every time."""

import base64
import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otelchan.commands.census import census_of_recording
from otelchan.errors import TargetError
from otelchan.kernel.types import decode_block
from otelchan.recording.format import Block, Header, events
from otelchan.recording.player import Played, play
from tests.support.gobuild import SUPPORTED_GO

DATA = Path(__file__).parent / "data"
MOST_BYTES = 300_000  # of a recording in git


class Recording(NamedTuple):
    """A recorded run of `shop`. truth: what it says it did. rounds: what is played."""

    path: Path
    truth: dict[str, Any]
    rounds: list[Played]


@pytest.fixture(scope="module", params=SUPPORTED_GO)
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """One recorded run, unpacked and played."""
    name = f"shop-go{request.param}"
    path = tmp_path_factory.mktemp("recordings") / f"{name}.rec"
    path.write_bytes(base64.b64decode((DATA / f"{name}.rec.b64").read_text()))
    truth = json.loads((DATA / f"{name}.truth.json").read_text())
    return Recording(path, truth["channels"], list(play(str(path))))


def test_recordings_are_small_and_nothing_else_is_there() -> None:
    """They are in git: text, one per release, with the truth beside it."""
    kinds = ("rec.b64", "truth.json")
    assert sorted(f"shop-go{go}.{kind}" for go in SUPPORTED_GO for kind in kinds) == sorted(
        file.name for file in DATA.iterdir()
    )
    assert all(file.stat().st_size < MOST_BYTES for file in DATA.iterdir())


def test_counts_and_gauges_equal_the_programs_own_report(recording: Recording) -> None:
    """Every channel by the place of its make: operations, lag and waiters."""
    last = recording.rounds[-1].snapshot
    views = {view.name.split()[-1]: view for view in last.channels if view.kind == "user"}
    seen = {
        place: (
            view.processed["send", "ok"].value,
            view.processed["recv", "ok"].value,
            view.processed["recv", "closed"].value,
            view.processed["send", "would_block"].value,
            view.processed["recv", "would_block"].value,
            view.closes.value if view.closes else None,
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
            t["would_block_sends"],
            t["would_block_recvs"],
            t["closes"],
            t["length"] + t["blocked_senders"],
            t["blocked_senders"],
            t["blocked_receivers"],
            t["element_type"],
        )
        for place, t in recording.truth.items()
    }
    gone = {place for place, view in views.items() if not view.channels}  # collected: nothing tells the element type
    assert {p: s[:-1] if p in gone else s for p, s in seen.items()} == {
        p: e[:-1] if p in gone else e for p, e in expected.items()
    }


def test_blocked_goroutines_have_their_lines(recording: Recording) -> None:
    """All that are stuck are listed with the channel and the line they are stuck at."""
    blocked = recording.rounds[-1].snapshot.blocked
    truth = recording.truth.values()

    assert len(blocked) == sum(t["blocked_senders"] + t["blocked_receivers"] for t in truth)
    assert {b.frames[0].function for b in blocked} >= {"main.file", "main.waitForWish"}


def test_spans_have_stack_reason_and_waker(recording: Recording) -> None:
    """Each recorded wait over 10 ms becomes a span with a complete stack and the goroutine that ended it."""
    spans = [span for played in recording.rounds for span in played.snapshot.spans]
    records = [event for event in events(str(recording.path)) if isinstance(event, Block)]

    assert len(spans) == len(records) > 20
    for span in spans:
        assert span.end_unix_ns - span.start_unix_ns >= 10_000_000
        assert span.stack_complete
        assert span.frames
        assert span.wait_reason in ("chan send", "chan receive", "select")
        assert span.waker
        assert span.waker.goroutine_id != span.goroutine_id


def test_every_round_can_be_looked_at(recording: Recording) -> None:
    """Before the program began to trade nobody was stuck; in the end everybody is who says so, with a whole stack."""
    first, last = census_of_recording(str(recording.path), 1), census_of_recording(str(recording.path))
    stuck = sum(t["blocked_senders"] + t["blocked_receivers"] for t in recording.truth.values())

    assert ("recording", 1, len(recording.rounds)) == (
        first["source"],
        first["origin"]["round"],
        first["origin"]["rounds"],
    )
    assert 0 == sum(reason.startswith("chan") for reason in first["goroutines"]["by_wait_reason"])
    on_channels = [g for g in last["parked"] if not g["system"] and g["kind"].startswith("chan ")]
    assert stuck == len(on_channels)
    assert all(g["stack_complete"] and g["frames"] and g["created_by"] for g in on_channels)
    assert {c["name"].split()[-1] for c in last["channels"]} == {
        place for place, t in recording.truth.items() if t["blocked_senders"] or t["blocked_receivers"]
    }


def test_a_round_that_is_not_there_is_refused(recording: Recording) -> None:
    """With the rounds that are."""
    with pytest.raises(TargetError, match=rf"has no round 999 with a census, it has {len(recording.rounds)} rounds"):
        census_of_recording(str(recording.path), 999)


def test_stacks_hold_nothing_but_where_the_program_was(recording: Recording) -> None:
    """In the records of waits every word of a stack points into that stack or into the code."""
    header, *rest = events(str(recording.path))
    assert isinstance(header, Header)
    code = [segment for segment in header.image.segments if segment.executable]
    low, high = code[0].address + header.bias, code[-1].address + code[-1].memory_size + header.bias
    for block in (decode_block(bytes.fromhex(event.record)) for event in rest if isinstance(event, Block)):
        words = struct.unpack(f"<{len(block.stack) // 8}Q", block.stack)
        assert [] == [word for word in words if word and not (low <= word <= high or block.sp <= word <= block.hi)]
    assert () == header.process.command
