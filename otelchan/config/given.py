"""A value as it was given, before it is a setting."""

from __future__ import annotations

from typing import Any, NamedTuple


class Given(NamedTuple):
    """where: its source. text: it came as text, from a variable or a flag."""

    value: Any
    where: str
    text: bool
