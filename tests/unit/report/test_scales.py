"""What axes say, and text of programs as a page may show it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from otelchan.report.colours import DARK, LIGHT, SERIES, STATES, STYLE
from otelchan.report.scales import thinned, time_ticks, value_ticks
from otelchan.report.text import amount, clean, escaped, shortened

SECOND = 1_000_000_000
START = 1_795_312_800 * SECOND  # 2026-11-22T02:00:00Z
TEXTS = ("ink", "muted", "critical", "warning", "info", "good", "accent")
LINES = tuple(f"s{number}" for number in range(1, SERIES + 1))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (7, ["02:00:00", "02:00:02", "02:00:04", "02:00:06"]),
        (60, ["02:00:00", "02:00:15", "02:00:30", "02:00:45", "02:01:00"]),
        (900, ["02:00", "02:05", "02:10", "02:15"]),
        (86_400, ["22 Nov 06:00", "22 Nov 12:00", "22 Nov 18:00", "23 Nov 00:00"]),
        (5 * 86_400, ["23 Nov", "25 Nov", "27 Nov"]),
        (100 * 86_400, ["13 Dec", "07 Jan", "01 Feb", "26 Feb"]),
    ],
)
def test_times_are_round_and_not_too_many(seconds: int, expected: list[str]) -> None:
    """Seconds, minutes or days, as the time that is shown needs it."""
    assert expected == [label for _, label in time_ticks(START, START + seconds * SECOND, 4)]


def test_a_tick_is_the_moment_that_it_names() -> None:
    """Also when the time starts between two."""
    assert [(START + 60 * SECOND, "02:01")] == time_ticks(START + 1, START + 61 * SECOND, 1)


@pytest.mark.parametrize(
    ("highest", "unit", "expected"),
    [
        (7, "goroutines", [0, 2, 4, 6, 8]),
        (1, "goroutines", [0, 1]),
        (0.7, "operations/s", [0, 0.2, 0.4, 0.6, 0.8]),
        (0, "goroutines", [0, 1]),
        (200, "s", [0, 60, 120, 180, 240]),
        (5, "s", [0, 2, 4, 6]),
        (0.003, "s", [0, 0.001, 0.002, 0.003]),
        (1234, "goroutines", [0, 500, 1000, 1500]),
    ],
)
def test_values_are_round_and_end_above_the_highest(highest: float, unit: str, expected: list[float]) -> None:
    """There is no half of a goroutine, and minutes are not hundreds of seconds."""
    assert pytest.approx(expected) == value_ticks(highest, unit)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0, "s", "0 s"), (0.00025, "s", "250 us"), (0.9999, "s", "1 s"), (90, "s", "1.5 min"), (7200, "s", "2 h"),
        (1e-12, "s", "1e-12 s"), (1234, "goroutines", "1.23k"), (999.9, "", "1k"), (0.5, "operations/s", "0.5/s"),
        (2.5e9, "By", "2.5G"), (-3, "", "-3"),
    ],
)  # fmt: skip
def test_an_amount_is_short(value: float, unit: str, expected: str) -> None:
    """Three digits and a prefix; durations in their units."""
    assert expected == amount(value, unit)


def test_fewer_points_keep_lowest_highest_and_gaps() -> None:
    """Of each stretch of time."""
    values = [5.0, 1.0, 9.0, 5.0, None, 5.0, 5.0, 5.0, 7.0, 5.0, 6.0, 5.0]
    times, kept = thinned(range(12), values, 9)
    assert ([1, 2, 4, 5, 7, 8, 9], [1.0, 9.0, None, 5.0, 5.0, 7.0, 5.0]) == (times, kept)
    assert (list(range(12)), values) == thinned(range(12), values, 12)


def test_what_cannot_be_seen_is_shown_as_such() -> None:
    """Controls, surrogates, and letters that turn the direction of writing; others stay."""
    assert "a\ufffdb\ufffdc\ufffd世界é" == clean("a\x00b\u202ec\ud800世界é")
    assert "&lt;a href=&quot;x&quot;&gt;&amp;&#x27;" == escaped('<a href="x">&\'')


def test_a_shortened_name_keeps_both_ends() -> None:
    """And is never longer than asked for."""
    assert ("abc…xyz", "abcdef", "abc…wxyz") == (
        shortened("abcdefuvwxyz", 7),
        shortened("abcdef", 6),
        shortened("abcdefuvwxyz", 8),
    )


def contrast(first: str, second: str) -> float:
    """By WCAG 2.2: 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_shown_can_be_read(scheme: dict[str, str]) -> None:
    """Text has a contrast of 4.5 to each ground it stands on, lines 3, in both schemes."""
    grounds = [scheme[name] for name in ("panel", "paper")]
    soft = {"critical": "critical-soft", "warning": "warning-soft", "info": "info-soft"}
    bad = [name for name in TEXTS if min(contrast(scheme[name], ground) for ground in grounds) < 4.5]
    bad += [name for name, ground in soft.items() if contrast(scheme[name], scheme[ground]) < 4.5]
    bad += [
        f"{name} on {ground}"
        for name in ("ink", "muted")
        for ground in soft.values()
        if contrast(scheme[name], scheme[ground]) < 4.5
    ]
    bad += [name for name in LINES if contrast(scheme[name], scheme["panel"]) < 3]
    assert [] == bad


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_levels_of_a_heat_map_go_one_way(scheme: dict[str, str]) -> None:
    """Each stands out more from the ground than the one before: that needs no colour vision."""
    steps = [contrast(scheme[f"h{level}"], scheme["panel"]) for level in range(1, 8)]
    assert sorted(steps) == steps
    assert min(higher / lower for lower, higher in pairwise(steps)) > 1.15


def seen(colour: str, matrix: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
    """A colour as somebody sees it who lacks a kind of cone."""
    linear = [(int(colour[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    red, green, blue = (
        max(0.0, sum(k * part for k, part in zip(row, linear, strict=True))) ** (1 / 2.2) for row in matrix
    )
    return red, green, blue


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    "matrix",
    [
        ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
        ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    ],
    ids=["protanopia", "deuteranopia"],
)  # Machado, Oliveira, Fernandes: A Model for Simulation of Color Vision Deficiency (2009), table 1
def test_the_first_lines_and_the_states_are_told_apart_by_every_eye(
    scheme: dict[str, str], matrix: tuple[tuple[float, float, float], ...]
) -> None:
    """Four lines by colour alone, the others by dashes too; of the states the good ones from the bad ones."""

    def distance(first: str, second: str) -> float:
        ours, theirs = seen(scheme[first], matrix), seen(scheme[second], matrix)
        return float(sum((a - b) ** 2 for a, b in zip(ours, theirs, strict=True)) ** 0.5)

    pairs = [(a, b) for a in LINES[:4] for b in LINES[:4] if a < b]
    pairs += [(good, bad) for good in ("calm", "idle", "done") for bad in ("hot", "warm")]
    assert [] == [f"{a} {b} {distance(a, b):.2f}" for a, b in pairs if distance(a, b) < 0.15]


def test_both_schemes_have_all_names() -> None:
    """And states have colours that are there, and the style has them all."""
    assert set(LIGHT) == set(DARK)
    assert set(STATES.values()) <= set(LIGHT)
    assert {f"--{name}: {colour};" for scheme in (LIGHT, DARK) for name, colour in scheme.items()} <= set(
        part + ";" for part in STYLE.replace("{ ", "; ").split("; ")
    ) | {part.strip() + ";" for part in STYLE.replace("{", ";").replace("}", ";").split(";")}
