"""What channels are called: the same whether they were seen being made or found in the code, in every process of a
binary, however it was built; and by whom, when constructors are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from otelchan.config import Naming
from otelchan.config.naming import Alias
from tests.support.gobuild import EVERY_GO, build
from tests.support.labelled import Labelled, Seen, labelled, marked

PACKAGE = "example.com/named/q"
SKIP = Naming(skip=(f"{PACKAGE}.*",))
UNREFLECTED = ("-tags=unreflected",)
GO = "1.27.3"
BUILDS = {
    "plain": UNREFLECTED,
    "stripped": (*UNREFLECTED, "-ldflags=-s -w"),
    "pie": (*UNREFLECTED, "-buildmode=pie"),
    "trimpath": (*UNREFLECTED, "-trimpath"),
    "unoptimised": (*UNREFLECTED, "-gcflags=all=-N -l"),
}


def places(seen: Seen, program: Labelled, when: str) -> dict[str, str]:
    """The names of a program's channels by label, those apart that have their names from use."""
    waits = seen.waits(program)[when]
    sources = seen.sources(program)
    return {label: wait.channel for label, wait in waits.items() if sources[wait.channel] != "use"}


class Skipping(NamedTuple):
    """What an agent says that passes package q over."""

    older: dict[str, str]
    newer: dict[str, str]


@pytest.fixture(scope="module")
def skipping() -> Iterator[dict[str, Skipping]]:
    """By Go version."""
    programs = {go: Labelled(build("named", go)) for go in EVERY_GO}
    with labelled(list(programs.values()), SKIP) as seen:
        yield {
            go: Skipping(places(seen, program, "older"), places(seen, program, "newer"))
            for go, program in programs.items()
        }


def lines(names: dict[str, str]) -> dict[str, str]:
    """Without the functions."""
    return {label: name.rpartition(" ")[2] for label, name in names.items()}


@pytest.mark.parametrize("go", EVERY_GO)
def test_channels_are_named_by_who_calls_a_constructor_that_is_passed_over(
    skipping: dict[str, Skipping], go: str
) -> None:
    """Through several levels, generics, interfaces and reflection, inlined or not; and no further than what is not
    passed over, even inlined. After six levels that is enough: the constructor names it."""
    expected = marked("named", "names")
    found = skipping[go].newer

    assert {"open", "small", "generic", "mixed", "deep", "method", "reflected", "twin"} < set(expected)
    assert expected == lines(found)
    assert "main.small" in found["small"]
    assert f"{PACKAGE}.Deep" in found["too deep"]


class Replicas(NamedTuple):
    """The same program several times, as each was built; and what is said of each."""

    programs: dict[tuple[str, int], Labelled]
    seen: Seen

    def names(self, kind: str, number: int, when: str) -> dict[str, str]:
        """By label."""
        return places(self.seen, self.programs[kind, number], when)


@pytest.fixture(scope="module")
def replicas() -> Iterator[Replicas]:
    """Two processes of each kind of binary, of one Go."""
    programs = {
        (kind, number): Labelled(build("named", GO, flags=flags)) for kind, flags in BUILDS.items() for number in (1, 2)
    }
    with labelled(list(programs.values())) as seen:
        yield Replicas(programs, seen)


@pytest.mark.parametrize("kind", BUILDS)
def test_every_process_of_a_binary_has_the_same_names(replicas: Replicas, kind: str) -> None:
    """Wherever it is loaded; a channel is named by its line, also inlined ones and those of generic functions."""
    first, second = (replicas.names(kind, number, "newer") for number in (1, 2))
    made = marked("named", "makes")

    assert first == second
    assert {**made, "other": made["open"], "build": made["open"], "too deep": made["deep"]} == lines(first)
    assert f"{PACKAGE}.New[...] q.go" in first["generic"]


@pytest.mark.parametrize("kind", BUILDS)
def test_all_ways_to_build_it_give_the_same_names(replicas: Replicas, kind: str) -> None:
    """Functions and lines are those of the source."""
    assert replicas.names("plain", 1, "newer") == replicas.names(kind, 1, "newer")


@pytest.mark.parametrize("kind", BUILDS)
def test_a_channel_that_is_older_than_the_agent_has_the_name_that_it_would_have_had(
    replicas: Replicas, kind: str
) -> None:
    """So after a restart of the agent: where the code tells a place, it is the one that the make would have told."""
    older, newer = replicas.names(kind, 1, "older"), replicas.names(kind, 1, "newer")

    assert {"plain", "small", "mixed", "only"} <= set(older)
    assert older == {label: newer[label] for label in older}
    assert replicas.names(kind, 2, "older") == older


@pytest.fixture(scope="module")
def aliased() -> Iterator[tuple[dict[str, str], dict[str, str], dict[str, str]]]:
    """Names of older and newer channels, and sources by name, when there are aliases."""
    aliases = (
        Alias("opened", site=f"{marked('named', 'makes')['open']}"),
        Alias("factory's", function=f"{PACKAGE}.(*Factory).Make"),
        Alias("orders", element_type="*main.order"),
        Alias("twins", site="main.twins main.go:*"),
        Alias("never", function=f"{PACKAGE}.*", element_type="no such type"),
    )
    program = Labelled(build("named", GO, flags=UNREFLECTED))
    with labelled([program], Naming(aliases=aliases)) as seen:
        waits = seen.waits(program)
        older, newer = ({label: wait.channel for label, wait in waits[when].items()} for when in ("older", "newer"))
        yield older, newer, seen.sources(program)


def test_an_alias_names_what_fits_it(aliased: tuple[dict[str, str], dict[str, str], dict[str, str]]) -> None:
    """By line, by function, by element type, by place, and its source says so. A star stands for nothing too."""
    _, newer, sources = aliased
    opened = dict.fromkeys(("open", "other", "build"), "opened")
    expected = {**opened, "method": "factory's", "plain": "orders", "generic": "orders", "twin": "twins"}

    assert expected == {label: name for label, name in newer.items() if sources[name] == "alias"}


def test_an_alias_names_older_channels_that_can_only_be_of_its_own(
    aliased: tuple[dict[str, str], dict[str, str], dict[str, str]],
) -> None:
    """Two lines make twins, and the alias fits both; what is not certain keeps a name that says less."""
    older, newer, sources = aliased

    assert {"plain", "twin", "method"} <= {label for label, name in older.items() if sources[name] == "alias"}
    assert all(older[label] == newer[label] for label in older if sources[older[label]] == "alias")
