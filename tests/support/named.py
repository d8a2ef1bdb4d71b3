"""Three real servers under load, of which every make of a channel is seen from their first instruction: what their
channels are called when it is not seen, against where they were made.

The servers run from copies of their own, because a probe on a file without a process id is hit by whoever runs it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from otelchan.gobinary.image import analyse
from otelchan.gobinary.types import GoImage
from otelchan.kernel.session import Session
from otelchan.kernel.target import target_entry
from otelchan.kernel.types import UNNAMED
from otelchan.memory.census import take_census
from otelchan.memory.channels import read_channels
from otelchan.memory.live import LiveReader
from otelchan.memory.types import Census, Channel
from otelchan.model.names import Name, Namer, Uses, names_for_census, package_of
from otelchan.plan.planner import make_plan
from otelchan.plan.types import Plane
from scripts.stack import cache_dir, where
from tests.support.load import Load, Pair, load
from tests.support.stack import collector, jaeger, prometheus

SERVERS = ("otelcol", "prometheus", "jaeger")
_CACHE = "OTELCHAN_CACHE"
_Keys = dict[int, tuple[int, int]]  # address -> (return address of the make, when)


class Look(NamedTuple):
    """One census of a server. made: every channel that is alive, as it is, and where it was made."""

    census: Census
    made: Mapping[int, tuple[Channel, Name]]


class Judgement(NamedTuple):
    """Names that claim a place, held against the place. wrong: (said, is)."""

    right: int
    wrong: tuple[tuple[str, str], ...]


class Figures(NamedTuple):
    """What becomes of one census when no make was seen. channels, waits: by source of the name, of the channels that
    goroutines wait on, and of these waits. names: different ones. shared: those of them that channels made at different
    places have in common. alive: channels that are alive, waited on or not, by whether the code would tell their place.
    """

    channels: Counter[str]
    waits: Counter[str]
    names: int
    shared: int
    alive: Counter[str]


class Server:
    """A running server; `looks` grows. version: of the program, as `make stack` names it: "prometheus-0.315.0"."""

    def __init__(self, number: int, name: str, path: Path, session: Session) -> None:
        self.name = name
        self.version = path.parent.name
        self.pid = 0
        self.looks: list[Look] = []
        self.image: GoImage = analyse(path)
        self.namer = Namer(self.image)
        self._number = number
        self._session = session
        plan = make_plan(self.image, number, str(path))
        session.write_target(number, target_entry(self.image, 0))
        sites = plan.planes[Plane.MAKES]
        session.attach(str(path), [s.file_offset for s in sites], [s.cookie for s in sites], 0)

    def look(self) -> None:
        """Take a census, and read every channel that was made and is alive."""
        reader = LiveReader(self.pid)
        census = replace(take_census(reader, self.image, 0), memo=None)
        before = self._keys()
        channels = read_channels(reader, self.image.layout, self.image.globals, 0, before)
        after = self._keys()
        made = {}
        for address, channel in channels.items():
            # One whose place was given to another channel meanwhile is left out.
            if channel.allocated and before[address] == after.get(address):
                name = self.namer.made(before[address][0], channel)
                assert name, hex(before[address][0])
                made[address] = (channel, name)
        self.looks.append(Look(census, made))

    def _keys(self) -> _Keys:
        keys, values = self._session.items("channels")
        mine = keys["target"] == self._number
        columns = (keys["id"][mine], values["name_key"][mine], values["made"][mine])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return {address: (key, at) for address, key, at in rows if not key & UNNAMED}


@contextmanager
def copies(folder: Path) -> Iterator[dict[str, Path]]:
    """The servers' executables, copied; within the block tests.support.stack runs these."""
    homes = {Path(binary).parent: False for binary in where().values()}
    homes.update({Path(where()[name]).parent: True for name in SERVERS})
    (folder / "stack").mkdir(parents=True)
    for home, copied in homes.items():
        if copied:
            shutil.copytree(home, folder / "stack" / home.name)
        else:
            (folder / "stack" / home.name).symlink_to(home)
    before = os.environ.get(_CACHE)
    os.environ[_CACHE] = str(folder)
    assert cache_dir() == folder.absolute()
    try:
        yield {name: Path(path) for name, path in where().items() if name in SERVERS}
    finally:
        if before is None:
            del os.environ[_CACHE]
        else:
            os.environ[_CACHE] = before


@contextmanager
def servers(folder: Path) -> Iterator[tuple[list[Server], Load]]:
    """The Collector, Prometheus and Jaeger, under load, seen from their first instruction."""
    with ExitStack() as running:
        binaries = running.enter_context(copies(folder / "cache"))
        session = Session(attach="multi")
        running.callback(session.close)
        found = [Server(number, name, binaries[name], session) for number, name in enumerate(SERVERS)]
        traces = running.enter_context(jaeger(folder))
        store = running.enter_context(prometheus(folder))
        entry = running.enter_context(collector(folder, store.otlp, traces.grpc))
        for server, pid in zip(found, (entry.pid, store.pid, traces.pid), strict=True):
            server.pid = pid
        given = running.enter_context(load(Pair(entry, store)))
        yield found, given


def look_for(found: Sequence[Server], seconds: float, times: int) -> None:
    """So many looks at each, spread over that time."""
    for _ in range(times):
        time.sleep(seconds / times)
        for server in found:
            server.look()


def figures(server: Server, look: Look) -> Figures:
    """How the channels of a census are named."""
    names = names_for_census(server.image, look.census)
    waits: Counter[str] = Counter()
    for goroutine in look.census.goroutines:
        waits.update(names[w.channel][1] for w in goroutine.waits if w.channel in names and not goroutine.system)
    places = defaultdict(set)
    for address, (name, _) in names.items():
        if address in look.made:
            places[name].add(look.made[address][1].name)
    alive = Counter("code" if server.namer.from_code(channel) else "use" for channel, _ in look.made.values())
    return Figures(
        Counter(source for _, source in names.values()),
        waits,
        len({name for name, _ in names.values()}),
        sum(len(made) > 1 for made in places.values()),
        alive,
    )


def by_code(server: Server) -> Judgement:
    """Every name found in the code, of every channel alive in any look, against the place where it was made."""
    said = {
        (address, name.name): (found.name, name.name)
        for look in server.looks
        for address, (channel, name) in look.made.items()
        if (found := server.namer.from_code(channel))
    }
    return _judged(list(said.values()))


def _in_a_package(functions: set[str], near: Iterable[Name]) -> list[Name]:
    packages = {package_of(function) for function in functions}
    return [name for name in near if package_of(_maker(name)) in packages]


def _without_contexts(functions: set[str], near: Iterable[Name]) -> list[Name]:
    return [] if any(name.kind == "context" for name in near) else _in_a_package(functions, near)


def _in_the_maker(functions: set[str], near: Iterable[Name]) -> list[Name]:
    return [name for name in near if _maker(name) in functions]


def _maker(name: Name) -> str:
    return name.name.partition(" ")[0]


GUESSES: dict[str, Callable[[set[str], Iterable[Name]], list[Name]]] = {
    "in a package that waits on it": _in_a_package,
    "the same, where none of them makes contexts": _without_contexts,
    "in a function that waits on it itself": _in_the_maker,
}
"""What could be said, and is not, when exactly one of the places that fit lies ..."""


def by_guess(server: Server, guess: str) -> Judgement:
    """What one of the guesses would say, held against the place."""
    said = {}
    for look in server.looks:
        uses = Uses(server.image)
        uses.look(look.census)
        for address, (channel, name) in look.made.items():
            near = GUESSES[guess](uses.of(address), server.namer.candidates(channel))
            if len(near) == 1 and not server.namer.from_code(channel):
                said[address, name.name] = (near[0].name, name.name)
    return _judged(list(said.values()))


def _judged(pairs: list[tuple[str, str]]) -> Judgement:
    wrong = tuple(sorted(pair for pair in pairs if pair[0] != pair[1]))
    return Judgement(len(pairs) - len(wrong), wrong)
