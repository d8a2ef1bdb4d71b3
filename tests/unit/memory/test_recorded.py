"""Memory that was read once: kept as it passes, and played again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from otelchan.errors import MemoryGone
from otelchan.memory.recorded import Read, RecordedReader, RecordingReader
from otelchan.memory.rows import Indices
from otelchan.testing import MemoryImage

AT = 0xC000000000


def image() -> MemoryImage:
    """Two pages, each byte its offset modulo 251."""
    return MemoryImage({AT: bytes(i % 251 for i in range(8192))})


def spans(*pieces: tuple[int, int]) -> NDArray[np.uint64]:
    """As read_joined takes them."""
    return np.array(pieces, np.uint64).reshape(-1, 2)


def played(recording: RecordingReader) -> RecordedReader:
    """A reader of what was recorded since the last call."""
    reader = RecordedReader()
    reader.load(recording.take())
    return reader


def test_recording_changes_nothing() -> None:
    """Answers, errors and the count of bytes are those of the reader behind it."""
    recording = RecordingReader(image())
    plain = image()

    assert plain.read(AT, 5) == recording.read(AT, 5)
    assert plain.read_many([(AT, 3), (8, 8)]) == recording.read_many([(AT, 3), (8, 8)])
    assert plain.read_joined(spans((AT, 3), (AT + 9, 1))) == recording.read_joined(spans((AT, 3), (AT + 9, 1)))
    assert recording.read_joined(spans((AT, 3), (8, 8))) is None
    with pytest.raises(MemoryGone):
        recording.read(8, 8)
    assert 5 + 3 + 4 + 3 == recording.bytes_read


def test_every_way_of_reading_is_played_as_it_was() -> None:
    """Also what could not be read."""
    memory = image()
    recording = RecordingReader(memory)
    asked = spans((AT, 16), (AT + 4090, 10))
    expected = [
        recording.read(AT + 1, 2),
        recording.read_many([(AT, 3), (8, 8)]),
        recording.read_joined(asked),
        recording.read_joined(spans()),
    ]
    reader = played(recording)

    assert expected == [
        reader.read(AT + 1, 2),
        reader.read_many([(AT, 3), (8, 8)]),
        reader.read_joined(asked),
        reader.read_joined(spans()),
    ]


def test_a_piece_that_changed_has_the_value_of_each_time() -> None:
    """In the order of the reads, the last one from then on."""
    memory = image()
    recording = RecordingReader(memory)
    for value in (b"one", b"one", b"two"):
        memory.write(AT, value)
        recording.read(AT, 3)
    reader = played(recording)

    assert [b"one", b"one", b"two", b"two"] == [reader.read(AT, 3) for _ in range(4)]


def test_asking_for_joined_pieces_in_vain_takes_nothing_away() -> None:
    """The pieces before the missing one are asked for again, one by one."""
    memory = image()
    recording = RecordingReader(memory)
    memory.write(AT, b"one")
    recording.read_many([(AT, 3), (8, 8)])
    memory.write(AT, b"two")
    recording.read(AT, 3)
    reader = played(recording)

    assert reader.read_joined(spans((AT, 3), (8, 8))) is None
    assert [b"one", b"two"] == [reader.read(AT, 3) for _ in range(2)]


def test_what_was_not_read_again_stays_as_it_was() -> None:
    """In the next part; what was read again is new, also when not every value of the part before was asked for."""
    reader = RecordedReader()
    reader.load([Read(AT, 1, b"a"), Read(AT + 1, 1, b"b"), Read(AT + 1, 1, b"c")])
    reader.load([Read(AT, 1, b"d")])

    assert [b"d", b"b", b"c"] == [reader.read(AT, 1), reader.read(AT + 1, 1), reader.read(AT + 1, 1)]


def test_other_pieces_are_put_together() -> None:
    """Another version may read in other pieces: what is known serves, the newest first; what is not does not."""
    reader = RecordedReader()
    reader.load([Read(AT, 8, b"01234567"), Read(AT + 8, 8, b"89abcdef"), Read(AT + 4094, 4, b"wxyz")])
    reader.load([Read(AT + 6, 4, b"WXYZ")])

    assert b"2345WXYZab" == reader.read(AT + 2, 10)
    assert b"xy" == reader.read(AT + 4095, 2)
    assert [None, None] == reader.read_many([(AT + 10, 8), (AT + 4097, 2)])
    with pytest.raises(MemoryGone, match=rf"8 bytes at {AT + 16:#x} are not in it"):
        reader.read(AT + 16, 8)


class Timed(MemoryImage):
    """Memory whose windows take 100 ns for each piece; one that begins at AT cannot be read as one the first time."""

    def __init__(self) -> None:
        super().__init__({AT: bytes(range(250))})
        self.failed = False

    def read_windows(self, pieces: NDArray[np.uint64], bounds: Indices) -> tuple[NDArray[np.uint8], Indices]:
        """As memory.types.WindowReader."""
        joined = self.read_joined(pieces)
        assert joined is not None
        took = 100 * np.diff(bounds)
        if not self.failed:
            took[pieces[bounds[:-1], 0] == AT] = -1
        self.failed = True
        return np.frombuffer(joined, np.uint8), took


def test_windows_are_played_with_the_time_that_they_took() -> None:
    """So that the census believes the same as it did then; a window that failed fails, and takes nothing away."""
    recording = RecordingReader(Timed())
    pieces, bounds = spans((AT + 8, 8), (AT + 16, 1), (AT, 8)), np.array([0, 2, 3])
    first, again = recording.read_windows(pieces, bounds), recording.read_windows(pieces, bounds)
    reader = played(recording)
    shown = [reader.read_windows(pieces, bounds) for _ in range(2)]

    assert [[200, -1], [200, 100]] == [first[1].tolist(), again[1].tolist()] == [took.tolist() for _, took in shown]
    assert first[0][:9].tobytes() == shown[0][0][:9].tobytes()
    assert again[0].tobytes() == shown[1][0].tobytes()


def test_memory_that_stands_still_has_windows_too() -> None:
    """They take no time, unless a piece is missing."""
    recording = RecordingReader(image())
    data, took = recording.read_windows(spans((AT, 2), (AT + 9, 1)), np.array([0, 1, 2]))
    missing = recording.read_windows(spans((AT, 2), (8, 8)), np.array([0, 1, 2]))

    assert (b"\0\1\x09", [0, 0], [-1, -1]) == (data.tobytes(), took.tolist(), missing[1].tolist())
