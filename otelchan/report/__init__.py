"""A page for people without Grafana, from recorded OTLP and snapshots. Composition: sees telemetry, findings and view.

Nothing of it is imported before `otelchan report` asks for it; its pictures need the extra `report`.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelchan.report.types import Report

__all__ = ["make_report"]


def make_report(paths: Sequence[str], made_unix_ns: int, version: str) -> Report:
    """Read files and put together what they tell. Raises UsageError when one cannot be read or tells of nothing."""
    from otelchan.report import still
    from otelchan.report.agents import agent_of
    from otelchan.report.page import anchor
    from otelchan.report.programs import program_of
    from otelchan.report.sources import read

    found = read(paths)
    stills = [still.program_of(snapshot, anchor(i), path) for i, (path, snapshot) in enumerate(found.snapshots)]
    recorded = [history for history in found.histories if history.is_program]
    programs = [program_of(history, anchor(len(stills) + i)) for i, history in enumerate(recorded)]
    agents = [agent_of(history) for history in found.histories if not history.is_program]
    return Report(found.sources, (*stills, *programs), agents, made_unix_ns, version, bool(found.more))
