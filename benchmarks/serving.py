"""The HTTP server of benchmarks/apps and the client that puts load on it, each driven line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.program import GO
from tests.support.driven import Driven, driven
from tests.support.gobuild import build

APPS = Path(__file__).parent / "apps"
CLIENTS = 16


def executable(name: str) -> Path:
    """Of benchmarks/apps: "server", "client" or "work". Built, if it has changed."""
    return build(name, go=GO, folder=APPS / name)


class Worked(NamedTuple):
    """items: that are through. processor_ns: of the whole process, since it began, traps included."""

    items: int
    processor_ns: int


class App(Driven):
    """The server, or an application of `work`."""

    def count(self) -> Worked:
        """Until now."""
        items, processor_ns = self.ask("count").split()
        return Worked(int(items), int(processor_ns))

    def tell(self, line: str) -> None:
        """What is answered with OK."""
        answer = self.ask(line)
        assert answer == "OK", f"{line}: {answer}"


class Window(NamedTuple):
    """What clients saw for a while, in nanoseconds from the time a request was due. processor_ns: of the server, for
    each request.
    """

    requests: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    longest_ns: int
    processor_ns: float


class Pair(NamedTuple):
    """A server, where it listens, and its client."""

    server: App
    client: Driven
    address: str

    def opened(self, rate: int, ms: int, seed: int) -> Window:
        """So many requests a second on the schedule of that seed, whatever the answers do."""
        return opened(self.client, [(self.server, self.address)], rate, ms, seed)[0]

    def closed(self, ms: int, clients: int = CLIENTS) -> float:
        """Answers a second for clients that ask again at once."""
        answers, failed, ns = (int(w) for w in self.client.ask(self._line("closed", clients, ms)).split())
        assert failed == 0, f"{failed} requests failed"
        return answers / (ns / 1e9)

    def _line(self, word: str, *numbers: int) -> str:
        return " ".join([word, self.address, *map(str, numbers)])


def opened(client: Driven, servers: Sequence[tuple[App, str]], rate: int, ms: int, seed: int) -> list[Window]:
    """As Pair.opened, of several servers at the same time. rate: of all of them. servers: with their addresses."""
    before = [server.count() for server, _ in servers]
    addresses = ",".join(address for _, address in servers)
    words = [int(word) for word in client.ask(f"open {addresses} {rate} {ms} {seed}").split()]
    found = []
    for index, (server, _) in enumerate(servers):
        asked, failed, p50, p90, p99, longest = words[6 * index : 6 * index + 6]
        after = server.count()
        answered = after.items - before[index].items
        assert (failed, answered) == (0, asked), f"{failed} of {asked} requests failed, {answered} were answered"
        processor_ns = (after.processor_ns - before[index].processor_ns) / asked
        found.append(Window(asked, p50, p90, p99, longest, processor_ns))
    return found


@contextmanager
def serving(processors: int) -> Iterator[Pair]:
    """Both, each with so many processors, warmed up; they end with the block."""
    with ExitStack() as undo:
        server = undo.enter_context(driven(App, executable("server"), processors))
        client = undo.enter_context(driven(Driven, executable("client"), processors))
        pair = Pair(server, client, server.ask("address"))
        pair.closed(500)
        yield pair


@contextmanager
def ahead_of_others(steps: int = 15) -> Iterator[None]:
    """What this thread starts in the block comes before what else the machine does (needs root): the programs, and the
    agent as well, so that it disturbs them as much as it ever would.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -steps)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
