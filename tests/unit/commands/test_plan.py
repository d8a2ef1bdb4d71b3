"""`otelchan plan --trial`: how long, and of which process."""

from __future__ import annotations

import argparse

import pytest

from otelchan.arguments import short_time_ns
from otelchan.commands import plan
from otelchan.errors import UsageError

MILLISECOND = 1_000_000


def asked(*arguments: str) -> tuple[int, list[int]]:
    """How long a trial is asked for, and of which processes."""
    parser = argparse.ArgumentParser()
    plan.add_arguments(parser)
    found = parser.parse_args(arguments)
    return plan.trial_length_ns(found), list(found.pids)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["4711"], (0, [4711])),
        (["4711", "--trial"], (100 * MILLISECOND, [4711])),
        (["--trial", "4711"], (100 * MILLISECOND, [4711])),
        (["--trial", "4711", "4712"], (100 * MILLISECOND, [4711, 4712])),
        (["--trial", "250ms", "4711"], (250 * MILLISECOND, [4711])),
        (["4711", "--trial=2s"], (2000 * MILLISECOND, [4711])),
    ],
)
def test_a_time_has_a_unit_so_a_number_is_a_process(arguments: list[str], expected: tuple[int, list[int]]) -> None:
    """People write the option first."""
    assert expected == asked(*arguments)


@pytest.mark.parametrize("text", ["", "ms", "5ms", "11s", "1m", "nans", "-1s", "1sms"])
def test_other_times_are_refused(text: str) -> None:
    """In one sentence with an example."""
    with pytest.raises(UsageError, match="give a time from 10ms to 10s, such as 100ms"):
        short_time_ns(text)


def test_a_file_cannot_be_tried() -> None:
    """It does not run."""
    parser = argparse.ArgumentParser()
    plan.add_arguments(parser)

    with pytest.raises(UsageError, match="--trial needs a running process, and /bin/true is a file"):
        plan.main(parser.parse_args(["--file", "/bin/true", "--trial"]))
