"""The demonstration is right only when the leak, and nothing but the leak, was found where the source has it marked."""

from __future__ import annotations

from typing import Any

from scripts.demo import MADE_MARKER, STUCK_MARKER, faults_of, marked_line


def finding(made: int, stuck: int) -> dict[str, Any]:
    """A finding made and stuck at lines of main.go."""
    site = {"function": "main.askPrice.func1", "file": "/src/leaky/main.go", "line": stuck}
    return {"id": "F1", "made_at": f"main.go:{made}", "site": site}


def faults(*findings: dict[str, Any]) -> list[str]:
    """What the demonstration says about these findings in one program."""
    return faults_of({"processes": [{"findings": list(findings)}]})


def test_the_leak_at_its_marked_lines_is_right() -> None:
    """The lines come from the markers in the source, not from here."""
    assert [] == faults(finding(marked_line(MADE_MARKER), marked_line(STUCK_MARKER)))


def test_another_line_is_wrong() -> None:
    """A make or a site that is off by one line fails the demonstration, and says what was found."""
    made, stuck = marked_line(MADE_MARKER), marked_line(STUCK_MARKER)
    assert [f"F1 says made at main.go:{made}, stuck at main.go:{stuck + 1}"] == faults(finding(made, stuck + 1))
    assert [f"F1 says made at main.go:{made + 1}, stuck at main.go:{stuck}"] == faults(finding(made + 1, stuck))


def test_something_healthy_called_a_leak_is_wrong() -> None:
    """The program's idle workers and its busy queue are no findings."""
    made, stuck = marked_line(MADE_MARKER), marked_line(STUCK_MARKER)
    assert ["F1 says made at main.go:5, stuck at main.go:6"] == faults(finding(made, stuck), finding(5, 6))


def test_nothing_found_is_wrong() -> None:
    """The leak is there, so silence is a fault."""
    assert 1 == len(faults())
