"""The plan as one document, the same for people and for `--json`. Its keys are described in docs/plan-json.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from otelchan.gobinary.types import GoImage, SiteKind
from otelchan.plan.types import (
    AttachPlan,
    CpuSamples,
    Expected,
    LeftOut,
    PlaneExpectation,
    SiteExpectation,
)
from otelchan.target.types import Process

VERSION = 1
_MILLISECOND = 1_000_000
# A child that is forked without exec has a copy of the memory, traps included. The handler of a uprobe_multi link
# lets it pass each time; that of a perf event takes the trap out of the copy (tests/kernel/test_plan.py shows both).
_FORKED = {"multi": "every hit", "perf": "first hit"}


class Attaching(NamedTuple):
    """backend: who would load the kernel side, "libbpf" or "bcc". way: "multi" or "perf" links, and how many of them.

    attach_ns, detach_ns: for all planes. map_bytes: of kernel memory from the start; map_bytes_at_most: with full maps.
    """

    backend: str
    way: str
    links: int
    attach_ns: int
    detach_ns: int
    map_bytes: int
    map_bytes_at_most: int


class Why(NamedTuple):
    """In the words of the probe catalogue. tells: what a hit means. gives: what it is good for."""

    tells: str
    gives: str


@dataclass(frozen=True)
class Preview:
    """What would be done with one program, as far as it could be found out.

    process: None for an executable that is only a file. others: ids of other processes that run the same file. traps:
    addresses of sites where another tracer's trap is, None: not known. watcher: process id of the otelchan that
    watches it, "" for none. refusals: why `run` would not watch it, as sentences. unknown: why something ("hits",
    "code", "attaching", "trial") is not known. budget: fraction of a core, None for none.
    """

    executable: str
    process: Process | None
    image: GoImage
    plan: AttachPlan
    planes: tuple[PlaneExpectation, ...]
    left_out: tuple[LeftOut, ...]
    samples: CpuSamples | None
    others: tuple[int, ...]
    traps: tuple[int, ...] | None
    watcher: str
    attaching: Attaching | None
    refusals: tuple[str, ...]
    unknown: Mapping[str, str]
    budget: float | None
    reasons: Mapping[SiteKind, Why] = field(default_factory=dict)


class Refused(NamedTuple):
    """A process for which there is no plan."""

    pid: int
    reason: str


def plan_document(previews: Iterable[Preview], refused: Iterable[Refused]) -> dict[str, Any]:
    """What would be done with each program, as JSON values. Pure."""
    return {
        "version": VERSION,
        "processes": [_preview(preview) for preview in previews],
        "refused": [{"pid": one.pid, "reason": one.reason} for one in refused],
    }


def _preview(preview: Preview) -> dict[str, Any]:
    image = preview.image
    return {
        "pid": preview.process.pid if preview.process else None,
        "executable": preview.executable,
        "go": {
            "version": image.build.go_version,
            "architecture": image.architecture,
            "main_package": image.build.main_package,
            "main_module": image.build.main_module,
            "build_id": image.build_id,
            "stripped": image.stripped,
            "layout_source": image.layout.source,
        },
        "budget_percent": _percent(preview.budget),
        "would_be_refused": list(preview.refusals),
        "watched_by": preview.watcher or None,
        "costs_measured": preview.plan.costs.measured,
        "planes": [_plane(plane, preview) for plane in preview.planes],
        "left_out": [{"what": left.what, "reason": left.reason} for left in preview.left_out],
        "other_processes": list(preview.others),
        "forked_children_trap": _FORKED[preview.attaching.way] if preview.attaching else None,
        "attaching": _attaching(preview.attaching),
        "sampling": _sampling(preview.samples),
        "unknown": dict(preview.unknown),
    }


def _plane(plane: PlaneExpectation, preview: Preview) -> dict[str, Any]:
    return {
        "plane": str(plane.plane),
        "outlook": str(plane.outlook),
        "then": plane.then,
        "samples": plane.samples,
        "hits_per_second": _expected(plane.hits),
        "core_percent": _expected(_times(plane.share, 100)),
        "trial": _trial(plane),
        "sites": [_site(site, preview) for site in plane.sites],
    }


def _site(expectation: SiteExpectation, preview: Preview) -> dict[str, Any]:
    planned, site = expectation.planned, expectation.planned.site
    why = preview.reasons[site.kind]
    return {
        "kind": str(site.kind),
        "function": site.function,
        "address": hex(site.address),
        "file_offset": hex(planned.file_offset),
        "instruction": site.instruction,
        "code": site.code.hex(),
        "tells": why.tells,
        "gives": why.gives,
        "cost_ns": planned.cost_ns,
        "samples": expectation.samples,
        "hits_per_second": _expected(expectation.hits),
        "other_trap": None if preview.traps is None else site.address in preview.traps,
    }


def _trial(plane: PlaneExpectation) -> dict[str, Any] | None:
    if plane.counted is None:
        return None
    tried, hits, share = plane.counted
    return {
        "hits": tried.hits,
        "watched_ns": tried.watched_ns,
        "hits_per_second": _expected(hits),
        "core_percent": _expected(_times(share, 100)),
        "bursts": _figures(tried.bursts),
        "stopped": tried.stopped,
        "cost_ns": tried.all_cost_ns,
        "attached_ns": tried.attached_ns,
        "traps_out": tried.traps_out,
    }


def _expected(value: Expected | None) -> dict[str, float] | None:
    return None if value is None else {name: _figures(number) for name, number in value._asdict().items()}


def _times(value: Expected | None, factor: float) -> Expected | None:
    return None if value is None else Expected(*(number * factor for number in value))


def _figures(number: float) -> float:
    """Three figures: more would be made up."""
    return float(f"{number:.3g}")


def _percent(share: float | None) -> float | None:
    return None if share is None else _figures(share * 100)


def _attaching(attaching: Attaching | None) -> dict[str, Any] | None:
    if attaching is None:
        return None
    return {
        "backend": str(attaching.backend),
        "way": str(attaching.way),
        "links": attaching.links,
        "attach_ms": round(attaching.attach_ns / _MILLISECOND),
        "detach_ms": round(attaching.detach_ns / _MILLISECOND),
        "map_bytes": attaching.map_bytes,
        "map_bytes_at_most": attaching.map_bytes_at_most,
    }


def _sampling(samples: CpuSamples | None) -> dict[str, Any] | None:
    if samples is None:
        return None
    return {
        "duration_ns": samples.duration_ns,
        "period_ns": samples.period_ns,
        "samples": sum(samples.stacks.values()),
        "lost": samples.lost,
        "threads": samples.threads,
        "threads_unseen": samples.unseen,
        "core_percent": _percent(samples.cpu_ns / max(samples.duration_ns, 1)),
    }
