"""How long operations on channels may block: the form of a rule (findings/pages/F11.md says what is made of it)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from otelchan.config import patterns

_Glob = Annotated[str, Meta(pattern=patterns.LINE, max_length=300)]
_Count = Annotated[int, Meta(ge=1, le=10_000)]


class Objective(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of the block time of one operation on channels that fit the globs.

    channel: of channel.name, or of the `file.go:line` in it. element_type: of the type of its elements. The windows are
    at least two steps long, whatever is given.
    """

    channel: _Glob
    element_type: _Glob | None = None
    operation: Literal["send", "recv", "both"] = "send"
    objective_ms: Annotated[float, Meta(ge=0.01, le=100_000)] = 800.0
    quantile: Annotated[float, Meta(ge=0.5, le=0.9999)] = 0.999
    short_window_s: Annotated[float, Meta(ge=1, le=300)] = 30.0
    short_step_ms: Annotated[float, Meta(ge=100, le=10_000)] = 100.0
    long_window_s: Annotated[float, Meta(ge=5, le=1800)] = 300.0
    long_step_s: Annotated[float, Meta(ge=0.5, le=60)] = 1.0
    hits: _Count = 3
    rise_ms_per_minute: Annotated[float, Meta(ge=0.001, le=1_000_000)] = 120.0
    cool_down_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    close_steps: _Count = 100

    @property
    def operations(self) -> tuple[str, ...]:
        """Which ones it is about."""
        return ("send", "recv") if self.operation == "both" else (self.operation,)


def of_yaml(value: Any) -> Any:
    """Rules as they were read, in which 5.0 is a whole number, as it is for JSON Schema."""
    if not isinstance(value, list):
        return value
    return [{k: _whole(k, v) for k, v in rule.items()} if isinstance(rule, dict) else rule for rule in value]


def _whole(name: str, value: Any) -> Any:
    integral = name in ("hits", "close_steps") and isinstance(value, float) and value.is_integer()
    return int(value) if integral else value


Objectives = Annotated[
    tuple[Objective, ...],
    Meta(
        description=(
            "How long operations on channels may block, `{channel: '*queue.go:12', objective_ms: 250}`: the first rule "
            "that fits a channel and an operation decides. `channel` is a glob of the channel's name or of the "
            "`file.go:line` in it, `element_type` of the type of its elements, `operation` send (default), recv or "
            "both. At most one in a thousand (`quantile` 0.999) may block longer than `objective_ms` (800). It is "
            "breached after `hits` (3) steps in a row in which that was not so within `short_window_s` (30, in steps "
            "of `short_step_ms`, 100), while the quantile within `long_window_s` (300, in steps of `long_step_s`, 1) "
            "rises by more than `rise_ms_per_minute` (120). After `cool_down_s` (60) it is on probation: a step that "
            "hits breaches it again, `close_steps` (100) in a row that do not end it. Without rules nothing is read "
            "for this."
        ),
        extra={
            "allowed": "a list of mappings with channel, and any of the others; in a variable as JSON",
            "unit": "",
            "reload": True,
            "off": False,
        },
        max_length=200,
    ),
]
