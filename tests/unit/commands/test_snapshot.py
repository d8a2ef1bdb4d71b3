"""`otelchan snapshot`: where it may be written."""

from __future__ import annotations

from otelchan.commands.snapshot import _is_there


def test_a_path_that_cannot_be_looked_at_is_said_when_it_is_written() -> None:
    """A name that is too long is no error of ours."""
    assert [True, False, False] == [_is_there(path) for path in ("/", "/no/such", "x" * 300)]
