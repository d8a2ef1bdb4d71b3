"""Recordings of a program made by hand: what is written is what is played, and nothing half-written is left behind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otelchan.errors import TargetError, UsageError
from otelchan.gobinary.types import Frame, GoImage
from otelchan.kernel.types import CHANNEL, CKEY, UNNAMED, Kind, SliceCounts
from otelchan.looks import Looks
from otelchan.memory.types import Held, Moves, Reader
from otelchan.model.observation import KernelState, Observation, Sampled
from otelchan.model.ongoing import Pace
from otelchan.model.types import Snapshot, SpanContext
from otelchan.model.world import World
from otelchan.recording.format import FORMAT, End, Header, Memory, events
from otelchan.recording.player import Played, _Player, play
from otelchan.recording.recorder import Recorder
from otelchan.recording.writer import Full, Writer, Written
from tests.support import looks
from tests.support.fabricated import LAYOUT, STACK, Fabricated, FunctionList

PLENTY = 1 << 24
STACK_LOW = 8  # offset in g, where the fabricated layout has nothing
SECRET = int.from_bytes(b"password", "little")


class Functions(FunctionList):
    """With a frame for every address, so that stacks can be shown."""

    def frames(self, pc: int) -> tuple[Frame, ...]:
        """One frame."""
        function = self.at(pc)
        return (Frame(function.name, f"/src/{function.name}.go", pc - function.entry),) if function else ()

    def func_ids(self, pc: int) -> tuple[int, ...]:
        """None is a wrapper."""
        return tuple(0 for _ in self.frames(pc))


class Program:
    """A fabricated program with a recorder beside it. live: the snapshots that were made while recording."""

    def __init__(self, writer: Writer) -> None:
        self.made = Fabricated(bias=0x10000)
        self.made.goroutine(0, status="running", start="runtime.main")
        self.channel = self.made.channel(4, 0)
        self.rounds = 0
        self.recorder = Recorder(writer, 1.0, probes=False, on_round=self._count)
        self.live: list[Snapshot] = []
        self.slices: tuple[SliceCounts, ...] = ()
        self.sampled: Sampled | None = None

    def start(self) -> None:
        """Record from now on."""
        offsets = {**LAYOUT.offsets, "g.stack.lo": STACK_LOW}
        layout = replace(LAYOUT, offsets=offsets)
        image: GoImage = replace(self.made.image, layout=layout, functions=Functions())  # type: ignore[arg-type]
        image = self.recorder.image(image)
        process = replace(looks.PROCESS, command=("shop", "--secret=1"))
        self.world = self.recorder.world(World(process, image, self.made.bias, 17))
        reader: Reader = self.recorder.reader(self.made.memory)
        self.looks = Looks(reader, image, self.made.bias)

    def block(self, *, locals_: int = 0) -> int:
        """One more goroutine waits on the channel, with a value in its stack."""
        g = self.made.goroutine()
        high = int.from_bytes(self.made.memory.read(g + LAYOUT["g.stack.hi"], 8), "little")
        self.made.memory.word(g + STACK_LOW, high - STACK)
        self.made.memory.word(high - 72, locals_)
        self.made.wait(g, (self.channel, "recv"))
        return g

    def round(self, time: int, ended: bool = False) -> None:
        """A snapshot at that time."""
        self.looks._due_ns = 0  # the clock of this machine says nothing here
        census = None if ended else self.looks.census()
        channels = {channel.address: channel for channel in census.channels} if census else {}
        kernel = KernelState(losses={"span": time})
        held = Held({self.channel: (time, 2)}, {self.channel: (3,)})
        labels = self.looks.labels if census else None
        planes = {"waits": "on", "operations": "sliced" if self.sampled else "on"}
        seen = Observation(
            *(time, time, kernel, census, channels, planes, ended),
            held=held,
            labels=labels,
            slices=self.slices,
            sampled=self.sampled,
        )
        self.live.append(self.world.snapshot(seen))

    def _count(self) -> None:
        self.rounds += 1


def record(path: Path, what: Callable[[Program], None], most: int = PLENTY) -> tuple[Program, list[Played]]:
    """What `what` does, and what the recording of it plays."""
    with Writer(str(path), most) as writer:
        program = Program(writer)
        program.start()
        what(program)
        writer.finish("duration")
    return program, list(play(str(path)))


def three_rounds(program: Program) -> None:
    """Two goroutines block, then one more, then the program ends."""
    program.block(locals_=SECRET)
    program.block()
    program.round(100)
    program.block()
    program.round(200)
    program.round(300, ended=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the recording goes."""
    return tmp_path / "shop.rec"


def lines(path: Path) -> list[dict[str, Any]]:
    """As `zcat FILE | jq` shows them."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_what_is_played_is_what_was_seen(path: Path) -> None:
    """Every snapshot is equal, but for the arguments of the process, which are nobody's business."""
    program, played = record(path, three_rounds)

    assert [1, 2, 3] == [one.number for one in played]
    assert [2, 3] == [len(one.snapshot.blocked) for one in played[:2]]
    assert [replace(live, process=replace(live.process, command=())) for live in program.live] == [
        one.snapshot for one in played
    ]
    assert played[2].census is None


def test_estimates_are_played_as_they_were(path: Path) -> None:
    """From the slices and the samples of each round."""

    def sliced(program: Program) -> None:
        program.block()
        for number in range(4):
            counts = {program.channel | UNNAMED: (10 * number, 20, 0)}
            hits: dict[int, int] = {Kind.SEND: 10 * number, Kind.RECV: 20}
            program.slices = (
                SliceCounts(number * 10**9, number * 10**9 + 2_000_000, counts, hits, 3, 2_000_000, 3_000_000),
            )
            moves = (Moves(program.channel | UNNAMED, 4, 10, 3830, 10**6, 7, 8, 9),)
            times: dict[int, float] = dict.fromkeys((Kind.SEND, Kind.RECV), 10.0)
            program.sampled = Sampled(
                number * 10**9, (number + 1) * 10**9, 10**9, 10**7, {Kind.SEND: 3}, times, times, moves
            )
            program.round((number + 1) * 10**9)

    program, played = record(path, sliced)

    assert program.live[-1].estimates
    assert [snapshot.estimates for snapshot in program.live] == [each.snapshot.estimates for each in played]


def test_waits_that_go_on_are_told_of_as_they_were(path: Path) -> None:
    """The same spans at the same looks, of other ids. The first step here is a nanosecond."""
    pace, nobody = Pace(1, 1000), SpanContext(bytes(16), bytes(8))

    with Writer(str(path), PLENTY) as writer:
        program = Program(writer)
        program.start()
        program.world.ongoing.change(pace)
        three_rounds(program)
        writer.finish("duration")
    played = [one.snapshot for one in play(str(path), pace)]
    live, again = ([[replace(s, context=nobody) for s in seen.spans] for seen in of] for of in (program.live, played))

    assert [0, 2, 0] == [len(spans) for spans in live]
    assert live == again


def test_values_in_stacks_are_not_in_it(path: Path) -> None:
    """Nor the program's arguments."""
    record(path, three_rounds)
    text = gzip.decompress(path.read_bytes()).decode()

    assert SECRET.to_bytes(8, "little").hex() not in text
    assert "--secret" not in text


def test_what_did_not_change_is_written_once(path: Path) -> None:
    """Later rounds refer to it."""

    def five_rounds(program: Program) -> None:
        for number in range(40):
            program.block(locals_=number)
        for time in range(5):
            program.round(time)

    record(path, five_rounds)
    new = [sum(len(text) for text in line["new"]) for line in lines(path) if line["kind"] == "memory"]

    assert new[0] > 40 * 200
    assert [0] * 4 == new[1:]


def test_it_is_for_its_owner_only_and_appears_when_it_is_whole(path: Path) -> None:
    """Nothing is there before, and nothing beside it after."""
    with Writer(str(path), PLENTY) as writer:
        program = Program(writer)
        program.start()
        program.round(1)
        assert not path.exists()
        assert Written(writer.finish("signal").size, 1) == Written(path.stat().st_size, writer.rounds)

    assert 0o600 == path.stat().st_mode & 0o777
    assert [path] == list(path.parent.iterdir())
    assert "signal" == lines(path)[-1]["reason"]


def test_nothing_is_left_behind_when_it_fails(path: Path) -> None:
    """What was there before stays as it was."""
    path.write_text("before")
    with pytest.raises(RuntimeError), Writer(str(path), PLENTY) as writer:
        Program(writer).start()
        raise RuntimeError

    assert ["before"] == [file.read_text() for file in path.parent.iterdir()]


def test_a_round_for_which_there_is_no_room_is_left_out_whole(path: Path) -> None:
    """The file stays below its limit, and plays up to the round before."""

    def much(program: Program) -> None:
        program.block()
        program.round(1)
        for number in range(200):
            program.block(locals_=number)
        program.round(2)
        program.round(3)

    most = 5000
    program, played = record(path, much, most)
    assert program.recorder.full
    assert 3 == program.rounds
    assert [1] == [one.number for one in played]
    assert path.stat().st_size <= most + (1 << 12)
    assert 1 == lines(path)[-1]["rounds"]


def test_no_room_at_all_is_said(path: Path) -> None:
    """By the writer to the recorder, which then says that it is full."""
    with Writer(str(path), 10) as writer, pytest.raises(Full):
        writer.keep()
    assert [] == list(path.parent.iterdir())


@pytest.mark.parametrize("place", ["missing/x.rec", "."])
def test_a_place_where_nothing_can_be_written(tmp_path: Path, place: str) -> None:
    """Before anything is recorded."""
    with pytest.raises(UsageError, match=r"the recording .* cannot be written: .*; give another path with -o"):
        Writer(str(tmp_path / place), PLENTY)


def test_the_first_line_says_what_made_it_and_the_last_why_it_ended(path: Path) -> None:
    """Memory is between them."""
    record(path, three_rounds)
    header, *between, end = events(str(path))

    assert isinstance(header, Header)
    assert (FORMAT, 4711, ()) == (header.format, header.process.pid, header.process.command)
    assert any(isinstance(event, Memory) for event in between)
    assert End(3, "duration") == end


def damaged(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> Path:
    """A recording whose lines were changed."""
    record(path, three_rounds)
    old = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(change(old))))
    return path


def cut(path: Path) -> Path:
    """Without its last bytes."""
    record(path, three_rounds)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def written(path: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path, "cannot be read: No such file or directory; give what `otelchan record` wrote"),
        (lambda path: written(path, b"text"), "cannot be read: it is no gzip file"),
        (lambda path: written(path, b""), "is empty; give what"),
        (lambda path: written(path, gzip.compress(b"")), "is empty; give what"),
        (lambda path: written(path, gzip.compress(b'{"kind": "end"}\n')), "is not a recording; give what"),
        (lambda path: written(path, gzip.compress(b"[]\n")), "is not a recording; give what"),
        (lambda path: written(path, gzip.compress(b"\xff\n")), "is damaged"),
        (cut, "is cut off: it has no end; copy it again"),
        (lambda path: damaged(path, lambda old: old[:-1]), "is cut off: it has no end; copy it again"),
        (lambda path: damaged(path, lambda old: [*old[:-1], old[-1][:-1]]), "is cut off or far too large"),
        (lambda path: damaged(path, lambda old: [old[0].replace(b'"format":3', b'"format":2'), *old[1:]]),
         r"has format 2, and this otelchan plays format 3; play it with otelchan 0\.1\.0, which made it"),
        (lambda path: damaged(path, lambda old: [old[0], b'{"kind":"other"}\n', *old[1:]]), "is damaged"),
        (lambda path: damaged(path, lambda old: [old[0], *old[3:]]),
         "cannot be played: .* are not in it; if another version"),
        (lambda path: damaged(path, lambda old: [line.replace(b'"new":["', b'"new":["zz') for line in old]),
         "is damaged"),
        (lambda path: damaged(path, lambda old: [line.replace(b'"new":["', b'"new":["00') for line in old]),
         "is damaged .*memory does not fit"),
    ],
)  # fmt: skip
def test_what_is_no_whole_recording_is_refused_in_a_sentence(
    path: Path, make: Callable[[Path], Path], expected: str
) -> None:
    """With what to do, and never with half of what it says."""
    with pytest.raises(TargetError, match=expected):
        list(play(str(make(path))))


def with_channels(path: Path, row_bytes: int, rows: int = 1) -> _Player:
    """The player of a recording whose last round has a row of the map `channels`, so long: its name key is 9."""
    record(path, three_rounds)
    values = ((9).to_bytes(8, "little") + bytes(row_bytes - 8)) * rows
    found = events(str(path))
    player = _Player(str(path), next(event for event in found if isinstance(event, Header)))
    keys = np.array([(0, 0xC0)] * rows, CKEY).tobytes()
    player._tables.update({"channels": (keys.hex(), values.hex())})
    return player


@pytest.mark.parametrize(("row_bytes", "used"), [(24, 0), (CHANNEL.itemsize, 1)])
def test_a_recording_without_who_used_a_channel_is_played_as_such(path: Path, row_bytes: int, used: int) -> None:
    """Its rows are shorter: names are there, and that nobody used it is not said."""
    state = with_channels(path, row_bytes)._kernel(1, {})

    assert state.keys == {0xC0: 9}
    assert len(state.used.address) == used


@pytest.mark.parametrize(("row_bytes", "rows"), [(CHANNEL.itemsize + 8, 1), (25, 2)])
def test_rows_that_are_none_are_refused(path: Path, row_bytes: int, rows: int) -> None:
    """Longer than any, or not alike."""
    player = with_channels(path, row_bytes, rows)
    keys, values = player._tables["channels"]
    player._tables["channels"] = (keys, values[: len(values) - 2 * (rows - 1)])

    with pytest.raises(ValueError, match=r"bytes of keys and \d+ of values in the map channels"):
        player._kernel(1, {})
