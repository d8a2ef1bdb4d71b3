"""F13: what each finding takes off a channel's score."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otelchan.findings.health import health, part
from otelchan.findings.types import Finding, Member
from otelchan.model.types import Age
from tests.support.snapshots import channel, finding, snapshot

WORK, QUEUE = "main.work main.go:41", "main.queue main.go:50"
PAGE = Path(__file__).parents[3] / "otelchan" / "findings" / "pages" / "F13.md"


def score(*findings: Finding, name: str = WORK) -> tuple[int, dict[str, int]]:
    """Of a channel, among two."""
    found = health(snapshot((channel(WORK), channel(QUEUE))), findings)[name]
    return found.score, dict(found.parts)


def test_a_channel_without_findings_is_healthy() -> None:
    """Whatever is found elsewhere."""
    assert (100, {}) == score(finding(channel=QUEUE), finding(id="F16", channel=""))
    assert (100, {}) == score(finding(id="F15"), finding(id="F12"), finding(id="F2"))


@pytest.mark.parametrize(
    ("severity", "count", "taken"),
    [
        ("critical", 1, 35),
        ("critical", 10, 52),
        ("critical", 100, 70),
        ("critical", 100_000, 70),
        ("warning", 1, 15),
        ("warning", 100, 30),
        ("info", 1, 5),
        ("info", 100, 10),
        ("info", 0, 5),
    ],
)
def test_a_part_grows_with_severity_and_number(severity: str, count: int, taken: int) -> None:
    """From the weight, by half of it with every tenfold, to twice as much."""
    assert taken == part([finding(severity=severity, count=count)])


def test_findings_of_one_kind_are_one_part() -> None:
    """The worst severity, and all that they count."""
    assert (30, {"F1": 70}) == score(finding(severity="critical", count=40), finding(severity="info", count=60))


def test_parts_add_up_and_the_score_ends_at_nothing() -> None:
    """Each can be seen."""
    several = [finding(id=id_, severity="critical", count=100) for id_ in ("F11", "F1")]
    assert (0, {"F1": 70, "F11": 70}) == score(*several)
    assert ["F1", "F11"] == list(score(*several)[1])


def test_every_channel_of_a_deadlock_is_touched() -> None:
    """It names one, its members the others."""
    member = Member(7, QUEUE, "send", "chan send", Age(0, at_least=False), ())
    deadlock = finding(id="F14", severity="warning", count=10, channel=WORK, members=(member,))
    assert (78, {"F14": 22}) == score(deadlock, name=QUEUE) == score(deadlock)


def test_only_channels_of_the_programs_own_have_a_score() -> None:
    """Not timers, contexts or what the runtime uses."""
    kinds = ("timer", "ticker", "context", "signal", "runtime", "nil")
    assert {} == health(snapshot([channel(kind, kind=kind) for kind in kinds]), [])


def test_the_example_on_the_page_is_computed_so() -> None:
    """Its two parts and its score."""
    leak, reads = finding(count=37), finding(id="F4", severity="info", count=250)
    parts = {id_: int(taken) for id_, taken in re.findall(r"^ {4}(F\d+) .* = (\d+)$", PAGE.read_text(), re.MULTILINE)}
    (total,) = re.findall(r"^ {4}score = 100 .* = (\d+)$", PAGE.read_text(), re.MULTILINE)
    assert (int(total), parts) == score(leak, reads)
