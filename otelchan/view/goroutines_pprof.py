"""Goroutines as the profile that /debug/pprof/goroutine serves, for `go tool pprof`.

Source: printCountProfile and profileBuilder in src/runtime/pprof, Go 1.26. Addresses are link-time addresses, so that
the profile of one executable is the same wherever it was loaded.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from typing import Any

from otelchan.gobinary.types import Frame, GoImage
from otelchan.memory.types import Census
from otelchan.view.goroutines import of_program
from otelchan.view.profile_messages import new_profile
from otelchan.view.stacks import profiled

_NO_FILE = ""


def goroutine_profile(image: GoImage, census: Census, executable: str, build_id: str) -> bytes:
    """The profile, compressed, as pprof keeps it. build_id: GNU's, in hexadecimal; "" when there is none.

    A goroutine that runs, or whose stack cannot be read for another reason, counts under a function that says so.
    Raises BinaryError when the executable has gone or changed since it was analysed.
    """
    counted = Counter(
        (goroutine.stack, "" if goroutine.stack else f"stack unavailable ({goroutine.status})")
        for goroutine in of_program(census)
    )
    profile = _Builder(image, executable, build_id)
    for (stack, instead), number in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        profile.add(stack, instead, number)
    return gzip.compress(profile.finish(census.time_unix_ns), mtime=0)


class _Builder:
    """A profile while it is made: every text, function and location is in it once."""

    def __init__(self, image: GoImage, executable: str, build_id: str) -> None:
        self._image = image
        self._profile = new_profile()
        self._texts: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[tuple[int, tuple[Frame, ...]], int] = {}
        kind = {"type": self._text("goroutine"), "unit": self._text("count")}
        self._profile.sample_type.add(**kind)
        self._profile.period_type.type, self._profile.period_type.unit = kind["type"], kind["unit"]
        self._profile.period = 1
        self._segments = [segment for segment in image.segments if segment.executable]
        for number, segment in enumerate(self._segments, 1):
            self._profile.mapping.add(
                id=number,
                memory_start=segment.address,
                memory_limit=segment.address + segment.memory_size,
                file_offset=segment.offset,
                filename=self._text(executable),
                build_id=self._text(build_id),
                has_functions=True,
                has_filenames=True,
                has_line_numbers=True,
                has_inline_frames=True,
            )

    def add(self, stack: Sequence[int], instead: str, number: int) -> None:
        """So many goroutines of one stack. instead: a function that stands for it."""
        places = []
        callee = ""
        for pc in stack:
            frames = profiled(self._image, pc, callee)
            callee = frames[-1].function if frames else ""
            if frames:
                places.append(self._location(pc - 1, frames))
        if instead:
            places = [self._location(0, (Frame(instead, _NO_FILE, 0),))]
        self._profile.sample.add(location_id=places, value=[number])

    def finish(self, time_unix_ns: int) -> bytes:
        """The message."""
        self._profile.time_nanos = time_unix_ns
        self._profile.string_table.extend(self._texts)
        return bytes(self._profile.SerializeToString(deterministic=True))

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _location(self, address: int, frames: tuple[Frame, ...]) -> int:
        key = address, frames
        if key not in self._locations:
            self._locations[key] = len(self._locations) + 1
            location = self._profile.location.add(
                id=self._locations[key], address=address, mapping_id=self._mapping(address)
            )
            for frame in frames:
                location.line.add(function_id=self._function(frame), line=frame.line)
        return self._locations[key]

    def _mapping(self, address: int) -> int:
        """The number of the part of the executable that an address is in, 0 for none."""
        inside = (s.address <= address < s.address + s.memory_size for s in self._segments)
        return next((number for number, found in enumerate(inside, 1) if found), 0)

    def _function(self, frame: Frame) -> int:
        key = frame.function, frame.file
        if key not in self._functions:
            self._functions[key] = len(self._functions) + 1
            name: Any = self._text(frame.function)
            self._profile.function.add(
                id=self._functions[key], name=name, system_name=name, filename=self._text(frame.file)
            )
        return self._functions[key]
