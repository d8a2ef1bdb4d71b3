"""Ways of watching a whole application: each a block of `with` during which it is watched so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import sites
from benchmarks.foreign import Foreign
from benchmarks.serving import App
from benchmarks.sites import Place
from otelchan.gobinary.types import GoImage
from otelchan.plan.planner import make_plan
from tests.support.agent import Agent, agent
from tests.support.otlp_server import otlp_server

SETTLED_S = 2.0  # from the end of the trials to the window: what is done once is done
INTERVAL_S = 2  # between exports: every window has one, five times as often as by default
_DECIDED = r"all planes are attached|plane is detached"
_DRAIN_S = 0.05
_target = 1


class Apart(Exception):
    """A way of watching did not see what it should have: then it is not worth comparing with."""


@dataclass(frozen=True)
class Way:
    """watch: what is done around a window."""

    name: str
    title: str
    watch: Callable[[App, GoImage], AbstractContextManager[None]]


@contextmanager
def started(app: App, *flags: str | int | Path) -> Iterator[Agent]:
    """The real agent, exporting to a real receiver."""
    with TemporaryDirectory() as folder, otlp_server() as sink:
        flags = (app.pid, "--endpoint", sink.url, "--interval", INTERVAL_S, *flags)
        with agent(Path(folder) / "log", *flags) as running:
            yield running


def decided(running: Agent) -> None:
    """Wait until every plane is attached, or one given up."""
    running.wait_for(_DECIDED)


@contextmanager
def otelchan(app: App, *flags: str | int) -> Iterator[None]:
    """The real agent, once it has decided, and then some."""
    with started(app, *flags) as running:
        decided(running)
        threading.Event().wait(SETTLED_S)
        yield


@contextmanager
def _foreign(name: str, app: App, places: Sequence[Place]) -> Iterator[None]:
    """A program of the benchmark, which must be hit."""
    loaded = Foreign(name)
    try:
        with loaded.attached(app.pid, places), _drained(loaded):
            yield
        if name != "empty" and not sum(loaded.hits()):
            raise Apart(f"{name}: no hits")
    finally:
        loaded.close()


@contextmanager
def _drained(loaded: Foreign) -> Iterator[None]:
    """Somebody reads its ring meanwhile, as a tool would."""
    over = threading.Event()

    def drain() -> None:
        while not over.wait(_DRAIN_S):
            loaded.drain()

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()


@contextmanager
def _switch(word: str, app: App) -> Iterator[None]:
    """Something that Go has itself."""
    app.tell(f"{word} on")
    try:
        yield
    finally:
        app.tell(f"{word} off")


def _our_places(app: App, image: GoImage) -> list[Place]:
    return sites.ours(make_plan(image, _target, f"/proc/{app.pid}/exe"))


BARE = Way("bare", "nothing", lambda app, image: nullcontext())
DEFAULT = Way("otelchan", "otelchan, default budget (3 % of a core)", lambda app, image: otelchan(app))
EXACT = Way("exact", "otelchan, every plane, no budget", lambda app, image: otelchan(app, "--max-overhead", "off"))
EMPTY = Way("empty", "an empty program at all of otelchan's sites",
            lambda app, image: _foreign("empty", app, _our_places(app, image)))  # fmt: skip
RECIPE = Way("recipe", "entry and return instructions of chansend1, chanrecv1, chanrecv2: durations",
             lambda app, image: _foreign("recipe", app, sites.recipe(image)))  # fmt: skip
NAIVE = Way("naive", "first instruction of chansend, chanrecv, selectgo: stacks into a ring buffer",
            lambda app, image: _foreign("stacks", app, sites.naive(image)))  # fmt: skip
TRACER = Way("tracer", "Go's execution tracer, thrown away", lambda app, image: _switch("trace", app))
BLOCK = Way("block profile", "Go's block profile of every block", lambda app, image: _switch("block", app))
