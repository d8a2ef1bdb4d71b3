"""Every finding on every program: a bad program for each finding, its corrected twin, and ten healthy shapes, all
watched by one agent at the same time. So each silence is measured beside faults that are found in the same run.
"""

from __future__ import annotations

import pytest

from otelchan.findings.catalogue import FINDINGS
from tests.support.allfaults import SHAPES, Everything, Outcome, names, watch_all
from tests.support.faults import places

IN_FLIGHT = {"F10": 2}  # while one is received and the next goroutine sends, neither is in the buffer nor waits


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """Once, for all tests here."""
    return watch_all(tmp_path_factory.mktemp("findings"))


@pytest.fixture(scope="module")
def bad(everything: Everything) -> list[Outcome]:
    """The programs that are wrong."""
    return [program for program in everything.programs if program.variant == "bad"]


def test_every_finding_has_a_program() -> None:
    """One that has exactly it; and every program is for a finding."""
    assert set(FINDINGS) == {name.partition("-")[0] for name in names()}


def test_only_the_diagonal_fires(bad: list[Outcome]) -> None:
    """On each bad program the one finding that it was made for, and nothing else at any time."""
    others = {p.name: p.words for p in bad if p.found - {p.expected}}
    assert others == {}
    found = {program.name: program.found for program in bad}
    assert found == {program.name: {program.expected} for program in bad}


def test_the_corrected_twins_have_nothing(everything: Everything) -> None:
    """They do the same work."""
    twins = {program.name: program.words for program in everything.programs if program.variant == "good"}
    assert twins == {name: [] for name in names()}


def test_healthy_shapes_have_nothing(everything: Everything) -> None:
    """Nearly two minutes of ten ways to be idle by design; each of them has done something meanwhile."""
    assert {name: outcome.words for name, outcome in everything.healthy.items()} == {name: [] for name in SHAPES}
    assert all(everything.done.values()), everything.done


def test_each_is_found_within_the_stated_time(bad: list[Outcome]) -> None:
    """From the moment that the program says it began."""
    took = {program.name: program.seconds_to(program.expected) for program in bad if program.said}
    print({name: round(seconds, 1) for name, seconds in took.items()})
    assert {name: s for name, s in took.items() if not -1 <= s <= FINDINGS[name.partition("-")[0]].within_s} == {}


def test_each_names_the_right_channel_and_the_right_line(bad: list[Outcome]) -> None:
    """The line where the channel was made, and the one where its goroutines are stuck or the operation is."""
    marks = places()
    for program in bad:
        made, stuck = marks.get(f"{program.name} made"), marks.get(f"{program.name} stuck")
        for said in program.said:
            channel, file = str(said.attributes.get("channel.name", "")), str(said.attributes.get("code.file.path", ""))
            line = f"{file.rpartition('/')[2]}:{said.attributes.get('code.line.number', '')}"
            assert made is None or channel.rpartition(" ")[2] == made, (program.name, channel)
            assert stuck is None or line == stuck, (program.name, line)


def test_each_has_the_right_number(bad: list[Outcome]) -> None:
    """What the program says of itself: the same number when it stands still; when it grows, one that it had within the
    last ten seconds, since the youngest are not suspects yet. A program that dies is asked by what it says before."""
    for program in bad:
        ends = [int(said.attributes["finding.count"]) for said in program.said if said.state == "ended"]
        if program.last is None or program.earlier is None:
            continue
        low, high = (sum(told.numbers.values()) for told in (program.earlier, program.last))
        assert low - IN_FLIGHT.get(program.expected, 0) <= sum(ends) <= high, (program.name, low, ends, high)


def test_a_sentence_says_what_and_where(bad: list[Outcome]) -> None:
    """Every finding is told in words that name its channel or its place."""
    for program in bad:
        for said in program.said:
            sentence = str(said.attributes["finding.sentence"])
            assert len(sentence) > 40
            assert "\n" not in sentence
