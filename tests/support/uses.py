"""The workload `uses`: its own truth, and what the kernel side says of it, in the same shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from otelchan.gobinary.types import GoImage
from otelchan.model.observation import KernelState
from otelchan.model.stacks import frames_at, user_site
from tests.support.driven import Driven, driven
from tests.support.gobuild import WORKLOADS

SIDES = ("send", "recv")
Users = dict[int, int]


class Use(NamedTuple):
    """What was done with one channel. users: of each side, goroutine -> who started it."""

    sent: int
    received: int
    users: tuple[Users, Users]


class Truth(NamedTuple):
    """What the program says. channels, addresses: by name. again: of channels made where others were, elements sent."""

    channels: dict[str, Use]
    addresses: dict[str, int]
    again: dict[int, int]


class Uses(Driven):
    """A running one."""

    def run(self, seed: int) -> Truth:
        """Have it do all that it does."""
        said = json.loads(self.ask(str(seed)))
        channels, addresses = {}, {}
        for name, row in said["channels"].items():
            senders, receivers = ({int(id_): parent for id_, parent in side.items()} for side in row["users"])
            channels[name] = Use(row["sent"], row["received"], (senders, receivers))
            addresses[name] = int(row["address"], 16)
        return Truth(channels, addresses, {int(address, 16): sent for address, sent in said["again"].items()})


@contextmanager
def uses(binary: Path) -> Iterator[Uses]:
    """One that is ready, on two processors."""
    with driven(Uses, binary, 2) as program:
        yield program


def seen_uses(seen: KernelState) -> dict[int, Use]:
    """The same from the kernel's table, by address of the channel."""
    used = seen.used
    columns = (used.address, used.sent, used.received, used.users, used.parents)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {
        address: Use(sent, received, (_pairs(users[0], parents[0]), _pairs(users[1], parents[1])))
        for address, sent, received, users, parents in rows
    }


def _pairs(users: list[int], parents: list[int]) -> Users:
    return {user: parent for user, parent in zip(users, parents, strict=True) if user}


def replaced(seen: KernelState, address: int) -> list[int]:
    """Of the users of each side of a channel, how many had to give way."""
    (row,) = (seen.used.address == address).nonzero()[0]
    numbers: list[int] = seen.used.replaced[row].tolist()
    return numbers


def marked_lines() -> dict[tuple[str, str], set[int]]:
    """(name, operation) -> the lines of the source that say so."""
    found: dict[tuple[str, str], set[int]] = {}
    for number, line in enumerate((WORKLOADS / "uses" / "main.go").read_text().splitlines(), 1):
        if line.startswith("//"):
            continue
        for operation, name in re.findall(r"(send|recv) (\w+)", line.partition("// ")[2]):
            found.setdefault((name, operation), set()).add(number)
    return found


def enclosing(line: int) -> str:
    """The name of the function that this line of the source is in, without its package."""
    lines = (WORKLOADS / "uses" / "main.go").read_text().splitlines()[:line]
    heads = [match for match in (re.match(r"func (?:\(\w+ (\*\w+)\) )?(\w+)", text) for text in lines) if match]
    receiver, name = heads[-1].groups()
    return f"({receiver}).{name}" if receiver else name


def seen_lines(image: GoImage, seen: KernelState, names: dict[int, str]) -> dict[tuple[str, str], set[int]]:
    """(name, operation) -> the lines that the kernel's table names, each in its own function. names: by name key.

    Raises AssertionError for a place outside of this program, or in another function than the line is.
    """
    found: dict[tuple[str, str], set[int]] = {}
    for (name_key, operation, pc), samples in seen.edges.items():
        if name_key not in names:
            continue
        frame = user_site(list(frames_at(image, [pc])))
        assert frame and frame.file.endswith("uses/main.go"), f"{names[name_key]}: {frame}"
        assert frame.function.removeprefix("main.").split(".func")[0] == enclosing(frame.line), frame
        assert samples > 0
        found.setdefault((names[name_key], SIDES[operation]), set()).add(frame.line)
    return found
